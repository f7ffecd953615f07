"""ResourceTable: the table of every mode. What an operator does to a table: move, open, mark, sort, filter."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message

from console.widgets.table_painter import TablePainter


class ResourceTable(TablePainter, can_focus=True):
    """Keyed rows with a cursor that stays with its row.

    ``show(rows)`` gives it a snapshot; it answers with ``Moved``, ``Opened`` and ``Marked``.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "move(1)", "down", show=False),
        Binding("k,up", "move(-1)", "up", show=False),
        Binding("g,home", "move(-1000000)", "first", show=False),
        Binding("G,end", "move(1000000)", "last", show=False),
        Binding("pagedown", "page(1)", "page down", show=False),
        Binding("pageup", "page(-1)", "page up", show=False),
        Binding("enter", "open", "open", show=False),
        Binding("space", "mark", "mark", show=False),
        Binding("S", "sort", "sort", show=False),
    ]

    class Moved(Message):
        """The cursor is on another row; ``key`` is None when there is none."""

        def __init__(self, table: ResourceTable, key: str | None) -> None:
            super().__init__()
            self.table = table
            self.key = key

        @property
        def control(self) -> ResourceTable:
            """The table, so that handlers can be told apart by selector."""
            return self.table

    class Opened(Moved):
        """Enter, or a double click, on a row."""

    class Marked(Moved):
        """A row was marked or unmarked; ``table.marked`` has all keys."""

    def rearrange(self) -> None:
        """Arrange anew, and tell when that moved the cursor to another row."""
        before = self.cursor_key
        super().rearrange()
        if self.cursor_key != before:
            self.post_message(self.Moved(self, self.cursor_key))

    def go(self, number: int) -> None:
        """Put the cursor on the row with this number, or the nearest there is."""
        keys = self.rows_shown.keys
        if not keys:
            return
        key = keys[max(0, min(number, len(keys) - 1))]
        moved, self.cursor_key = key != self.cursor_key, key
        self.scroll_into_view()
        self.sync()
        if moved:
            self.post_message(self.Moved(self, key))

    def go_to(self, key: str) -> None:
        """Put the cursor on the row with this key, if it is shown."""
        number = self.rows_shown.place_of(key)
        if number is not None:
            self.go(number)

    def action_move(self, by: int) -> None:
        """Move the cursor by rows."""
        self.go((self.rows_shown.place_of(self.cursor_key) or 0) + by)

    def action_page(self, by: int) -> None:
        """Move the cursor by pages, one row of the old page stays."""
        self.action_move(by * max(1, self.page_rows - 1))

    def action_open(self) -> None:
        """Tell that the cursor's row is to be opened."""
        if self.cursor_key is not None:
            self.post_message(self.Opened(self, self.cursor_key))

    def action_mark(self) -> None:
        """Mark or unmark the cursor's row."""
        if self.cursor_key is None:
            return
        self.marked ^= {self.cursor_key}
        self.sync()
        self.post_message(self.Marked(self, self.cursor_key))

    def action_sort(self) -> None:
        """Sort by the next column on screen, after the last one in the order of the rows again."""
        shown = [spot.column for spot in self._placed if spot.column.title]
        keys = [column.key for column in shown]
        now = self.rows_shown.sorted_by
        at = keys.index(now[0]) + 1 if now and now[0] in keys else 0
        if at < len(shown):
            self.sort_by(keys[at], descending=shown[at].right)
        else:
            self.sort_by(None)

    def on_click(self, event: events.Click) -> None:
        """Take the row under the mouse, open it on a double click; on the head sort, again turns it round."""
        spot = event.get_content_offset(self)
        if spot is None:
            return
        if spot.y == 0 and (column := self.column_at(spot.x)) is not None:
            self.sort_by(column.key, descending=self.rows_shown.sorted_by == (column.key, False))
        elif (key := self.key_at(spot.y)) is not None:
            self.go_to(key)
            if event.chain == 2:
                self.action_open()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Move the view, not the cursor."""
        self._wheel(event, 3)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Move the view, not the cursor."""
        self._wheel(event, -3)

    def _wheel(self, event: events.MouseEvent, by: int) -> None:
        event.stop()
        self.scroll_rows(by)
        self.sync()
