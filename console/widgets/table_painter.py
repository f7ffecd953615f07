"""TablePainter: a keyed table on Textual's line API that repaints only what changed.

``render_line`` records what each screen line shows; ``sync`` compares the lines with that record and asks for one
stretch per changed row. Data, sorting, filter, cursor and scrolling all go this one way. DataTable refreshes the whole
widget per cell, five times the bytes on an SSH line. Scrolling is our own too: a ScrollView lays the screen out anew
whenever the number of rows changes, and its bar is not ASCII.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from textual.geometry import Region
from textual.strip import Strip

from console.render.cells import Column, Pieces, Placed, Row, fit, place
from console.render.glyphs import UNICODE, Glyphs
from console.render.row_filter import Keep
from console.render.table_lines import GUTTER, MARGIN, changed_cells, head_line, row_line, thumb_span
from console.widgets.table_order import TableOrder
from console.widgets.tones import Toned

_HEAD = 1  # lines

LineState = tuple[bool, bool, bool, str, Row | Pieces | tuple[str, bool] | None] | None
"""Thumb, cursor, marked, the row's key ("" for the head and the empty state), what is shown. None: a blank line."""

_FILTERED: tuple[Pieces, ...] = ((("no row holds these words", ""),), (), (("clear the filter: Esc", "dim"),))


