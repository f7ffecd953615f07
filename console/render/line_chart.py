"""Line charts of figures over time, drawn on the canvas of render/chart.py: zero-based, round ticks, local time.

Lines are cut into the dots of the drawing area here, so that where several cross each cell belongs to the one with the
most dots, and a gap in the measurements stays a gap.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, tzinfo
from itertools import pairwise

from msgspec import Struct

from console.metrics import Unit
from console.render.cells import Pieces
from console.render.chart import Canvas, Chart, drawn
from console.render.glyphs import Glyphs
from console.render.ticks import Axis, round_axis

_STEPS_S = (30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 14400, 21600, 43200, 86400)
_LABEL_CELLS = 10  # a time and the space around it
_BINARY = ("B", "k", "M", "G", "T", "P")
_SIGNS: dict[Unit, str] = {"percent": " %", "watts": " W", "celsius": " C", "cores": ""}

Points = Sequence[tuple[float, float | None]]


class Trace(Struct, frozen=True):
    """One line: (Unix seconds, value), None where nothing was measured."""

    name: str
    points: Points


class Span(Struct, frozen=True):
    """The stretch of time under a chart, Unix seconds, and the zone in which it is labelled; None is local."""

    start: float
    end: float
    zone: tzinfo | None = None


def line_chart(
    traces: Sequence[Trace],
    unit: Unit,
    span: Span,
    size: tuple[int, int],
    glyphs: Glyphs,
    heading: Pieces,
    *,
    fine: bool,
) -> Chart:
    """Return the chart of ``size`` cells and lines under ``heading``. ``fine``: braille, else one marker per line."""
    width, height = size
    known = [value for trace in traces for _, value in trace.points if value is not None]
    if not known or width < 24 or height < 5:
        return _without_lines(width, height, heading, has_points=bool(known))
    scale, sign = scale_of(max(known), unit)
    canvas = _canvas([value / scale for value in known], sign, span, size, fine=fine and not glyphs.ascii_only)
    dots = [list(_dots(trace.points, scale, span.start, canvas)) for trace in traces]
    drawing, overlapping = drawn(dots, canvas, width, height - 1, glyphs)
    return Chart(width, height, (heading, *drawing), len(known), canvas, overlapping)


def scale_of(most: float, unit: Unit) -> tuple[float, str]:
    """Return what values are divided by for an axis up to ``most``, and the unit behind its labels (binary)."""
    if unit not in {"bytes", "bytes_per_s"}:
        return 1.0, _SIGNS[unit]
    power = 0
    while most >= 1024 ** (power + 1) and power < len(_BINARY) - 1:
        power += 1
    return float(1024**power), f" {_BINARY[power]}" + ("/s" if unit == "bytes_per_s" else "")


def _canvas(known: Sequence[float], sign: str, span: Span, size: tuple[int, int], *, fine: bool) -> Canvas:
    width, rows = size[0], size[1] - 2
    y = _share_axis(rows) if _is_share(known, sign) else round_axis([0.0, max(1.0, *known)], rows // 2 + 1, rows)
    y = Axis(y.low, y.high, y.ticks, tuple(label + sign for label in y.labels))
    left = max(map(len, y.labels)) + 1
    return Canvas(left, 1, width - left, rows, time_axis(span, width - left), y, (2, 4) if fine else (1, 1))


def _is_share(known: Sequence[float], sign: str) -> bool:
    return sign == _SIGNS["percent"] and min(known) >= 0 and max(known) <= 100


def _share_axis(rows: int) -> Axis:
    """Return the axis of percents: from 0 to 100 whatever was measured, so that charts can be compared."""
    labels = ("0", "25", "50", "75", "100") if rows >= 9 else ("0", "50", "100")
    return Axis(0.0, 100.0, tuple(map(float, labels)), labels)


def time_axis(span: Span, cells: int) -> Axis:
    """Return the axis of a stretch of time in seconds from its start; ticks stand at round local times."""
    length_s = span.end - span.start
    most = max(2, cells // _LABEL_CELLS)
    step_s = next((step_s for step_s in _STEPS_S if length_s / step_s <= most), _STEPS_S[-1])
    moment = datetime.fromtimestamp(span.end, span.zone).astimezone(span.zone)
    offset = moment.utcoffset()
    offset_s = offset.total_seconds() if offset is not None else 0.0
    first = -(-(span.start + offset_s) // step_s) * step_s - offset_s
    times = [first + n * step_s for n in range(int((span.end - first) // step_s) + 1)]
    margin_s = 3 * length_s / cells  # a label this close to an edge would be cut
    times = [at for at in times if span.start + margin_s <= at <= span.end - margin_s]
    pattern = "%H:%M:%S" if step_s < 60 else "%H:%M" if step_s < 86400 else "%d %b"
    labels = tuple(datetime.fromtimestamp(at, span.zone).strftime(pattern) for at in times)
    return Axis(0.0, length_s, tuple(at - span.start for at in times), labels)


def _dots(points: Points, scale: float, start: float, canvas: Canvas) -> Iterator[tuple[float, float]]:
    """Yield the points of a line and what lies between two that follow each other, one per dot on the way."""
    inside = [(at - start, None if value is None else value / scale) for at, value in points]
    inside = [(at, value) for at, value in inside if 0 <= at <= canvas.x.high]
    for at, value in inside:
        if value is not None:
            yield at, value
    for (at, value), (next_at, next_value) in pairwise(inside):
        if value is not None and next_value is not None:
            yield from _between((at, value), (next_at, next_value), canvas)


def _between(
    one: tuple[float, float], other: tuple[float, float], canvas: Canvas
) -> Iterator[tuple[float, float]]:  # fmt: skip
    columns, rows = canvas.width * canvas.fine[0], canvas.height * canvas.fine[1]
    across = abs(canvas.x.place_of(one[0], columns) - canvas.x.place_of(other[0], columns))
    along = abs(canvas.y.place_of(one[1], rows) - canvas.y.place_of(other[1], rows))
    steps = max(across, along)
    for step in range(1, steps):
        share = step / steps
        yield one[0] + share * (other[0] - one[0]), one[1] + share * (other[1] - one[1])


def _without_lines(width: int, height: int, heading: Pieces, *, has_points: bool) -> Chart:
    text = "no room" if has_points else "nothing measured in this time"
    blank: Pieces = ((" " * width, ""),)
    lines: list[Pieces] = [heading, *[blank] * (height - 1)][:height]
    if height > 1:
        lines[height // 2] = ((text.center(width)[:width], "dim"),)
    return Chart(width, height, tuple(lines), 0)
