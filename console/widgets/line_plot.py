"""LinePlot: a chart of figures over time on the line API. Drawn in a thread, since plotext takes its time."""

from __future__ import annotations

from functools import partial

from textual.strip import Strip

from console.render.chart import Chart
from console.render.glyphs import UNICODE, Glyphs
from console.render.metric_panels import PanelView, panel_chart
from console.widgets.scatter_plot import GroupToned, drawn_aside


class LinePlot(GroupToned):
    """One chart; until a new one is drawn the old one stays."""

    DEFAULT_CSS = "LinePlot { width: 1fr; height: 1fr; }"

    def __init__(self, *, glyphs: Glyphs = UNICODE, id: str | None = None) -> None:  # noqa: A002 -- Textual's own name
        super().__init__(id=id)
        self.glyphs = glyphs
        self.chart: Chart | None = None
        self._view: PanelView | None = None

    def show(self, view: PanelView | None) -> None:
        """Draw this, nothing with None."""
        if view == self._view:
            return
        self._view = view
        self.draw()

    def draw(self) -> None:
        """Draw for the present size."""
        if self._view is None or not self.size:
            self._take(None)
            return
        self.run_worker(self._draw_aside(self._view), group="chart", exclusive=True)

    async def _draw_aside(self, view: PanelView) -> None:
        self._take(await drawn_aside(partial(panel_chart, view, *self.size, self.glyphs)))

    def _take(self, chart: Chart | None) -> None:
        before, self.chart = self.chart, chart
        if before != chart:
            self.refresh()

    def on_resize(self) -> None:
        """Draw for the new size."""
        self.draw()

    def render_line(self, y: int) -> Strip:
        """Paint one line of the chart."""
        if self.chart is None or y >= len(self.chart.lines):
            return Strip.blank(self.size.width, self.pen(""))
        return self.painted(self.chart.lines[y])
