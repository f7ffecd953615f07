"""Columns fit any width by priority; what stands in a cell has exactly the cell's width."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from console.render.cells import Cell, Column, cell, fit, place, sort_key, unknown
from console.render.glyphs import ASCII, UNICODE, Glyphs

columns = st.lists(
    st.builds(Column, key=st.uuids().map(str), title=st.just("T"), width=st.integers(1, 12), right=st.booleans(),
              drop=st.integers(0, 5), flex=st.booleans()),
    min_size=1, max_size=8,
)  # fmt: skip
texts = st.text(st.sampled_from("ab 日本ł●…\x1b\x07é🙂\u0301"), max_size=20)


@given(columns, st.integers(0, 160))
def test_columns_do_not_overlap_and_fit_unless_they_must_stay(given_columns: list[Column], width: int) -> None:
    placed = place(given_columns, width)
    edges = [0, *(edge for spot in placed for edge in (spot.x, spot.x + spot.width))]
    assert edges == sorted(edges)
    assert [spot.number for spot in placed] == sorted(spot.number for spot in placed)
    assert {spot.number for spot in placed} >= {n for n, column in enumerate(given_columns) if column.drop == 0}
    if any(spot.column.drop for spot in placed):
        assert edges[-1] <= width


@given(columns, st.integers(0, 160))
def test_what_stays_is_never_less_important_than_what_went(given_columns: list[Column], width: int) -> None:
    kept = {spot.number for spot in place(given_columns, width)}
    gone = [column.drop for number, column in enumerate(given_columns) if number not in kept]
    assert max((given_columns[number].drop for number in kept), default=0) <= min(gone, default=99)


def test_a_flexible_column_takes_what_is_left() -> None:
    name, age = Column("name", "NAME", 5, right=False, flex=True, width_most=50), Column("age", "AGE", 4)
    assert [(spot.x, spot.width) for spot in place((name, age), 40)] == [(0, 32), (36, 4)]
    assert [(spot.x, spot.width) for spot in place((name, age), 10)] == [(0, 5), (6, 4)]


def test_a_left_column_keeps_away_from_a_right_edge() -> None:
    memory, jobs = Column("m", "MEM", 5), Column("j", "JOBS", 5, right=False)
    assert place((memory, jobs), 12)[1].x == 7


@pytest.mark.parametrize("glyphs", [UNICODE, ASCII], ids=["unicode", "ascii"])
@given(
    parts=st.lists(st.tuples(texts, st.sampled_from(["", "ok"])), max_size=4),
    width=st.integers(0, 24),
    right=st.booleans(),
)
def test_a_cell_has_its_width(glyphs: Glyphs, parts: list[tuple[str, str]], width: int, right: bool) -> None:
    text = "".join(text for text, _ in fit(tuple(parts), width, glyphs, right=right))
    assert sum(cell_len(piece) for piece, _ in fit(tuple(parts), width, glyphs, right=right)) == width
    assert text.isprintable()
    assert text.isascii() or not glyphs.ascii_only


def test_cutting_says_so() -> None:
    assert fit((("abcdef", "ok"), ("g", "")), 4, UNICODE) == (("abc…", "ok"),)
    assert fit((("abc", ""), ("def", "ok")), 4, ASCII) == (("abc", ""), ("~", "ok"))
    assert fit((("ab", ""),), 4, UNICODE, right=True) == (("  ", ""), ("ab", ""))


def test_values_of_any_kind_can_be_ordered() -> None:
    cells = [cell("b"), Cell((("2", ""),), 2.0), cell("A"), Cell((("1", ""),), 1.0)]
    assert [item.text for item in sorted(cells, key=lambda item: sort_key(item.sort))] == ["1", "2", "A", "b"]
    assert unknown(ASCII).text == "-"
    assert unknown(ASCII).sort is None
