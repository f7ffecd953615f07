"""Scatter plots as lines of pieces: drawn by plotext, made readable here. The only file that knows plotext.

What plotext is given: round ticks of our own, dim grid, left axis only, one marker and one colour per group, points
filtered. What it gives back is read again: group numbers travel as colours, so a chart knows no theme, and a widget
or a terminal colours the pens ``group-N`` as it likes.

Where points of several groups fall into one cell, a marker chart shows the sign ``Glyphs.shared`` in the pen
``shared``; the legend explains it. In a braille chart the cell shows the dots of all of them in the colour of the group
with the most.
"""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby

from msgspec import Struct

from console.render.cells import Pieces
from console.render.glyphs import Glyphs
from console.render.legend import SHARED_PEN, group_pen, heading
from console.render.ticks import Axis, round_axis

MARKERS_MOST = 200  # points; more are drawn in braille, where dots tell more than signs
LOOP_POINTS_MOST = 2000  # more are to be drawn beside the event loop
_FARTHEST = 1e100  # what lies further out cannot share an axis with anything
_AXIS_COLOUR = (1, 0, 0)
_AXIS_SIGNS = "┼┤│"
_PIECE = re.compile(r"\x1b\[38;2;(\d+);(\d+);(\d+)m([^\x1b]*)|\x1b\[0m|([^\x1b]+)")
_PLOTEXT = threading.Lock()  # plotext is one global figure


class Group(Struct, frozen=True):
    """Points of one colour: ``name`` comes from outside and is cleaned when it is drawn."""

    name: str
    xs: Sequence[float]
    ys: Sequence[float]


class Canvas(Struct, frozen=True):
    """Where the points lie in a chart: first cell and line of the drawing area, its size, and both axes.

    ``fine``: dots per cell, (1, 1) for markers and (2, 4) for braille.
    """

    left: int
    top: int
    width: int
    height: int
    x: Axis
    y: Axis
    fine: tuple[int, int]


class Chart(Struct, frozen=True):
    """A drawn chart: ``height`` lines of ``width`` cells. Pens: ``group-N``, ``shared`` and the tones of a table."""

    width: int
    height: int
    lines: tuple[Pieces, ...]
    points: int
    canvas: Canvas | None = None
    overlapping: bool = False

    def cell_of(self, mean: float, variance: float) -> tuple[int, int]:
        """Return the cell (column, line) of the chart in which a point is drawn. Raise ValueError without points."""
        if self.canvas is None:
            msg = "a chart without points has no places"
            raise ValueError(msg)
        area = self.canvas
        column = area.x.place_of(mean, area.width * area.fine[0]) // area.fine[0]
        row = area.y.place_of(variance, area.height * area.fine[1]) // area.fine[1]
        return area.left + column, area.top + area.height - 1 - row


def usable_points(groups: Sequence[Group]) -> list[list[tuple[float, float]]]:
    """Return the points of each group that can be drawn: finite, and not absurdly far out."""
    return [
        [(x, y) for x, y in zip(group.xs, group.ys, strict=False) if abs(x) < _FARTHEST and abs(y) < _FARTHEST]
        for group in groups
    ]


def scatter(
    groups: Sequence[Group], width: int, height: int, glyphs: Glyphs, *, title: str = "", legend: bool = True
) -> Chart:
    """Return the scatter plot of ``groups`` in ``width`` x ``height`` cells, heading and tick labels included.

    The heading is the title (the statistic) and what the axes are; with ``legend`` also the groups' names, which a
    grid of charts leaves to one shared line instead.
    """
    points = usable_points(groups)
    count = sum(map(len, points))
    if not count or width < 12 or height < 4:
        return _without_points(width, height, glyphs, title, bool(count))
    canvas = _canvas(points, width, height, braille=count > MARKERS_MOST and not glyphs.ascii_only)
    drawing, overlapping = drawn(points, canvas, width, height - 1, glyphs)
    names = [group.name for group in groups] if legend else []
    top = heading(title, names, width, glyphs, overlapping=overlapping and legend)
    return Chart(width, height, (top, *drawing), count, canvas, overlapping)


def drawn(
    points: Sequence[Sequence[tuple[float, float]]], canvas: Canvas, width: int, height: int, glyphs: Glyphs
) -> tuple[tuple[Pieces, ...], bool]:
    """Return the lines of a drawing without its heading, and whether a cell holds several groups."""
    layers, overlapping = _layers(points, canvas, glyphs)
    return tuple(tuple(_toned(line, canvas, glyphs)) for line in _drawn(layers, canvas, width, height)), overlapping


