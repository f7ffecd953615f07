"""The values behind the plots: one row a batch, of each statistic the mean and, beside it, the variance."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from console.model.output import Summary
from console.render.cells import Cell, Column, Row, cell
from console.render.figures import number
from console.render.glyphs import Glyphs
from console.render.members import STATISTICS

VALUE_COLUMNS = (
    Column("id", "SUMMARY", 9, right=False, flex=True, width_most=16),
    Column("worker", "WORKER", 6, drop=2),
    Column("actor", "ACTOR", 5, drop=3),
    Column("batch", "BATCH", 5),
    *(
        column
        for statistic in STATISTICS
        for column in (
            Column(statistic, statistic.upper(), max(6, len(statistic))),
            Column(f"{statistic} variance", "VAR", 6),
        )
    ),
)


def value_rows(summaries: Iterable[Summary], glyphs: Glyphs, most: int | None = None) -> dict[str, Row]:
    """Return the rows by worker and batch, in the order of the output; only the first ``most`` where that is given."""
    rows = (
        (f"{summary.id}/{worker}/{batch}", Row(_cells(summary, at, glyphs)))
        for summary in summaries
        for at, (worker, batch) in enumerate(zip(summary.workers, summary.batches, strict=True))
    )
    return dict(islice(rows, most))


def _cells(summary: Summary, at: int, glyphs: Glyphs) -> tuple[Cell, ...]:
    whole = (summary.workers[at], summary.actors[at], summary.batches[at])
    figures = [
        value
        for statistic in STATISTICS
        for value in (getattr(summary, statistic).mean[at], getattr(summary, statistic).variance[at])
    ]
    return (
        cell(summary.id, "accent"),
        *(cell(str(value), "dim", value) for value in whole),
        *(cell(number(value, glyphs), "", value) for value in figures),
    )
