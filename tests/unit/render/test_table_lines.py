"""Lines of a table: every width, the head's sort mark, the stretch that changed, the thumb."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.render.cells import Column, Row, cell, place
from console.render.glyphs import UNICODE
from console.render.table_lines import changed_cells, head_line, row_line, thumb_span

COLUMNS = (Column("a", "NAME", 6, right=False), Column("b", "CPU", 5), Column("c", "MEM", 5))
PLACED = place(COLUMNS, 24)


def test_the_sorted_column_is_marked() -> None:
    text = "".join(text for text, _ in head_line(PLACED, ("b", True), UNICODE))
    assert "CPU▾" in text
    assert ("CPU▾", "accent") in head_line(PLACED, ("b", True), UNICODE)
    assert ("NAME", "head") in head_line(PLACED, ("b", True), UNICODE)


@pytest.mark.parametrize(("cursor", "marked", "sign"), [(0, 0, " "), (1, 0, "▌"), (0, 1, "◆"), (1, 1, "◆")])
def test_the_gutter(cursor: int, marked: int, sign: str) -> None:
    row = Row((cell("x"), cell("1"), cell("2")))
    line = row_line(row, PLACED, 26, UNICODE, cursor=bool(cursor), marked=bool(marked), thumb=False)
    assert line[0] == (sign, "accent")
    assert len("".join(text for text, _ in line)) == 26


def test_only_the_stretch_that_changed_is_named() -> None:
    old = Row((cell("x"), cell("1"), cell("2")))
    assert changed_cells(old, old, PLACED) is None
    assert changed_cells(Row((cell("x"), cell("9"), cell("2"))), old, PLACED) == (1 + PLACED[1].x, 5)
    assert changed_cells(Row((cell("y"), cell("1"), cell("3"))), old, PLACED) == (1, PLACED[2].x + 5)


@given(st.integers(0, 5000), st.integers(1, 60), st.floats(0, 1))
def test_the_thumb_stays_on_the_page(total: int, page: int, share: float) -> None:
    start, length = thumb_span(total, page, share)
    assert 0 <= start <= start + length <= page
    assert (length == 0) == (total <= page)
    assert thumb_span(total, page, 0)[0] == 0
    assert length == 0 or sum(thumb_span(total, page, 1)) == page
