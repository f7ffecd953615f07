"""Charts are proved by reading drawn cells back: every point within a cell of its place, every id its own pen."""

from __future__ import annotations

import math
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.render.chart import MARKERS_MOST, Chart, Group, scatter, usable_points
from console.render.glyphs import ASCII, UNICODE, Glyphs
from console.render.legend import group_pen, legend
from console.render.palette import group_colour

both = pytest.mark.parametrize("glyphs", [UNICODE, ASCII], ids=["unicode", "ascii"])
numbers = st.one_of(st.floats(-1e9, 1e9), st.floats(0, 30), st.sampled_from([math.nan, math.inf, -math.inf, 0.0]))
points = st.lists(st.tuples(numbers, numbers), max_size=8)
groups = st.lists(points, min_size=1, max_size=14).map(
    lambda many: [Group(f"{n}-1-{n}", [x for x, _ in some], [y for _, y in some]) for n, some in enumerate(many)]
)
sizes = st.tuples(st.integers(38, 110), st.integers(10, 40))


def drawn_cells(chart: Chart) -> dict[tuple[int, int], tuple[str, str]]:
    """Return sign and pen of every cell in which points are drawn."""
    found = {}
    for y, line in enumerate(chart.lines[1:], start=1):
        cells = [(sign, pen) for text, pen in line for sign in text]
        found |= {(x, y): cell for x, cell in enumerate(cells) if cell[1].startswith("group-") or cell[1] == "shared"}
    return found


@both
@settings(deadline=None)
@given(given_groups=groups, size=sizes)
def test_every_point_is_drawn_within_a_cell_of_its_place(
    glyphs: Glyphs, given_groups: list[Group], size: tuple[int, int]
) -> None:
    chart = scatter(given_groups, *size, glyphs, title="seed")
    drawn = drawn_cells(chart)
    usable = usable_points(given_groups)
    owners: dict[tuple[int, int], set[int]] = {}
    for number, group in enumerate(usable):
        for x, y in group:
            owners.setdefault(chart.cell_of(x, y), set()).add(number)
    assert drawn.keys() == owners.keys()
    for cell, numbers_here in owners.items():
        (number,) = numbers_here if len(numbers_here) == 1 else (-1,)
        marker = glyphs.shared if number < 0 else glyphs.markers[number % len(glyphs.markers)]
        assert drawn[cell] == (marker, "shared" if number < 0 else group_pen(number))


@settings(deadline=None)
@given(given_groups=groups, size=sizes)
def test_a_cell_read_by_the_axes_is_where_the_point_is(given_groups: list[Group], size: tuple[int, int]) -> None:
    chart = scatter(given_groups, *size, UNICODE)
    if chart.canvas is None:
        return
    area = chart.canvas
    x_step = (area.x.high - area.x.low) / (area.width - 1)
    y_step = (area.y.high - area.y.low) / (area.height - 1)
    for x, y in (point for group in usable_points(given_groups) for point in group):
        column, line = chart.cell_of(x, y)
        assert area.x.low + (column - area.left) * x_step == pytest.approx(x, abs=x_step * 0.51)
        assert area.y.high - (line - area.top) * y_step == pytest.approx(y, abs=y_step * 0.51)


@both
@settings(deadline=None)
@given(given_groups=groups, size=sizes)
def test_a_chart_has_its_size_and_its_signs(glyphs: Glyphs, given_groups: list[Group], size: tuple[int, int]) -> None:
    chart = scatter(given_groups, *size, glyphs, title="namé\x1b[2J")
    texts = ["".join(text for text, _ in line) for line in chart.lines]
    assert [len(text) for text in texts] == [size[0]] * size[1]
    assert all(text.isprintable() for text in texts)
    assert all(text.isascii() for text in texts) or not glyphs.ascii_only


def cloud(count: int, group_count: int = 3) -> list[Group]:
    return [
        Group(f"g{n}", [math.cos(n + i) * i for i in range(count)], [math.sin(n + i) * i for i in range(count)])
        for n in range(group_count)
    ]


