"""LogPainter: the painted half of the log view. Feeding never looks into a line; painting looks at those on screen.

At most ten frames a second, five while much arrives; a frame asks only for the lines that differ. The reader's place
is the number behind the lowest line shown, None while following, so nothing that arrives or falls out moves a reader.
"""

from __future__ import annotations

from rich.segment import Segment
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip

from console.render.glyphs import UNICODE, Glyphs
from console.render.table_lines import thumb_span
from console.widgets.log_lines import LinePainter, LinePens
from console.widgets.log_ring import LogRing
from console.widgets.tones import Toned

_FRAME_S, _FAST_FRAME_S = 0.1, 0.2
_FAST_LINES = 200  # more lines than this in a frame are fast: nobody reads along, and every frame costs 10 kB
_GUTTER, _MARGIN = 1, 1


class LogPainter(Toned):
    """A log on the line API: takes bytes, shows the newest lines or those where the reader is."""

    DEFAULT_CSS = "LogPainter { height: 1fr; }"

    class Changed(Message, namespace="log_view"):
        """Lines arrived, or the reader moved; at most one a frame. The figures are attributes of ``view``."""

        def __init__(self, view: LogPainter) -> None:
            super().__init__()
            self.view = view

    def __init__(self, ring: LogRing | None = None, *, glyphs: Glyphs = UNICODE, id: str | None = None) -> None:  # noqa: A002 -- Textual's own name
        super().__init__(id=id)
        self.ring = LogRing() if ring is None else ring
        self.glyphs = glyphs
        self.found: int | None = None
        self._painter = LinePainter(glyphs)
        self._bottom: int | None = None
        self._seen_end = 0
        self._painted_end = 0
        self._top_line = self._shown_end = 0
        self._wanted: list[Strip] = []
        self._shown: dict[int, Strip] = {}
        self._frame_due = False

    @property
    def following(self) -> bool:
        """Whether new lines move the view."""
        return self._bottom is None

    @property
    def new_lines(self) -> int:
        """How many lines arrived since the reader left the end."""
        return 0 if self.following else max(0, self.ring.end - self._seen_end)

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes of the log."""
        self.ring.feed(chunk)
        self._frame_soon()

    def prepend(self, earlier: bytes) -> bool:
        """Put whole lines before the first, without moving the reader; return False where not all had room."""
        had_room = self.ring.prepend(earlier)
        self._frame_soon()
        return had_room

    def clear(self) -> None:
        """Drop all lines and follow."""
        self.ring.clear()
        self.found = self._bottom = None
        self._seen_end = self._painted_end = self.ring.end
        self._frame_soon()

    def note(self, text: str) -> None:
        """Insert a line of our own; it gets the signs that set it apart from the log's text."""
        self.ring.note(f"{self.glyphs.note} {text} {self.glyphs.note}")
        self._frame_soon()

    def finish(self) -> None:
        """Take it that the log has ended."""
        self.ring.finish()
        self._frame_soon()

    def _frame_soon(self) -> None:
        if self._frame_due:
            return
        self._frame_due = True
        fast = self.ring.end - self._painted_end > _FAST_LINES
        self.set_timer(_FAST_FRAME_S if fast else _FRAME_S, self._frame)

    def _frame(self) -> None:
        self._frame_due = False
        self._painted_end = self.ring.end
        self.sync()
        self.post_message(self.Changed(self))

    def sync(self) -> None:
        """Lay out what should be on screen and ask for the lines that differ from what is."""
        self._wanted = self._laid_out()
        dirty = [
            Region(0, y, self.size.width, 1)
            for y, strip in enumerate(self._wanted)
            if (shown := self._shown.get(y)) is not strip and shown != strip
        ]
        if dirty:
            self.refresh(*dirty)

    def _laid_out(self) -> list[Strip]:
        height = self.size.height
        if self.following:
            self._seen_end = self.ring.end
        rows = self._rows_up_to(self.ring.end if self._bottom is None else self._bottom)
        start, length = self._thumb()
        blanks = [(Strip([]), False)] * (height - len(rows))
        return [
            self._line(strip, found=found, thumb=start <= y < start + length)
            for y, (strip, found) in enumerate(rows + blanks)
        ]

    def _rows_up_to(self, bottom: int) -> list[tuple[Strip, bool]]:
        """Return the painted rows of the lines before ``bottom`` that fit, each with whether it was searched for.

        Where too few stand before it, those behind it fill the screen.
        """
        height, ring = self.size.height, self.ring
        above = below = min(max(bottom, ring.first), ring.end)
        rows: list[tuple[Strip, bool]] = []
        while above > ring.first and len(rows) < height:
            above -= 1
            rows = self._rows_of(above) + rows
        self._top_line = above
        rows = rows[:height] if below == ring.first + 1 else rows[-height:] if height else []
        while below < ring.end and len(rows) < height:
            rows += self._rows_of(below)
            below += 1
        self._shown_end = below - (len(rows) > height)
        return rows[:height]

    def _rows_of(self, number: int) -> list[tuple[Strip, bool]]:
        width = max(1, self.size.width - _GUTTER - _MARGIN)
        pens = LinePens(self.pen(""), self.pen("note"), self.pen("hit"))
        return [(strip, number == self.found) for strip in self._painter.rows_of(self.ring.line(number), width, pens)]

    def _line(self, strip: Strip, *, found: bool, thumb: bool) -> Strip:
        gutter = Segment(self.glyphs.cursor if found else " ", self.pen("accent" if found else ""))
        bar = Segment(self.glyphs.thumb if thumb else self.glyphs.thumb_track, self.pen("thumb"))
        inner = strip.adjust_cell_length(max(0, self.size.width - _GUTTER - _MARGIN), self.pen(""))
        return Strip([gutter, *inner, bar], self.size.width)

    def _thumb(self) -> tuple[int, int]:
        total, height = len(self.ring), self.size.height
        above = (self._top_line - self.ring.first) / max(1, total - height)
        return thumb_span(total, height, 1.0 if self.following else above)

    def render_line(self, y: int) -> Strip:
        """Paint one line and remember it."""
        if len(self._wanted) != self.size.height:
            self._wanted = self._laid_out()
        strip = self._wanted[y] if y < len(self._wanted) else Strip.blank(self.size.width, self.pen(""))
        self._shown[y] = strip
        return strip

    def repaint(self) -> None:
        """Forget what was painted and paint anew: width, wrapping, search or theme changed."""
        self._painter.forget()
        self._wanted = []
        self.refresh()

    def on_resize(self) -> None:
        """Lay out for the new size."""
        self._shown.clear()
        self.repaint()

    def notify_style_update(self) -> None:
        """Paint with the new theme's pens."""
        super().notify_style_update()
        self._painter.forget()
        self._wanted = []
