"""The scatter widget draws for its size, beside the loop when there is much, and colours by theme."""

from __future__ import annotations

import math

import pytest
from painted import Painted, until
from textual.app import ComposeResult
from textual.containers import Grid

from console.render.chart import LOOP_POINTS_MOST, Group
from console.render.glyphs import ASCII, UNICODE, Glyphs
from console.render.palette import group_colour
from console.widgets.scatter_plot import LegendLine, ScatterPlot
from console.widgets.themes import LIGHT, use_themes


def groups(count: int, points: int = 5) -> list[Group]:
    return [
        Group(f"{n}-1-{n}", [10 + 9 * math.cos(n + i) for i in range(points)], [n * 3.0 + i for i in range(points)])
        for n in range(count)
    ]


class PlotApp(Painted):
    CSS = "Grid { grid-size: 2 2; grid-gutter: 0 1; height: 1fr; }"

    def __init__(self, glyphs: Glyphs = UNICODE) -> None:
        super().__init__()
        self.plots = [ScatterPlot(title, glyphs=glyphs, with_legend=False) for title in ("seed", "name", "prio", "len")]
        self.legend_line = LegendLine(glyphs=glyphs)

    def compose(self) -> ComposeResult:
        yield Grid(*self.plots)
        yield self.legend_line

    def on_mount(self) -> None:
        use_themes(self)

    def show(self, shown: list[Group]) -> None:
        for plot in self.plots:
            plot.show(shown)
        self.legend_line.show([group.name for group in shown])


async def test_four_plots_share_one_legend_line() -> None:
    app = PlotApp()
    async with app.run_test(size=(80, 24)) as pilot:
        app.show(groups(3))
        await pilot.pause()
        assert all(plot.size.height >= 11 for plot in app.plots)
        assert app.lines()[-1].split() == ["●", "0-1-0", "▲", "1-1-1", "■", "2-1-2"]
        assert app.lines()[0].startswith("seed")
        assert app.shown() == app.repainted()


async def test_every_group_has_its_colour_in_both_themes() -> None:
    app = PlotApp()
    async with app.run_test(size=(80, 24)) as pilot:
        app.show(groups(5))
        for dark in (True, False):
            await pilot.pause()
            fore = {cell[0]: cell[1] for cell in app.shown()[-1] if cell[0] in UNICODE.markers}
            assert [fore[UNICODE.markers[n]] for n in range(5)] == [
                group_colour(n, dark=dark).removeprefix("#") for n in range(5)
            ]
            app.theme = LIGHT.name


async def test_many_points_are_drawn_beside_the_loop_and_for_the_newest_size() -> None:
    app = PlotApp()
    async with app.run_test(size=(80, 24)) as pilot:
        app.show(groups(3, LOOP_POINTS_MOST // 2))
        assert app.plots[0].chart is None or app.plots[0].chart.points == 0
        await pilot.resize_terminal(120, 30)
        plot, points = app.plots[0], 3 * (LOOP_POINTS_MOST // 2)
        await until(pilot, lambda: plot.chart and (plot.chart.points, plot.chart.width) == (points, plot.size.width))
        assert app.shown() == app.repainted()


async def test_without_data_it_says_so_and_ascii_is_ascii() -> None:
    app = PlotApp(ASCII)
    async with app.run_test(size=(80, 24)) as pilot:
        app.show([])
        await pilot.pause()
        assert "no data" in "".join(app.lines())
        app.show([*groups(14), Group("nämé", [1.0], [2.0])])
        await pilot.pause()
        assert "".join(app.lines()).isascii()


@pytest.mark.parametrize("size", [(78, 22), (2, 2), (11, 3)])
async def test_no_size_breaks_it(size: tuple[int, int]) -> None:
    app = PlotApp()
    async with app.run_test(size=size) as pilot:
        app.show(groups(4))
        await pilot.pause()
        assert app.shown() == app.repainted()
