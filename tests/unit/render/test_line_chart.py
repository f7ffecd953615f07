"""Line charts: what was measured is drawn where it belongs, gaps stay gaps, axes are round and in local time."""

from __future__ import annotations

from datetime import timedelta, timezone
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.model.metrics import Line
from console.render.chart import Chart
from console.render.glyphs import ASCII, UNICODE
from console.render.line_chart import Span, Trace, line_chart, scale_of, time_axis
from console.render.metric_panels import PANELS, PanelView, left_out, panel_chart, shown_panels

EET = timezone(timedelta(hours=2), "EET")
NOON = 1_795_384_800.0
SPAN = Span(NOON - 300, NOON, EET)
GIB = 1024**3


def text(chart: Chart) -> list[str]:
    return ["".join(piece for piece, _ in line) for line in chart.lines]


def drawn(*traces: Trace, size: tuple[int, int] = (60, 12), fine: bool = True) -> Chart:
    return line_chart(traces, "percent", SPAN, size, UNICODE, (("CPU", "title"),), fine=fine)


def steady(value: float, since: float = 300, until: float = 0) -> Trace:
    return Trace("", tuple((NOON - at, value) for at in range(int(since), int(until) - 1, -5)))


def test_a_steady_line_is_level_and_at_its_height() -> None:
    lines = text(drawn(steady(50), size=(60, 11)))
    (row,) = [number for number, line in enumerate(lines) if any("⠀" < sign <= "⣿" for sign in line)]
    assert lines[row].startswith(" 50 %")


def test_a_gap_is_not_drawn_over() -> None:
    points = (*steady(80, 300, 200).points, (NOON - 195, None), *steady(80, 100, 0).points)
    (line,) = [line for line in text(drawn(Trace("", points))) if any("⠀" < sign <= "⣿" for sign in line)]
    dots = [number for number, sign in enumerate(line) if "⠀" < sign <= "⣿"]
    widest = max(after - before for before, after in pairwise(dots))
    assert 15 < widest < 22  # a third of about 54 cells


def test_two_points_far_apart_are_joined() -> None:
    lines = text(drawn(Trace("", ((NOON - 300, 0.0), (NOON, 100.0)))))
    assert sum(any("⠀" < sign <= "⣿" for sign in line) for line in lines) >= 9


def test_percents_have_the_same_axis_whatever_was_measured() -> None:
    for value in (0.1, 3.0, 99.0):
        labels = [line[:5].strip() for line in text(drawn(steady(value), size=(60, 12)))]
        assert [label for label in labels if label.endswith("%")] == ["100 %", "75 %", "50 %", "25 %", "0 %"]


@pytest.mark.parametrize(
    ("length_s", "labels"),
    [
        (300, ("23:56", "23:57", "23:58", "23:59")),
        (3600, ("23:10", "23:20", "23:30", "23:40", "23:50")),
        (86400, ("04:00", "08:00", "12:00", "16:00", "20:00")),
    ],
)
def test_ticks_stand_at_round_local_times(length_s: float, labels: tuple[str, ...]) -> None:
    found = time_axis(Span(NOON - length_s, NOON, EET), 60)
    assert found.labels == labels


def test_bytes_are_binary() -> None:
    assert scale_of(3 * GIB, "bytes") == (GIB, " G")
    assert scale_of(10, "bytes_per_s") == (1.0, " B/s")


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.one_of(st.none(), st.floats(0, 1e18)), max_size=40),
    st.integers(0, 90),
    st.integers(0, 20),
    st.sampled_from(["percent", "bytes", "bytes_per_s", "watts"]),
    st.booleans(),
)
def test_whatever_was_measured_the_chart_has_its_size(values, width, height, unit, fine) -> None:
    points = tuple((NOON - 300 + 7 * number, value) for number, value in enumerate(values))
    chart = line_chart([Trace("a", points)], unit, SPAN, (width, height), ASCII, (), fine=fine)
    assert len(chart.lines) == height
    assert all(len(line) == width and line.isascii() for line in text(chart)[1:])


def line(metric: str, gpu: int | None = None, end: float = NOON) -> Line:
    return Line(metric, "n", gpu, "prometheus", tuple((end - at, 40.0 + (gpu or 0)) for at in range(290, -1, -10)))


def test_a_heading_names_every_gpu_its_figure_and_the_source() -> None:
    view = PanelView(PANELS[1], tuple(line("gpu_percent", n) for n in range(4)), SPAN, 15)
    assert text(panel_chart(view, 70, 10, UNICODE))[0].split() == [
        *("GPU", "●", "0", "40", "%", "▲", "1", "41", "%", "■", "2", "42", "%", "◆", "3", "43", "%", "prometheus")
    ]
    narrow = text(panel_chart(view, 40, 10, UNICODE))[0]
    assert "+2" in narrow
    assert narrow.endswith("prometheus")


def test_a_line_that_ended_says_for_how_long() -> None:
    view = PanelView(PANELS[0], (line("cpu_percent", end=NOON - 100),), SPAN, 15)
    chart = panel_chart(view, 60, 10, UNICODE)
    assert ("1 m old  ", "warn") in chart.lines[0]


def test_without_colour_several_lines_have_markers() -> None:
    view = PanelView(PANELS[1], (line("gpu_percent", 0), line("gpu_percent", 30)), SPAN, 15, coloured=False)
    assert {"●", "▲"} <= set("".join(text(panel_chart(view, 60, 12, UNICODE))[1:]))


def test_cpu_and_memory_always_have_a_chart_and_what_nobody_tells_is_named() -> None:
    assert [panel.title for panel in shown_panels([])] == ["CPU", "memory"]
    assert left_out([line("disk_used_bytes")], gpus=False) == ("network", "object store")
    assert "GPU" in left_out([], gpus=True)
