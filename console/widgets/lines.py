"""Lines: a few lines of text in tones, for heads, footers, titles and faults. Repaints what differs, no more."""

from __future__ import annotations

from collections.abc import Sequence

from textual.geometry import Region
from textual.strip import Strip

from console.render.cells import Pieces, fit
from console.render.glyphs import UNICODE, Glyphs
from console.widgets.tones import Toned


class Lines(Toned):
    """Shows what it is given, cut to its width. Its height follows the number of lines when ``grows`` is set."""

    DEFAULT_CSS = "Lines { height: 1; }"

    def __init__(
        self,
        lines: Sequence[Pieces] = (),
        *,
        glyphs: Glyphs = UNICODE,
        grows: bool = False,
        id: str | None = None,  # noqa: A002 -- Textual's own name
        classes: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self._glyphs = glyphs
        self._grows = grows
        self._lines: tuple[Pieces, ...] = ()
        self.show(lines)

    def show(self, lines: Sequence[Pieces]) -> None:
        """Show these lines; equal ones cost nothing."""
        before, self._lines = self._lines, tuple(lines)
        if self._grows and len(before) != len(self._lines):
            self.styles.height = len(self._lines)
            self.refresh(layout=True)
            return
        dirty = [
            Region(0, y, self.size.width, 1)
            for y in range(max(len(before), len(self._lines)))
            if before[y : y + 1] != self._lines[y : y + 1]
        ]
        if dirty:
            self.refresh(*dirty)

    def render_line(self, y: int) -> Strip:
        """Paint one line."""
        width = self.size.width
        if y >= len(self._lines):
            return Strip.blank(width, self.pen(""))
        pieces = fit(self._lines[y], width, self._glyphs)
        return self.strip_of([(text, self.pen(tone)) for text, tone in pieces], width)
