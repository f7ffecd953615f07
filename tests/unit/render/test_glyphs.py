"""Both sets of signs are complete, one cell wide, and tell states apart without colour."""

from __future__ import annotations

import msgspec
import pytest
from rich.cells import cell_len

from console.render.glyphs import ASCII, UNICODE, Glyphs, state_tone

WIDER = {"note", "arrow", "bar_parts", "trend", "markers", "ascii_only"}


@pytest.mark.parametrize("glyphs", [UNICODE, ASCII], ids=["unicode", "ascii"])
def test_every_sign_is_one_cell_wide(glyphs: Glyphs) -> None:
    signs = msgspec.structs.asdict(glyphs)
    assert {name: cell_len(sign) for name, sign in signs.items() if name not in WIDER and cell_len(sign) != 1} == {}
    assert all(cell_len(char) == 1 for name in ("bar_parts", "trend", "markers") for char in signs[name])


def test_ascii_is_ascii() -> None:
    text = "".join(sign for sign in msgspec.structs.asdict(ASCII).values() if isinstance(sign, str))
    assert text.isascii()
    assert text.isprintable()


@pytest.mark.parametrize("glyphs", [UNICODE, ASCII], ids=["unicode", "ascii"])
def test_states_differ_without_colour(glyphs: Glyphs) -> None:
    clusters = [glyphs.state(name) for name in ("up", "degraded", "down", "unknown")]
    jobs = [glyphs.state(name) for name in ("PENDING", "RUNNING", "SUCCEEDED", "FAILED", "STOPPED")]
    assert len(set(clusters)) == 4
    assert len(set(jobs)) == 5
    assert len({*glyphs.markers, glyphs.shared}) == 13


def test_a_state_not_known_is_unknown_and_dim() -> None:
    assert UNICODE.state("EXPLODED") == "?"
    assert state_tone("EXPLODED") == "dim"
    assert (state_tone("up"), state_tone("degraded"), state_tone("down")) == ("ok", "warn", "bad")
