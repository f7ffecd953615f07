"""Cells that clusters and nodes share: a bar with its percentage, used of total, with `!` from a threshold on."""

from __future__ import annotations

from collections.abc import Collection

from console.metrics import METRICS, Metric
from console.model.cluster import Source
from console.render.bars import bar, load_tone
from console.render.cells import BLANK, Cell, Pieces, cell, unknown
from console.render.figures import percent, size_of
from console.render.glyphs import Glyphs

BAR_CELLS = 7
BAR_WIDTH = BAR_CELLS + 6  # a blank and "100 %"
PAIR_WIDTH = 10  # "999/999 G!"
SHARE_WIDTH = 6  # "100 %!"


def percent_cell(value: float | None, metric: Metric, glyphs: Glyphs, *, of_host: bool = False) -> Cell:
    """Return ``████▎··· 54 %``; unknown is one dim dash. ``of_host`` marks the host's with ``=``."""
    if value is None:
        return unknown(glyphs)
    tone = load_tone(value, metric.warn_percent, metric.bad_percent)
    text_tone = tone if tone in {"warn", "bad"} else ""
    text = ("=" if of_host else "") + percent(value, glyphs)
    return Cell((*bar(value, BAR_CELLS, glyphs, tone), (f"{text:>6}", text_tone)), value)


def used_cell(used_bytes: float | None, total_bytes: float | None, metric: Metric, glyphs: Glyphs) -> Cell:
    """Return ``3.1/8 G``, with ``!`` and a tone from the metric's thresholds on."""
    if used_bytes is None and total_bytes is None:
        return unknown(glyphs)
    share = 100 * used_bytes / total_bytes if used_bytes is not None and total_bytes else None
    tone = load_tone(share, metric.warn_percent, metric.bad_percent)
    return Cell(_marked(size_of(used_bytes, total_bytes, glyphs), PAIR_WIDTH, tone), used_bytes)


def source_cell(sources: Collection[Source]) -> Cell:
    """Return where figures come from, in four cells: ``prom``, ``dash``, ``both`` where some are from each."""
    if not sources:
        return BLANK
    return cell("both" if len(sources) > 1 else next(iter(sources))[:4], "dim")


def share_cell(used: float | None, total: float | None, metric: Metric, glyphs: Glyphs) -> Cell:
    """Return ``41 %``, with ``!`` and a tone from the metric's thresholds on."""
    share = 100 * used / total if used is not None and total else None
    if share is None:
        return unknown(glyphs)
    tone = load_tone(share, metric.warn_percent, metric.bad_percent)
    return Cell(_marked(percent(share, glyphs), SHARE_WIDTH, tone), share)


def _marked(text: str, width: int, tone: str) -> Pieces:
    """Add ``!`` to a figure that crossed a threshold, apart from it where there is room."""
    if tone not in {"warn", "bad"}:
        return ((text, ""),)
    return ((f"{text} !" if len(text) + 2 <= width else f"{text}!", tone),)


def gpu_cells(
    count: int, used_percent: float | None, gram: tuple[float | None, float | None], glyphs: Glyphs
) -> tuple[Cell, Cell]:
    """Return the GPU and the GPU memory cell; both blank where there is no GPU: it does not apply."""
    if count == 0:
        return BLANK, BLANK
    return percent_cell(used_percent, METRICS["gpu_percent"], glyphs), used_cell(
        *gram, METRICS["gram_used_bytes"], glyphs
    )