def _without_points(width: int, height: int, glyphs: Glyphs, title: str, points: bool) -> Chart:
    text = "no room" if points else "no data"
    blank: Pieces = ((" " * width, ""),)
    lines = [heading(title, [], width, glyphs), *[blank] * (height - 1)][:height]
    if height > 1:
        lines[height // 2] = ((text.center(width)[:width], "dim"),)
    return Chart(width, height, tuple(lines), 0)


def _canvas(points: list[list[tuple[float, float]]], width: int, height: int, *, braille: bool) -> Canvas:
    rows = height - 2  # the heading above, the labels of x below
    y = round_axis([y for group in points for _, y in group], rows // 2 + 1, rows)
    left = max(map(len, y.labels)) + 1
    x = round_axis([x for group in points for x, _ in group], (width - left) // 7, width - left)
    return Canvas(left, 1, width - left, rows, x, y, (2, 4) if braille else (1, 1))


Layer = tuple[str, tuple[int, int, int], list[float], list[float]]  # marker, colour, xs, ys


def _layers(
    points: Sequence[Sequence[tuple[float, float]]], canvas: Canvas, glyphs: Glyphs
) -> tuple[list[Layer], bool]:
    """Give every cell to one group, or to all that share it: plotext would let the last one wipe the others.

    Points are binned here first, so plotext draws each dot once, however many points there are.
    """
    x_dots, y_dots = canvas.width * canvas.fine[0], canvas.height * canvas.fine[1]
    dots = Counter(
        (canvas.x.place_of(x, x_dots), canvas.y.place_of(y, y_dots), number)
        for number, group in enumerate(points)
        for x, y in group
    )
    cells: dict[tuple[int, int], Counter[int]] = {}
    for (column, row, number), count in dots.items():
        cells.setdefault((column // canvas.fine[0], row // canvas.fine[1]), Counter())[number] += count
    owner = {cell: _owner(votes, shared=canvas.fine == (1, 1)) for cell, votes in cells.items()}
    of_owner: dict[int, set[tuple[int, int]]] = {}
    for column, row, _ in dots:
        of_owner.setdefault(owner[column // canvas.fine[0], row // canvas.fine[1]], set()).add((column, row))
    layers = []
    for number, places in sorted(of_owner.items()):
        xs = [canvas.x.value_at(column, x_dots) for column, _ in sorted(places)]
        ys = [canvas.y.value_at(row, y_dots) for _, row in sorted(places)]
        layers.append((_marker(number, canvas, glyphs), _colour(number), xs, ys))
    return layers, -1 in of_owner


def _owner(votes: Counter[int], *, shared: bool) -> int:
    return -1 if shared and len(votes) > 1 else max(votes, key=lambda number: (votes[number], -number))


def _marker(number: int, canvas: Canvas, glyphs: Glyphs) -> str:
    if canvas.fine != (1, 1):
        return "braille"
    return glyphs.shared if number < 0 else glyphs.markers[number % len(glyphs.markers)]


def _colour(number: int) -> tuple[int, int, int]:
    """Return the number of a group as a colour that ``_pen`` reads back; red 0 is a group, 1 the axis, 2 shared."""
    return (2, 0, 0) if number < 0 else (0, number >> 8, number & 255)


def _pen(red: int, green: int, blue: int) -> str:
    return {0: group_pen(green * 256 + blue), 2: SHARED_PEN}.get(red, "axis")


def _drawn(layers: Sequence[Layer], canvas: Canvas, width: int, height: int) -> list[str]:
    """Have plotext draw the area, the axis and the grid; the order of the first three calls matters to it."""
    with _PLOTEXT:
        import plotext  # noqa: PLC0415 -- 40 ms, paid by the first plot and not by the first screen

        plotext.clear_figure()
        plotext.limit_size(False, False)
        plotext.plot_size(width, height)
        plotext.theme("clear")
        plotext.xaxes(False, False)
        plotext.yaxes(True, False)
        plotext.grid(True, True)
        plotext.ticks_color(_AXIS_COLOUR)
        plotext.xlim(canvas.x.low, canvas.x.high)
        plotext.ylim(canvas.y.low, canvas.y.high)
        plotext.xticks(list(canvas.x.ticks), list(canvas.x.labels))
        plotext.yticks(list(canvas.y.ticks), list(canvas.y.labels))
        for marker, colour, xs, ys in layers:
            plotext.scatter(xs, ys, marker=marker, color=colour)
        drawn = str(plotext.build())
        plotext.clear_figure()
    return drawn.split("\n")[:height]


def _toned(line: str, canvas: Canvas, glyphs: Glyphs) -> Iterator[tuple[str, str]]:
    """Turn a line of plotext's into pieces: labels apart from the axis, grid and axis in our own signs."""
    cells: list[tuple[str, str]] = []
    for match in _PIECE.finditer(line):
        red, green, blue, coloured, bare = match.groups()
        if bare:
            cells += [(sign, "") for sign in bare]
        elif coloured:
            pen = _pen(int(red), int(green), int(blue))
            cells += [_resigned(sign, pen, len(cells) + at, canvas, glyphs) for at, sign in enumerate(coloured)]
    for pen, run in groupby(cells, key=lambda cell: cell[1]):
        yield "".join(sign for sign, _ in run), pen


def _resigned(sign: str, pen: str, column: int, canvas: Canvas, glyphs: Glyphs) -> tuple[str, str]:
    if pen != "axis":
        return sign, pen
    if column == canvas.left - 1 and sign in _AXIS_SIGNS:
        return (glyphs.axis_tick if sign in "┼┤" else glyphs.axis), pen
    if column == canvas.left and sign in "│┼":
        return (" " if sign == "│" else glyphs.grid_row), pen  # a grid line beside the axis would only thicken it
    own = {"─": glyphs.grid_row, "│": glyphs.grid_column, "┼": glyphs.grid_cross}.get(sign)
    return (own, pen) if own else (sign, "dim")
