"""Partial repaints that write only the cells that differ from what the terminal shows, and of a style what changes.

Textual's own begin at the left edge of the widget and give each piece its whole style: an age in the last column of a
table would cost its line, every second, over a slow line. This uses a private module of Textual 8.2; a test holds what
it writes to a full repaint.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from rich.cells import get_character_cell_size
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual._compositor import ChopsUpdate
from textual.strip import Strip

from console.widgets.pens import Pens

Cell = tuple[str, Style | None]
_NEAR = 4  # cells that stay the same: to write them costs as little as to step over them
_MOST_COMPARED = 2000  # cells of a frame: of a larger one, such as of a log that runs, nearly all differ


class Shown:
    """What the terminal shows, cell by cell, as far as that is known."""

    def __init__(self) -> None:
        self._lines: dict[int, dict[int, Cell]] = {}

    def clear(self) -> None:
        """Know nothing any more: something else has painted."""
        self._lines.clear()

    def changed(self, y: int, x: int, strip: Strip, *, compared: bool) -> Iterator[tuple[int, list[Segment]]]:
        """Take in what is to be shown from cell ``x`` of line ``y`` on; yield the stretches that have to be written.

        All of it where it is not ``compared``, and where a sign has not one cell: terminals do not agree on these.
        """
        line, segments = self._lines.setdefault(y, {}), list(strip)
        if not compared or not all(_is_single(segment.text) for segment in segments):
            for at in range(x, x + strip.cell_length):
                line.pop(at, None)
            yield x, segments
            return
        cells = [(sign, style) for text, style, _ in segments for sign in text]
        differing = [at for at, cell in enumerate(cells) if line.get(x + at) != cell]
        line.update(enumerate(cells, x))
        for first, last in _runs(differing):
            yield x + first, [Segment(*cell) for cell in cells[first : last + 1]]


@lru_cache(4096)
def _is_single(text: str) -> bool:
    """Return whether each sign takes one cell."""
    return text.isascii() or all(get_character_cell_size(sign) == 1 for sign in text)


def _runs(places: list[int]) -> Iterator[tuple[int, int]]:
    """Yield first and last of the runs in sorted places; what is near to each other is one run."""
    first = last = None
    for place in places:
        if first is None or last is None:
            first = place
        elif place - last > _NEAR:
            yield first, last
            first = place
        last = place
    if first is not None and last is not None:
        yield first, last


class NarrowUpdate(ChopsUpdate):
    """A partial update that writes what differs from ``shown``."""

    shown: Shown

    @classmethod
    def of(cls, update: ChopsUpdate, shown: Shown) -> NarrowUpdate:
        """Return the same update, cut down to what differs."""
        narrow = cls(update.chops, update.spans, update.chop_ends)
        narrow.shown = shown
        return narrow

    def render_segments(self, console: Console) -> str:
        """Return what is written to the terminal."""
        pens, is_small = Pens(console), sum(x2 - x1 for _, x1, x2 in self.spans) <= _MOST_COMPARED
        for y, x1, x2 in self.spans:
            for end, (x, strip) in zip(self.chop_ends[y], self.chops[y].items(), strict=False):
                left, right = max(x, x1), min(end, x2)
                if strip is not None and left < right:
                    part = strip.crop(left - x, right - x)
                    for at, segments in self.shown.changed(y, left, part, compared=is_small):
                        pens.move_to(at, y)
                        pens.write(segments)
        return pens.written()
