"""Partial repaints that begin where the change begins.

Textual's own begin at the left edge of the widget, so that an age in the last column of a table would cost its whole
line, every second, over a slow line. This uses a private module of Textual 8.2; a test holds what
it writes to a full repaint.
"""

from __future__ import annotations

from rich.console import Console
from rich.control import Control
from textual._compositor import ChopsUpdate


class NarrowUpdate(ChopsUpdate):
    """A partial update that is cut at both ends of each stretch."""

    @classmethod
    def of(cls, update: ChopsUpdate) -> NarrowUpdate:
        """Return the same update, cut more narrowly."""
        return cls(update.chops, update.spans, update.chop_ends)

    def render_segments(self, console: Console) -> str:
        """Return what is written to the terminal."""
        return "".join(self._stretch(console, y, x1, x2) for y, x1, x2 in self.spans)

    def _stretch(self, console: Console, y: int, x1: int, x2: int) -> str:
        written = []
        for end, (x, strip) in zip(self.chop_ends[y], self.chops[y].items(), strict=False):
            left, right = max(x, x1), min(end, x2)
            if strip is not None and left < right:
                written += [Control.move_to(left, y).segment.text, strip.crop(left - x, right - x).render(console)]
        return "".join(written)
