"""Axes cover what they are given, with three to five round and short ticks that can be told apart."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.render.ticks import round_axis

values = st.lists(st.floats(-1e12, 1e12, allow_subnormal=False), min_size=1, max_size=20)
UNITS = {"k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}


def read(label: str) -> float:
    return float(label[:-1]) * UNITS[label[-1]] if label[-1] in UNITS else float(label)


@given(values, st.integers(3, 5), st.integers(8, 120))
def test_an_axis_covers_its_values_with_few_ticks(given_values: list[float], most: int, cells: int) -> None:
    axis = round_axis(given_values, most, cells)
    slack = (axis.high - axis.low) * 1e-6
    assert axis.low - slack <= min(given_values)
    assert axis.high + slack >= max(given_values)
    assert 3 <= len(axis.ticks) <= most
    assert all(axis.low - slack <= tick <= axis.high + slack for tick in axis.ticks)


@given(values, st.integers(8, 120))
def test_ticks_stand_evenly_on_whole_cells(given_values: list[float], cells: int) -> None:
    axis = round_axis(given_values, 5, cells)
    per_cell = (axis.high - axis.low) / (cells - 1)
    places = [(tick - axis.low) / per_cell for tick in axis.ticks]
    assert places == pytest.approx([round(place) for place in places], abs=1e-3)
    assert len({round(after - before) for before, after in pairwise(places)}) == 1


@given(values, st.integers(20, 120))
def test_the_values_fill_most_of_the_axis(given_values: list[float], cells: int) -> None:
    axis = round_axis(given_values, 5, cells)
    span = max(given_values) - min(given_values)
    assert span < max(map(abs, given_values)) * 1e-4 or span == 0 or span / (axis.high - axis.low) > 0.4


@given(values)
def test_labels_are_true_and_differ(given_values: list[float]) -> None:
    axis = round_axis(given_values, 5, 20)
    step = axis.ticks[1] - axis.ticks[0]
    assert len(set(axis.labels)) == len(axis.labels)
    for tick, label in zip(axis.ticks, axis.labels, strict=True):
        assert read(label) == pytest.approx(tick, abs=step * 0.02, rel=0.051 if "e" in label else 1e-9)


@given(values)
def test_steps_are_round(given_values: list[float]) -> None:
    axis = round_axis(given_values, 5, 20)
    step = axis.ticks[1] - axis.ticks[0]
    lead = step / 10.0 ** math.floor(math.log10(step) + 1e-9)
    assert min(abs(lead - round_lead) for round_lead in (1, 2, 2.5, 5, 10)) < 1e-3


@pytest.mark.parametrize(
    ("given_values", "labels"),
    [([1, 9.5], ("2", "4", "6", "8", "10")), ([20, 210], ("0", "50", "100", "150", "200")),
     ([3], ("2.8", "3.0", "3.2")), ([0], ("-1", "0", "1")), ([0, 2500], ("0", "1k", "2k")),
     ([0.1, 0.93], ("0.2", "0.4", "0.6", "0.8", "1.0"))],
)  # fmt: skip
def test_labels(given_values: list[float], labels: tuple[str, ...]) -> None:
    assert round_axis(given_values, 5, 20).labels == labels


@pytest.mark.parametrize("given_values", [[0.0, 5e-324], [-5e-324], [1e-300, 3e-300]])
def test_numbers_too_small_to_divide_are_zero(given_values: list[float]) -> None:
    assert round_axis(given_values, 5, 20).labels == ("-1", "0", "1")


def test_the_air_does_not_pass_zero() -> None:
    assert round_axis([0, 10], 5, 20).low == 0
    assert round_axis([-10, 0], 5, 20).high == 0