def test_many_points_are_braille_dots_and_none_is_lost() -> None:
    many = cloud(MARKERS_MOST)
    chart = scatter(many, 78, 22, UNICODE)
    drawn = drawn_cells(chart)
    assert all(0x2800 < ord(sign) < 0x2900 for sign, _ in drawn.values())
    assert {chart.cell_of(x, y) for group in usable_points(many) for x, y in group} == drawn.keys()
    assert {pen for _, pen in drawn.values()} == {group_pen(n) for n in range(3)}


def test_a_shared_braille_cell_keeps_all_dots_in_the_colour_of_the_most() -> None:
    apart = Group("apart", [0.0, 100.0], [0.0, 100.0])
    crowd = Group("crowd", [50.0] * 300, [50.0] * 300)
    near = Group("near", [50.9], [50.0])
    chart = scatter([apart, crowd, near], 40, 12, UNICODE)
    assert chart.cell_of(50, 50) == chart.cell_of(50.9, 50)
    sign, pen = drawn_cells(chart)[chart.cell_of(50, 50)]
    assert pen == group_pen(1)
    assert (ord(sign) - 0x2800).bit_count() == 2


def test_ascii_never_uses_braille() -> None:
    assert "".join(text for line in scatter(cloud(300), 78, 22, ASCII).lines for text, _ in line).isascii()


def test_what_was_drawn_before_leaves_no_trace() -> None:
    first = scatter(cloud(5), 60, 20, UNICODE, title="a")
    scatter(cloud(50), 90, 30, ASCII, title="b")
    assert scatter(cloud(5), 60, 20, UNICODE, title="a") == first


def test_threads_do_not_draw_into_one_another() -> None:
    wanted = [scatter(cloud(5 + n), 60, 20, UNICODE) for n in range(4)]
    got: dict[int, Chart] = {}
    threads = [threading.Thread(target=lambda n=n: got.update({n: scatter(cloud(5 + n), 60, 20, UNICODE)}))
               for n in range(4)]  # fmt: skip
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [got[n] for n in range(4)] == wanted


def test_without_points_it_says_so() -> None:
    for nothing in ([], [Group("a", [], [])], [Group("a", [math.nan], [1.0])]):
        chart = scatter(nothing, 40, 10, UNICODE, title="seed")
        assert "no data" in chart.lines[5][0][0]
        assert chart.points == 0
        with pytest.raises(ValueError, match="no places"):
            chart.cell_of(0, 0)
    assert "no room" in "".join(text for line in scatter(cloud(3), 11, 4, UNICODE).lines for text, _ in line)


def test_a_legend_counts_what_it_cannot_name() -> None:
    names = [f"{n}-1-{n}" for n in range(30)]
    pieces = legend(names, 60, UNICODE)
    text = "".join(part for part, _ in pieces)
    assert len(text) <= 60
    named = text.count("-1-")
    assert text.endswith(f"+{30 - named}")
    assert [pen for _, pen in pieces if pen.startswith("group-")] == [group_pen(n) for n in range(named)]


def test_a_legend_explains_the_shared_sign() -> None:
    same = [Group("a", [1.0, 2.0], [1.0, 2.0]), Group("b", [1.0], [1.0])]
    chart = scatter(same, 60, 12, UNICODE, title="seed")
    assert chart.overlapping
    assert "✱ several" in "".join(text for text, _ in chart.lines[0])


@pytest.mark.parametrize("dark", [True, False])
def test_every_group_has_its_own_colour(dark: bool) -> None:
    assert len({group_colour(number, dark=dark) for number in range(200)}) == 200


def luminance(colour: str) -> float:
    """Return the relative luminance of WCAG 2."""
    shares = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (share / 12.92 if share <= 0.03928 else ((share + 0.055) / 1.055) ** 2.4 for share in shares)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize(("dark", "background"), [(True, "#11151b"), (False, "#fbfbf9")])
def test_colours_stand_out_from_the_background(dark: bool, background: str) -> None:
    def contrast(colour: str) -> float:
        low, high = sorted((luminance(colour), luminance(background)))
        return (high + 0.05) / (low + 0.05)

    assert min(contrast(group_colour(number, dark=dark)) for number in range(60)) > 3.0
