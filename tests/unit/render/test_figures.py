"""Figures are short, have a unit, and never say a thing that is not so."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.render import figures
from console.render.glyphs import ASCII

UNITS = {"B": 0, "k": 1, "M": 2, "G": 3, "T": 4, "P": 5, "E": 6}
amounts = st.floats(0, 1e19, allow_subnormal=False)


def bytes_read(text: str) -> float:
    digits, unit = text.replace("<", "").split()
    return float(digits) * 1024.0 ** UNITS[unit]


@given(amounts)
def test_a_size_is_at_most_six_cells_and_three_digits(value: float) -> None:
    text = figures.size(value)
    assert len(text) <= 7 if text.startswith("<") else len(text) <= 6
    assert re.fullmatch(r"<?\d{1,3}(\.\d{1,2})? [BkMGTPE]", text)
    assert sum(char.isdigit() for char in text) <= 3


@given(st.floats(0.01, 1e18))
def test_a_size_is_true_to_half_a_percent(value: float) -> None:
    assert bytes_read(figures.size(value)) == pytest.approx(value, rel=0.0051, abs=0.0051)


@given(st.lists(amounts, min_size=2, max_size=10))
def test_more_never_reads_as_less(values: list[float]) -> None:
    assert all(a <= b for a, b in pairwise([bytes_read(figures.size(value)) for value in sorted(values)]))


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "—"), (float("nan"), "—"), (0, "0 B"), (512, "512 B"), (1000, "0.98 k"), (1024**2 * 999.6, "0.98 G"),
     (1.3 * 1024**3, "1.3 G"), (48 * 1024**3, "48 G"), (0.001, "<0.01 B")],
)  # fmt: skip
def test_size(value: float | None, text: str) -> None:
    assert figures.size(value) == text


@pytest.mark.parametrize(
    ("used", "total", "text"),
    [(9.1, 48, "9.1/48 G"), (0, 8, "0/8 G"), (None, 8, "—/8 G"), (2.1, None, "2.1 G"), (None, None, "—")],
)
def test_size_of(used: float | None, total: float | None, text: str) -> None:
    gib = 1024.0**3
    assert figures.size_of(None if used is None else used * gib, None if total is None else total * gib) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "—"), (0.0, "0 %"), (0.2, "<1 %"), (54.4, "54 %"), (99.6, "99 %"), (100, "100 %"), (250, "250 %")],
)
def test_percent(value: float | None, text: str) -> None:
    assert figures.percent(value) == text


@pytest.mark.parametrize(
    ("seconds", "short", "long"),
    [(None, "—", "—"), (0, "0 s", "0.0 s"), (3.2, "3 s", "3.2 s"), (12.9, "12 s", "12 s"), (59.9, "59 s", "59 s"),
     (60, "1 m", "1 m"), (245, "4 m", "4 m 5 s"), (7200, "2 h", "2 h"), (273_600, "3 d", "3 d 4 h"),
     (-1, "0 s", "0.0 s")],
)  # fmt: skip
def test_age_and_duration(seconds: float | None, short: str, long: str) -> None:
    assert figures.age(seconds) == short
    assert figures.duration(seconds) == long


@given(st.floats(0, 1e18))
def test_ages_stay_short_and_never_claim_more_than_passed(seconds: float) -> None:
    text = figures.age(seconds)
    assert len(text) <= 6
    count, unit = text.replace(">9k", "9000").split()
    assert float(count) * {"s": 1, "m": 60, "h": 3600, "d": 86_400}[unit] <= seconds or seconds == 0


@pytest.mark.parametrize(("value", "text"), [(None, "-"), (0, "0"), (1250, "1.25k"), (999.6, "1k"), (-1500, "-1.5k")])
def test_number_in_ascii(value: float | None, text: str) -> None:
    assert figures.number(value, ASCII) == text


def test_rates() -> None:
    assert figures.rates(2048, 9 * 1024) == "2 k/9 k"
    assert figures.rates(None, 1024) == "—/1 k"
    assert figures.rates(None, None) == "—"
