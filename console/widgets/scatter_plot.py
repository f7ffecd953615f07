"""ScatterPlot: a chart on the line API, and LegendLine, the one legend that a grid of charts shares.

A chart is drawn for the widget's size; above ``LOOP_POINTS_MOST`` points beside the event loop. Colours are chosen when
it is painted, so a change of theme draws nothing anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from rich.color import Color
from rich.style import Style
from textual.message import Message
from textual.strip import Strip

from console.render.cells import Pieces, fit
from console.render.chart import LOOP_POINTS_MOST, Chart, Group, scatter
from console.render.glyphs import UNICODE, Glyphs
from console.render.legend import legend
from console.render.palette import group_colour
from console.widgets.resource_table import ResourceTable
from console.widgets.tones import Toned

# One chart after the other: the interpreter draws no two at once anyway, and each takes room while it is drawn.
_DRAWING = ThreadPoolExecutor(1, "charts")


async def drawn_aside(draw: Callable[[], Chart]) -> Chart:
    """Return the chart that ``draw`` makes beside the event loop."""
    return await asyncio.get_running_loop().run_in_executor(_DRAWING, draw)


class GroupToned(Toned):
    """Knows the pens ``group-N`` besides the tones."""

    def pen(self, tone: str, *, cursor: bool = False) -> Style:
        """Return the style of a tone or of a group."""
        if tone.startswith("group-") and (tone, cursor) not in self._pens:
            colour = group_colour(int(tone.removeprefix("group-")), dark=self.app.current_theme.dark)
            self._pens[tone, cursor] = super().pen("", cursor=cursor) + Style(color=Color.parse(colour))
        return super().pen(tone, cursor=cursor)

    def painted(self, pieces: Pieces) -> Strip:
        """Return a line of the widget's width."""
        return self.strip_of([(text, self.pen(tone)) for text, tone in pieces], self.size.width)


class ScatterPlot(GroupToned):
    """One scatter plot: mean on x, variance on y, a colour and a marker per group."""

    DEFAULT_CSS = "ScatterPlot { width: 1fr; height: 1fr; }"

    class Drawn(Message):
        """There is another chart, for another size or of other points."""

    def __init__(
        self, title: str = "", *, glyphs: Glyphs = UNICODE, with_legend: bool = True, id: str | None = None  # noqa: A002 -- Textual's own name
    ) -> None:  # fmt: skip
        super().__init__(id=id)
        self.glyphs = glyphs
        self.chart: Chart | None = None
        self._heading = title
        self._with_legend = with_legend
        self._groups: tuple[Group, ...] = ()

    def show(self, groups: Sequence[Group], title: str | None = None) -> None:
        """Draw these groups, under another title if one is given. Equal groups cost nothing."""
        title = self._heading if title is None else title
        if tuple(groups) == self._groups and title == self._heading and self.chart is not None:
            return
        self._groups, self._heading = tuple(groups), title
        self.draw()

    def draw(self) -> None:
        """Draw for the present size; many points in a thread, until then the old chart stays."""
        if not self.size:
            return
        if sum(len(group.xs) for group in self._groups) > LOOP_POINTS_MOST:
            self.run_worker(self._draw_aside(), group="scatter", exclusive=True)
        else:
            self.workers.cancel_group(self, "scatter")
            self._take(self._drawn(*self.size))

    async def _draw_aside(self) -> None:
        self._take(await drawn_aside(partial(self._drawn, *self.size)))

    def _drawn(self, width: int, height: int) -> Chart:
        return scatter(self._groups, width, height, self.glyphs, title=self._heading, legend=self._with_legend)

    def _take(self, chart: Chart) -> None:
        self.chart = chart
        self.refresh()
        self.post_message(self.Drawn())

    def on_resize(self) -> None:
        """Draw for the new size."""
        self.draw()

    def render_line(self, y: int) -> Strip:
        """Paint one line of the chart."""
        if self.chart is None or y >= len(self.chart.lines):
            return Strip.blank(self.size.width, self.pen(""))
        return self.painted(self.chart.lines[y])


class GroupTable(GroupToned, ResourceTable):
    """A table whose rows carry the markers and colours of the groups in a plot."""

    DEFAULT_CSS = "GroupTable { height: auto; }"


class LegendLine(GroupToned):
    """One line that names the groups of several charts."""

    DEFAULT_CSS = "LegendLine { width: 1fr; height: 1; padding: 0 1; }"

    def __init__(self, *, glyphs: Glyphs = UNICODE, id: str | None = None) -> None:  # noqa: A002 -- Textual's own name
        super().__init__(id=id)
        self.glyphs = glyphs
        self._names: tuple[str, ...] = ()
        self._overlapping = False

    def show(self, names: Sequence[str], *, overlapping: bool = False) -> None:
        """Name these groups, in their order; ``overlapping`` when a chart has a cell of several groups."""
        if (tuple(names), overlapping) != (self._names, self._overlapping):
            self._names, self._overlapping = tuple(names), overlapping
            self.refresh()

    def render_line(self, y: int) -> Strip:
        """Paint the legend."""
        pieces = legend(self._names, self.size.width, self.glyphs, overlapping=self._overlapping) if y == 0 else ()
        return self.painted(fit(pieces, self.size.width, self.glyphs))