class TablePainter(Toned):
    """The painted half of ``ResourceTable``: rows, their order, and the lines that show them."""

    DEFAULT_CSS = "TablePainter { height: 1fr; }"

    def __init__(self, columns: Sequence[Column], *, glyphs: Glyphs = UNICODE, id: str | None = None) -> None:  # noqa: A002 -- Textual's own name
        super().__init__(id=id)
        self.glyphs = glyphs
        self.rows_shown = TableOrder(columns)
        self.cursor_key: str | None = None
        self.marked: set[str] = set()
        self._empty: tuple[Pieces, ...] = ()
        self._first_row = 0
        self._placed: tuple[Placed, ...] = ()
        self._thumb = (0, 0)
        self._hidden: frozenset[str] = frozenset()
        self._shown: dict[int, LineState] = {}

    @property
    def empty(self) -> tuple[Pieces, ...]:
        """The lines shown while there is no row."""
        return self._empty

    @empty.setter
    def empty(self, lines: Sequence[Pieces]) -> None:
        if self._empty != (lines := tuple(lines)):
            self._empty = lines
            self.sync()

    def show(self, rows: Mapping[str, Row]) -> None:
        """Take the rows of a new snapshot; rows equal to those shown cost nothing."""
        self.rows_shown.rows = rows
        self.marked &= rows.keys()
        self.rearrange()

    def set_filter(self, keep: Keep | None) -> None:
        """Show only the rows that ``keep(key, row)`` says yes to, all with None."""
        self.rows_shown.keep = keep
        self.rearrange()

    def sort_by(self, column_key: str | None, *, descending: bool = False) -> None:
        """Sort by a column, with None back to the order in which the rows come."""
        self.rows_shown.sorted_by = None if column_key is None else (column_key, descending)
        self.rearrange()

    def rearrange(self) -> None:
        """Order the rows anew, keep the cursor with its row, in view if it was, and repaint what differs."""
        order, old_place = self.rows_shown, self.rows_shown.place_of(self.cursor_key) or 0
        was_in_view = self._first_row <= old_place < self._first_row + self.page_rows
        order.arrange()
        if order.place_of(self.cursor_key) is None:
            self.cursor_key = order.keys[min(old_place, len(order) - 1)] if order.keys else None
        if was_in_view:
            self.scroll_into_view()
        else:
            self.scroll_rows(0)
        self.sync()

    @property
    def page_rows(self) -> int:
        """How many rows fit below the head."""
        return max(1, self.size.height - _HEAD)

    def scroll_rows(self, by: int) -> None:
        """Move the view by rows, not beyond the first or the last; ``sync`` paints it."""
        self._first_row = max(0, min(self._first_row + by, len(self.rows_shown) - self.page_rows))

    def scroll_into_view(self) -> None:
        """Move the view as little as needed to have the cursor's row in it."""
        at = self.rows_shown.place_of(self.cursor_key) or 0
        first = max(min(self._first_row, at), at - self.page_rows + 1)
        self.scroll_rows(first - self._first_row)

    def line_state(self, y: int) -> LineState:
        """Return what screen line ``y`` should show."""
        order = self.rows_shown
        if not order.keys:
            lines = _FILTERED if order.rows and order.keep is not None else self._empty
            return (False, False, False, "", lines[y - 1]) if 0 < y <= len(lines) else None
        if y == 0:
            return (False, False, False, "", order.sorted_by)
        key = self.key_at(y)
        if key is None:
            return None
        start, length = self._thumb
        return (start <= y - _HEAD < start + length, key == self.cursor_key, key in self.marked, key, order.rows[key])

    def sync(self) -> None:
        """Compare every line with what it shows, and ask for the stretches that differ."""
        width, height = self.size  # Textual works it out anew at each look
        self._place_thumb()
        dirty = [region for y in range(height) if (region := self._changed(y, width)) is not None]
        if dirty:
            self.refresh(*dirty)  # with no region it would mean the whole widget

    def _place_thumb(self) -> None:
        page, total = self.page_rows, len(self.rows_shown)
        self._thumb = thumb_span(total, page, self._first_row / max(1, total - page))

    def _changed(self, y: int, width: int) -> Region | None:
        new, whole = self.line_state(y), Region(0, y, width, 1)
        if y not in self._shown:
            return whole
        old = self._shown[y]
        if new == old:
            return None
        if new is None or old is None or new[:4] != old[:4]:
            return whole
        new_row, old_row = new[4], old[4]
        if not (isinstance(new_row, Row) and isinstance(old_row, Row)) or new_row.stale != old_row.stale:
            return whole
        stretch = changed_cells(new_row, old_row, self._placed)
        return None if stretch is None else Region(stretch[0], y, stretch[1], 1)

    def render_line(self, y: int) -> Strip:
        """Paint one line and remember what it shows."""
        state = self._shown[y] = self.line_state(y)
        if state is None:
            return Strip.blank(self.size.width, self.pen(""))
        thumb, cursor, marked, _, content = state
        if isinstance(content, Row):
            pieces = row_line(content, self._placed, self.size.width, self.glyphs,
                              cursor=cursor and self.has_focus, marked=marked, thumb=thumb)  # fmt: skip
        elif y == 0:
            pieces = head_line(self._placed, self.rows_shown.sorted_by, self.glyphs)
        else:
            pieces = (("   ", ""), *fit(cast("Pieces", content), max(0, self.size.width - 4), self.glyphs))
        return self.strip_of([(text, self.pen(tone, cursor=cursor)) for text, tone in pieces], self.size.width)

    def on_resize(self) -> None:
        """Fit the columns to the new width."""
        self._place_columns()
        self.scroll_into_view()

    def _place_columns(self) -> None:
        self._place_thumb()
        self._placed = place(self.rows_shown.columns, self.size.width - GUTTER - MARGIN, self._hidden)
        self._shown.clear()
        self.refresh()

    def hide_columns(self, keys: frozenset[str]) -> None:
        """Give the columns with these keys no place, as they apply to no row; the same keys again cost nothing."""
        if keys != self._hidden:
            self._hidden = keys
            self._place_columns()

    def column_at(self, x: int) -> Column | None:
        """Return the column whose head stands at cell ``x`` of the widget."""
        for spot in self._placed:
            if spot.x <= x - GUTTER < spot.x + spot.width:
                return spot.column
        return None

    def key_at(self, y: int) -> str | None:
        """Return the key of the row on screen line ``y``, None beside the rows."""
        number = self._first_row + y - _HEAD
        return self.rows_shown.keys[number] if y >= _HEAD and number < len(self.rows_shown) else None
