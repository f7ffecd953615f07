"""Bars and trends have exactly their width and tell zero, little, much, all and unknown apart."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.render.bars import bar, load_tone, trend
from console.render.cells import Pieces
from console.render.glyphs import ASCII, UNICODE, Glyphs

both = pytest.mark.parametrize("glyphs", [UNICODE, ASCII], ids=["unicode", "ascii"])
percents = st.one_of(st.none(), st.floats(-10, 200), st.just(float("nan")))


def text_of(pieces: Pieces) -> str:
    return "".join(text for text, _ in pieces)


@both
@given(percent=percents, width=st.integers(1, 30))
def test_a_bar_has_its_width(glyphs: Glyphs, percent: float | None, width: int) -> None:
    text = text_of(bar(percent, width, glyphs))
    assert len(text) == width
    assert text.isascii() or not glyphs.ascii_only


@both
@given(shares=st.lists(st.floats(0, 100), min_size=2), width=st.integers(1, 20))
def test_more_is_never_shorter(glyphs: Glyphs, shares: list[float], width: int) -> None:
    def filled(percent: float) -> tuple[int, int]:
        text = text_of(bar(percent, width, glyphs)).rstrip(glyphs.bar_track)
        full = text.count(glyphs.bar_full)
        return full, glyphs.bar_parts.find(text[-1]) + 1 if text and text[-1] in glyphs.bar_parts else 0

    lengths = [filled(share) for share in sorted(shares)]
    assert lengths == sorted(lengths)


@pytest.mark.parametrize(
    ("percent", "unicode", "ascii_"),
    [(None, "·········", "........."), (0, "·········", "........."), (0.1, "▏········", "#........"),
     (54, "████▉····", "#####...."), (99.9, "████████▉", "########."), (100, "█████████", "#########"),
     (250, "█████████", "#########")],
)  # fmt: skip
def test_bars(percent: float | None, unicode: str, ascii_: str) -> None:
    assert text_of(bar(percent, 9, UNICODE)) == unicode
    assert text_of(bar(percent, 9, ASCII)) == ascii_


def test_a_bar_has_two_tones() -> None:
    assert bar(50, 4, UNICODE, "warn") == (("██", "warn"), ("··", "track"))


def test_a_trend_shows_unknown_as_a_gap_and_what_never_was_as_blank() -> None:
    assert text_of(trend([0, 50, None, 100], 6, UNICODE)) == "  ▁▅·█"
    assert text_of(trend([0, 50, None, 100], 6, ASCII)) == "  .- #"
    assert trend([], 3, UNICODE) == (("   ", ""),)


@both
@given(values=st.lists(percents, max_size=30), width=st.integers(0, 20))
def test_a_trend_has_its_width(glyphs: Glyphs, values: list[float | None], width: int) -> None:
    assert len(text_of(trend(values, width, glyphs))) == width


def test_load_tones() -> None:
    assert [load_tone(percent, 80, 95) for percent in (None, 79.9, 80, 95)] == ["dim", "load", "warn", "bad"]
    assert load_tone(99, None, None) == "load"
