"""The filter's grammar: words, column:word, and what is turned round."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.render.cells import Column, Row, cell
from console.render.row_filter import RowTexts, row_filter

COLUMNS = (
    Column("state", "", 1),
    Column("status", "STATUS", 9),
    Column("cluster", "CLUSTER", 9),
    Column("id", "SUBMISSION ID", 9),
)
ROWS = {
    "a": Row((cell("x"), cell("failed"), cell("local-1"), cell("raysubmit_failed"))),
    "b": Row((cell("x"), cell("failed"), cell("cloud-1"), cell("raysubmit_b"))),
    "c": Row((cell("x"), cell("running"), cell("local-1"), cell("http://c"))),
}  # fmt: skip


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("", "abc"), ("  ", "abc"), ("failed", "ab"), ("FAILED local", "a"),
        ("status:failed cluster:local", "a"), ("status:FAIL", "ab"), ("-status:failed", "c"), ("-local", "b"),
        ("submission:raysubmit_f", "a"), ("stat:run", "c"), ("cluster:failed", ""), ("status:", "abc"),
        ("http:", "c"), ("http://c", "c"), (":", "c"), ("-", "abc"), ("nothing:at-all", ""),
    ],
)  # fmt: skip
def test_every_word_has_to_hold(typed: str, kept: str) -> None:
    keep = row_filter(typed, COLUMNS)
    found = "".join(key for key, row in ROWS.items() if keep is None or keep(key, row))
    assert found == kept


@given(st.text(max_size=30))
def test_anything_can_be_typed(typed: str) -> None:
    keep = row_filter(typed, COLUMNS)
    if keep is not None:
        assert {keep(key, row) for key, row in ROWS.items()} <= {True, False}


def test_a_row_that_changes_is_judged_anew() -> None:
    keep = row_filter("status:failed", COLUMNS)
    assert keep is not None
    assert keep("a", ROWS["a"])
    assert not keep("a", ROWS["c"])


def test_filters_that_share_what_rows_say_judge_alike() -> None:
    known: RowTexts = {}
    for typed in ("f", "failed", "failed local", "status:failed", "-status:failed"):
        shared, alone = row_filter(typed, COLUMNS, known), row_filter(typed, COLUMNS)
        assert shared is not None
        assert alone is not None
        assert [shared(*item) for item in ROWS.items()] == [alone(*item) for item in ROWS.items()]
    changed = row_filter("status:running", COLUMNS, known)
    assert changed is not None
    assert changed("a", ROWS["c"])
