"""LogView: what a reader does with a log: follow, scroll, search, jump to errors, wrap, take it as a file."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message

from console.widgets.log_lines import holds, needle_of
from console.widgets.log_painter import LogPainter

_SLICE = 500  # lines looked at before other work gets its turn: 2.5 ms at worst
_STEP_CELLS = 8


class LogView(LogPainter, can_focus=True):
    """A log that can be followed at any rate, and read in peace. ``f w e n N`` and the moving keys work in it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "scroll_lines(1)", "down", show=False),
        Binding("k,up", "scroll_lines(-1)", "up", show=False),
        Binding("pagedown", "scroll_pages(1)", "page down", show=False),
        Binding("pageup", "scroll_pages(-1)", "page up", show=False),
        Binding("g,home", "first", "first", show=False),
        Binding("G,end", "last", "last", show=False),
        Binding("h,left", "sideways(-1)", "left", show=False),
        Binding("l,right", "sideways(1)", "right", show=False),
        Binding("f", "follow", "follow", show=False),
        Binding("w", "wrap", "wrap", show=False),
        Binding("e", "next_error", "next error", show=False),
        Binding("n", "find(1)", "next hit", show=False),
        Binding("N", "find(-1)", "previous hit", show=False),
    ]

    class Searched(Message):
        """A search, or a jump to an error, has ended; ``found`` is the line's number, None without one."""

        def __init__(self, what: str, found: int | None) -> None:
            super().__init__()
            self.what = what
            self.found = found

    class NearTop(Message):
        """The reader, or a search, came to where less than a page is left above: earlier lines are wanted."""

        def __init__(self, view: LogView) -> None:
            super().__init__()
            self.view = view

    def lines_as_bytes(self) -> Iterator[bytes]:
        """Return the lines that are kept now as they came, for any thread; our own notes are left out."""
        return self.ring.lines_as_bytes()

    @property
    def wraps(self) -> bool:
        """Whether long lines are wrapped."""
        return self._painter.wrap

    def move_to(self, bottom: int | None) -> None:
        """Show the lines up to ``bottom`` (the number behind the last one); None, or the end, follows."""
        lines_most = 1 if self.wraps else self.size.height
        lowest = self.ring.first + max(1, min(lines_most, len(self.ring)))
        self._stand_at(None if bottom is None or bottom >= self.ring.end else max(bottom, lowest))

    def _stand_at(self, bottom: int | None) -> None:
        if self.following and bottom is not None:
            self._seen_end = self.ring.end
        self._bottom = bottom
        self.sync()
        if self._bottom is not None:  # at the top more is shown than stands before it
            self._bottom = max(self._bottom, self._shown_end)
        self.post_message(self.Changed(self))
        if not self.following and self._top_line - self.ring.first < self.size.height:
            self.post_message(self.NearTop(self))

    def _now_bottom(self) -> int:
        return self.ring.end if self._bottom is None else self._bottom

    def action_scroll_lines(self, by: int) -> None:
        """Move by lines; moving down past the end follows again."""
        if by > 0 and self.following:
            return
        self.move_to(self._now_bottom() + by)

    def action_scroll_pages(self, by: int) -> None:
        """Move by pages, one line of the old page stays."""
        self.action_scroll_lines(by * max(1, self.size.height - 1))

    def action_first(self) -> None:
        """Show the oldest lines that are kept."""
        self.move_to(self.ring.first + 1)

    def action_last(self) -> None:
        """Follow."""
        self.move_to(None)

    def action_follow(self) -> None:
        """Follow, or stop following here."""
        self._stand_at(self.ring.end if self.following else None)

    def action_sideways(self, by: int) -> None:
        """Move sideways while lines are not wrapped."""
        left = max(0, self._painter.left + by * _STEP_CELLS)
        if not self.wraps and left != self._painter.left:
            self._painter.left = left
            self.repaint()

    def action_wrap(self) -> None:
        """Wrap long lines, or cut them."""
        self._painter.wrap = not self._painter.wrap
        self._painter.left = 0
        self.repaint()

    def action_next_error(self) -> None:
        """Go to the next error line; from the end, or from the last one, to the oldest kept."""
        after = self.found if self.found is not None and not self.following else self.ring.first - 1
        number = self.ring.errors_after(after)
        self._show_found("error", self.ring.errors_after(self.ring.first - 1) if number is None else number)

    def search(self, text: str) -> None:
        """Mark a text wherever it stands, and go to its last hit above; an empty text ends the search."""
        self._painter.needle = needle_of(text)
        self.found = None
        self.repaint()
        if text:
            self.action_find(-1)

    def action_find(self, way: int) -> None:
        """Go to the next hit down (1) or up (-1); a newer search replaces one that still runs."""
        if self._painter.needle is not None:
            self.run_worker(self._find(way), group="log-search", exclusive=True)

    async def _find(self, way: int) -> None:
        needle, ring = self._painter.needle, self.ring
        number = (self.found if self.found is not None else self._now_bottom()) + way
        looked_at = 0
        while needle is not None and ring.first <= number < ring.end:
            if holds(ring.line(number), needle):
                self._show_found("search", number)
                return
            number += way
            looked_at += 1
            if looked_at % _SLICE == 0:
                await asyncio.sleep(0)
        self.post_message(self.Searched("search", None))
        if needle is not None and way < 0:
            self.post_message(self.NearTop(self))

    def _show_found(self, what: str, number: int | None) -> None:
        """Mark the line, leave the view where it shows the line already, else put the line in its middle."""
        if number is not None:
            self.found = number
            on_screen = self._top_line <= number < self._now_bottom()
            middle = max(number + 1 + self.size.height // 2, self.ring.first + self.size.height)
            self._stand_at(min(self.ring.end, self._now_bottom() if on_screen else middle))
        self.post_message(self.Searched(what, number))

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Move three lines."""
        event.stop()
        self.action_scroll_lines(3)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Move three lines."""
        event.stop()
        self.action_scroll_lines(-3)
