"""Frugal: a compositor that renders only the lines that have to be painted.

Textual's own renders every widget that touches the box around all dirty regions: with the clock in the first line and
an age in the last row that is the whole screen, every second. This uses a private module of Textual 8.2; a test holds
what it paints to a full repaint.
"""

from __future__ import annotations

from collections.abc import Iterable

from textual._compositor import ChopsUpdate, Compositor
from textual.geometry import Region
from textual.strip import Strip


class FrugalCompositor(Compositor):
    """In a partial update a widget renders from its first dirty line to its last."""

    _wanted: tuple[Region, ...] = ()

    def render_partial_update(self) -> ChopsUpdate | None:
        """Render what is dirty."""
        self._wanted = tuple(self._dirty_regions)
        try:
            return super().render_partial_update()
        finally:
            self._wanted = ()

    def _get_renders(self, crop: Region | None = None) -> Iterable[tuple[Region, Region, list[Strip]]]:
        if not self._wanted:
            yield from super()._get_renders(crop)
            return
        for widget, (region, clip) in self.visible_widgets.items():
            part = self._wanted_of(region.intersection(clip))
            if part:
                yield region, part, widget.render_lines(part.translate((-region.x, -region.y)))

    def _wanted_of(self, shown: Region) -> Region:
        """Return the lines of a widget, in their whole width, from the first to the last that are wanted."""
        found = [wanted for wanted in self._wanted if wanted.overlaps(shown)]
        if not found:
            return Region()
        top = max(shown.y, min(wanted.y for wanted in found))
        bottom = min(shown.bottom, max(wanted.bottom for wanted in found))
        return Region(shown.x, top, shown.width, bottom - top)
