"""ChartGrid: as many charts as stay readable, in one or two columns; the others on further pages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from textual.containers import Grid
from textual.widget import Widget

from console.render.glyphs import UNICODE, Glyphs
from console.render.metric_panels import PANELS, SMALLEST, PanelView
from console.widgets.line_plot import LinePlot

_GAP = 2  # cells between two columns


class ChartGrid(Grid):
    """``show`` gives it all charts there are; it places those that fit."""

    DEFAULT_CSS = "ChartGrid { width: 1fr; height: 1fr; grid-gutter: 0 2; padding: 0 1 0 2; }"

    def __init__(self, *, glyphs: Glyphs = UNICODE, id: str | None = None) -> None:  # noqa: A002 -- Textual's own name
        super().__init__(id=id)
        self._glyphs = glyphs
        self._views: tuple[PanelView, ...] = ()
        self._page = 0
        self._placed: tuple[int, int, int] = (0, 0, 0)

    def compose(self) -> Iterable[Widget]:
        """Return as many charts as there can be."""
        for number in range(len(PANELS)):
            plot = LinePlot(glyphs=self._glyphs, id=f"chart-{number}")
            plot.display = False
            yield plot

    @property
    def pages(self) -> int:
        """Return how many pages the charts need."""
        return max(1, -(-len(self._views) // self._room()))

    @property
    def page_words(self) -> str:
        """Return ``1/3``, nothing while all charts fit."""
        return f"{self._page + 1}/{self.pages}" if self.pages > 1 else ""

    def show(self, views: Sequence[PanelView]) -> None:
        """Show these charts."""
        self._views = tuple(views)
        self._page = min(self._page, self.pages - 1)
        self._place()

    def turn(self) -> None:
        """Go to the next page, after the last to the first."""
        self._page = (self._page + 1) % self.pages
        self._place()

    def on_resize(self) -> None:
        """Place the charts anew."""
        self._page = min(self._page, self.pages - 1)
        self._place()

    def _columns(self) -> int:
        return 2 if self.size.width >= 2 * SMALLEST[0] + _GAP else 1

    def _room(self) -> int:
        return self._columns() * max(1, self.size.height // SMALLEST[1])

    def _place(self) -> None:
        if not self.size:
            return
        room = self._room()
        shown = self._views[self._page * room : (self._page + 1) * room]
        columns = min(self._columns(), max(1, len(shown)))
        rows = max(1, -(-len(shown) // columns))
        if self._placed != (columns, rows, len(shown)):
            self._placed = (columns, rows, len(shown))
            self.styles.grid_size_columns, self.styles.grid_size_rows = columns, rows
        for number, plot in enumerate(self.query(LinePlot)):
            plot.display = number < len(shown)
            plot.show(shown[number] if number < len(shown) else None)
