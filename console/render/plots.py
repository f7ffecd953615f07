"""A job's output as scatter plots: for each statistic mean against variance, a colour and a marker per summary."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

from console.model.output import JobOutput, Summary
from console.render.cells import Pieces
from console.render.chart import Chart, scatter
from console.render.glyphs import Glyphs
from console.render.legend import legend
from console.render.members import CLUSTER_COLUMNS, STATISTICS, cluster_rows, groups_of, members_of
from console.render.palette import group_colour
from console.render.text_table import text_table

SMALLEST = (38, 10)  # cells and lines with which a plot can still be read
_COLOUR = "\x1b[38;2;{};{};{}m{}\x1b[0m"


def plots_text(output: JobOutput, columns: int, rows: int, glyphs: Glyphs, *, coloured: bool) -> str:
    """Return the four plots of each cluster as text, two beside each other where ``columns`` has room for two.

    ``rows``: lines of one plot. ``coloured``: with the colours of a dark terminal; markers tell groups apart anyhow.
    """
    lines: list[str] = []
    members = members_of(output)
    for member in members:
        if len(members) > 1:
            error = member.about.error if member.about else None
            lines += [glyphs.safe(f"{member.title}  {error or ''}").rstrip(), ""]
        if member.points_shown < member.points:
            lines += [f"a sample of {member.points_shown} of {member.points} points is plotted", ""]
        lines += [_text(pieces, coloured=coloured) for pieces in _arranged(member.shown, columns, rows, glyphs)]
    if len(members) > 1:
        lines.append(text_table(CLUSTER_COLUMNS[1:], [row.cells[1:] for row in cluster_rows(members, glyphs).values()],
                                glyphs))  # fmt: skip
    return "\n".join(lines)


def _arranged(summaries: Sequence[Summary], columns: int, rows: int, glyphs: Glyphs) -> list[Pieces]:
    beside = 2 if columns >= 2 * SMALLEST[0] + 2 else 1
    width = (columns - 2 * (beside - 1)) // beside
    charts = [
        scatter(groups_of(summaries, statistic), width, rows, glyphs, title=statistic, legend=False)
        for statistic in STATISTICS
    ]
    out: list[Pieces] = []
    for at in range(0, len(charts), beside):
        out += _beside(charts[at : at + beside])
        out.append(())
    names = [summary.id for summary in summaries]
    out.append(legend(names, columns, glyphs, overlapping=any(chart.overlapping for chart in charts)))
    return out


def _beside(charts: Sequence[Chart]) -> list[Pieces]:
    gap = (("  ", ""),)
    rows = zip_longest(*(chart.lines for chart in charts), fillvalue=())
    return [tuple(piece for n, line in enumerate(row) for piece in (*(gap if n else ()), *line)) for row in rows]


def _text(pieces: Pieces, *, coloured: bool) -> str:
    if not coloured:
        return "".join(text for text, _ in pieces).rstrip()
    return "".join(_painted(text, pen) for text, pen in pieces)


def _painted(text: str, pen: str) -> str:
    if not pen.startswith("group-"):
        return text
    colour = group_colour(int(pen.removeprefix("group-")), dark=True)
    return _COLOUR.format(*bytes.fromhex(colour.removeprefix("#")), text)
