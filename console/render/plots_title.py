"""What stands above plots: whose output it is, which part of it is shown, and that it is a sample where it is one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, tzinfo

from console.model.kept import KeptOutput
from console.render.cells import Pieces
from console.render.figures import duration, number
from console.render.glyphs import Glyphs
from console.render.members import STATISTICS, Member, files_per_s


def plots_title(
    kept: Sequence[KeptOutput], zone: tzinfo | None, what: str, note: str, statistic: int | None, *, wide: bool
) -> Pieces:
    """Return the title; ``statistic``: the number of the one that is shown alone."""
    if not kept:
        return ()
    first = kept[0]
    if len(kept) > 1:
        jobs = sorted({each.job for each in kept})
        pieces: list[tuple[str, str]] = [(f" {', '.join(jobs)}", "accent"), (f"  {len(kept)} runs", "")]
    else:
        at = datetime.fromtimestamp(first.kept_at, zone)
        pieces = [(f" {first.job}", "accent"), (f" on {first.cluster}", ""), (f"  {at:%d %b %H:%M}", "dim")]
    if statistic is not None:
        pieces.append((f"  {STATISTICS[statistic]} {statistic + 1}/{len(STATISTICS)}", "text"))
    pieces += [(f"  {text}", tone) for text, tone in ((what, "text"), (note, "warn")) if text]
    if wide and len(kept) == 1:
        pieces.append((f"  {first.submission_id}, from {first.source}", "dim"))
    return tuple(pieces)


def sample_note(kept: Sequence[KeptOutput], members: Sequence[Member], rows_most: int | None) -> str:
    """Return that only a part is kept or shown, empty when it is all."""
    points, shown = sum(each.points for each in members), sum(each.points_shown for each in members)
    whole = sum(each.total or 0 for each in kept)
    if rows_most is not None:
        note = f"the first {rows_most} of {points} batches" if points > rows_most else ""
    else:
        note = f"a sample: {shown} of {points} points" if shown < points else ""
    kept_part = f"of {whole} summaries only a sample is kept" if whole else ""
    return ", ".join(text for text in (note, kept_part) if text)


def member_line(member: Member, at: int, of: int, glyphs: Glyphs) -> Pieces:
    """Return the line about the cluster or run that is shown alone."""
    head: Pieces = ((f" {member.title}", ""), (f"  {at + 1} of {of}", "dim"))
    about = member.about
    if about is None:
        return head
    if about.error:
        return (*head, (f"  {glyphs.failed} {about.error}", "bad"))
    facts = [
        (about.weight, "weight {}"),
        (about.files, "{} files"),
        (files_per_s(about), "{} files/s"),
    ]
    words = [text.format(number(value, glyphs)) for value, text in facts if value is not None]
    if about.seconds is not None:
        words.insert(2, duration(about.seconds, glyphs))
    if about.ray_version:
        words.append(f"Ray {about.ray_version}")
    return (*head, (f"  {'  '.join(words)}", "dim"))
