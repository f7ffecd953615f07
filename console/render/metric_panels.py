"""The charts of metrics mode: which figures share one, what stands above it, and where its figures come from."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct
from rich.cells import cell_len

from console.metrics import METRICS
from console.model.metrics import Line
from console.render.cells import Pieces, fit
from console.render.chart import Chart
from console.render.figures import age
from console.render.glyphs import Glyphs
from console.render.legend import group_pen
from console.render.line_chart import Span, Trace, line_chart
from console.render.metric_tables import figure

SMALLEST = (40, 8)  # cells and lines with which a chart can still be read
SOURCES = {"prometheus": "prometheus", "dashboard": "seen here"}
_NAMES = {"network_receive_bytes_per_s": "in", "network_send_bytes_per_s": "out"}


class Panel(Struct, frozen=True):
    """One chart: a title, and the metrics that are drawn together; all of one unit."""

    title: str
    metrics: tuple[str, ...]


PANELS = (
    Panel("CPU", ("cpu_percent",)),
    Panel("GPU", ("gpu_percent",)),
    Panel("GPU memory", ("gram_used_bytes",)),
    Panel("memory", ("memory_used_bytes",)),
    Panel("network", ("network_receive_bytes_per_s", "network_send_bytes_per_s")),
    Panel("disk", ("disk_used_bytes",)),
    Panel("object store", ("object_store_used_bytes",)),
    Panel("GPU power", ("gpu_power_watts",)),
    Panel("GPU temperature", ("gpu_temperature_celsius",)),
)
CHARTED = tuple(name for panel in PANELS for name in panel.metrics)
_ALWAYS = PANELS[0], PANELS[3]


class PanelView(Struct, frozen=True):
    """All that a chart shows: its lines, the stretch of time, from what age on they are old, and how to draw them."""

    panel: Panel
    lines: tuple[Line, ...]
    span: Span
    stale_after_s: float
    coloured: bool = True


def shown_panels(lines: Sequence[Line]) -> tuple[Panel, ...]:
    """Return the charts that there is something for; CPU and memory always, so that a hole is seen as one."""
    known = {line.metric for line in lines if any(value is not None for _, value in line.points)}
    return tuple(panel for panel in PANELS if panel in _ALWAYS or known & set(panel.metrics))


def left_out(lines: Sequence[Line], *, gpus: bool) -> tuple[str, ...]:
    """Return the titles of the charts for which nothing is known; those of GPUs only where there are any."""
    missing = [panel for panel in PANELS if panel not in shown_panels(lines)]
    return tuple(panel.title for panel in missing if gpus or METRICS[panel.metrics[0]].per != "gpu")


def panel_lines(panel: Panel, lines: Sequence[Line]) -> tuple[Line, ...]:
    """Return the lines of one chart."""
    return tuple(line for line in lines if line.metric in panel.metrics)


def panel_chart(view: PanelView, width: int, height: int, glyphs: Glyphs) -> Chart:
    """Draw a chart. Several lines need colours in braille; without any each gets a marker of its own."""
    traces = [Trace(line_name(line), line.points) for line in view.lines]
    unit = METRICS[view.panel.metrics[0]].unit
    fine = view.coloured or len(traces) < 2
    return line_chart(traces, unit, view.span, (width, height), glyphs, _heading(view, width, glyphs), fine=fine)


def line_name(line: Line) -> str:
    """Return what tells a line from the others of its chart: the GPU's number, in or out, else nothing."""
    return str(line.gpu) if line.gpu is not None else _NAMES.get(line.metric, "")


def last_of(line: Line) -> tuple[float | None, float | None]:
    """Return the last measured value of a line and its time, None without any."""
    return next(((value, at) for at, value in reversed(line.points) if value is not None), (None, None))


def _heading(view: PanelView, width: int, glyphs: Glyphs) -> Pieces:
    """Return ``CPU  54 %        prometheus``; a line that ended a while ago says how long, in yellow."""
    where = _origin(view, glyphs)
    left: list[tuple[str, str]] = [(view.panel.title, "title")]
    room = width - sum(cell_len(text) for text, _ in where) - 2
    for number, line in enumerate(view.lines):
        pieces = _legend_of(line, number, len(view.lines), glyphs)
        more = 5 if number + 1 < len(view.lines) else 0  # room for how many more there are
        if sum(cell_len(text) for text, _ in (*left, *pieces)) + more > room:
            left.append((f"  +{len(view.lines) - number}", "dim"))
            break
        left += pieces
    gap = max(0, width - sum(cell_len(text) for text, _ in (*left, *where)))
    return fit((*left, (" " * gap, ""), *where), width, glyphs)


def _legend_of(line: Line, number: int, count: int, glyphs: Glyphs) -> Pieces:
    value, _ = last_of(line)
    text = figure(value, METRICS[line.metric].unit, glyphs)
    if count == 1:
        return (("  " + text, ""),)
    marker = glyphs.markers[number % len(glyphs.markers)]
    return ((f"  {marker} ", group_pen(number)), (f"{line_name(line)} ", "dim"), (text, ""))


def _origin(view: PanelView, glyphs: Glyphs) -> Pieces:
    if not view.lines:
        return ()
    sources = [SOURCES[name] for name in dict.fromkeys(line.source for line in view.lines)]
    ended_at = max((at for line in view.lines if (at := last_of(line)[1]) is not None), default=None)
    if ended_at is not None and view.span.end - ended_at > view.stale_after_s:
        ended = (f"{age(view.span.end - ended_at, glyphs)} old  ", "warn")
        return (ended, (", ".join(sources), "dim"))
    return ((", ".join(sources), "dim"),)
