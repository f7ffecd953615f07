"""The title line of a log: whose it is, how the job stands, where the reader is, what was counted."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from console.model.job import Job
from console.render.cells import Pieces
from console.render.figures import duration
from console.render.glyphs import Glyphs, state_tone


class LogStanding(Struct, frozen=True):
    """Where the reader is, and what was counted so far."""

    following: bool
    new_lines: int
    lines: int
    errors: int


_SHORT_ID = 14  # characters: "raysubmit_" and what tells it from its neighbours


def log_title(job: Job, standing: LogStanding, now: float, glyphs: Glyphs, width: int = 1000) -> Pieces:
    """Return `` raysubmit_7Kq… on local-1  ▶ running 12 s  ● following  2 errors  1 204 lines``.

    The id is whole, and the count of lines stands there, where that fits into ``width`` cells.
    """
    short = job.id if len(job.id) <= _SHORT_ID + 1 else job.id[:_SHORT_ID] + glyphs.ellipsis
    lines = ((f"  {standing.lines:,} lines".replace(",", " "), "dim"),)
    for shown_id, last in ((job.id, lines), (short, lines)):
        pieces = (*_title(job, shown_id, standing, now, glyphs), *last)
        if sum(len(text) for text, _ in pieces) <= width:
            return pieces
    return _title(job, short, standing, now, glyphs)


def _title(job: Job, shown_id: str, standing: LogStanding, now: float, glyphs: Glyphs) -> Pieces:
    tone = state_tone(job.status)
    pieces: list[tuple[str, str]] = [
        (f" {shown_id}", ""),
        (" on ", "dim"),
        (job.cluster, ""),
        (f"  {glyphs.state(job.status)} {job.status.lower()}", tone),
    ]
    if job.start_time is not None:
        seconds = max(0.0, (job.end_time or now) - job.start_time)
        pieces.append((f" {duration(seconds if job.end_time else int(seconds), glyphs)}", "dim"))
    return (*pieces, *_reader(standing, glyphs))


def merged_title(jobs: Sequence[Job], standing: LogStanding, glyphs: Glyphs) -> Pieces:
    """Return `` 3 logs of local-1 cloud-1  ▶ 2 running  ● following  2 errors  1 204 lines``."""
    clusters = " ".join(dict.fromkeys(job.cluster for job in jobs))
    running = sum(not job.ended for job in jobs)
    name = "running" if running else "succeeded"
    words = f"  {glyphs.state(name)} {running} running" if running else f"  {glyphs.state(name)} all ended"
    lines = f"  {standing.lines:,} lines".replace(",", " ")
    title = ((f" {len(jobs)} logs", ""), (" of ", "dim"), (clusters, ""), (words, state_tone(name)))
    return (*title, *_reader(standing, glyphs), (lines, "dim"))


def _reader(standing: LogStanding, glyphs: Glyphs) -> Pieces:
    pieces: list[tuple[str, str]] = []
    if standing.following:
        pieces.append((f"  {glyphs.up} following", "ok"))
    else:
        arrived = f", {standing.new_lines} new" if standing.new_lines else ""
        pieces.append((f"  {glyphs.down} stays here{arrived}", "warn"))
    if standing.errors:
        pieces.append((f"  {standing.errors} error{'s' if standing.errors > 1 else ''}", "bad"))
    return tuple(pieces)
