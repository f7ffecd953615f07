"""TableScreen: a framed screen around tables that can be filtered."""

from __future__ import annotations

from textual.widgets import Input

from console.render.row_filter import Keep, RowTexts, row_filter
from console.screens.framed import FramedScreen
from console.widgets.resource_table import ResourceTable
from console.widgets.search_line import SearchLine


class TableScreen(FramedScreen):
    """Filter with `/`: rows that hold every word, or ``column:word``, stay; Esc clears it, or goes one step back."""

    main_table_id = ""

    def __init__(self) -> None:
        super().__init__()
        self._texts: RowTexts = {}

    @property
    def main_table(self) -> ResourceTable:
        """Return the table that is filtered."""
        return self.query_one(f"#{self.main_table_id}", ResourceTable)

    def filter_line(self) -> SearchLine:
        """Return the line for the filter, to be placed in the body."""
        return SearchLine("words that a row has to hold, or column:word", glyphs=self.deck.glyphs)

    def action_filter(self) -> None:
        """Open the filter."""
        self.query_one(SearchLine).open()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter while typing."""
        if not event.value:
            self._texts.clear()
        self.main_table.set_filter(self.filter_of(event.value))

    def filter_of(self, typed: str) -> Keep | None:
        """Return what keeps a row."""
        return row_filter(typed, self.main_table.rows_shown.columns, self._texts)

    def on_input_submitted(self) -> None:
        """Keep the filter and go back to the table."""
        self.main_table.focus()

    def action_back(self) -> None:
        """Clear the filter if there is one, else leave it to the screen."""
        line = self.query_one(SearchLine)
        if line.is_open:
            line.close(clear=True)
            self.main_table.focus()
            return
        self.step_back()

    def step_back(self) -> None:
        """Go one step back; a mode has nowhere to go."""
