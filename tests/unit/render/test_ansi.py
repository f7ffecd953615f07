"""The gate for text from outside lets nothing through that a terminal would obey."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.style import Style

from console.render.ansi import pieces, plain
from console.render.glyphs import ASCII, UNICODE

HOSTILE = [
    "\x1bc",
    "\x1b]0;title\x07",
    "\x1b]8;;http://evil/\x1b\\link\x1b]8;;\x1b\\",
    "\x1b]52;c;ZXZpbA==\x07",
    "\x1bPq#0;2;0;0;0~~\x1b\\",
    "\x9b31mred\x9c",
    "\x90payload\x9c",
    "\x1b[2J\x1b[H",
    "\x1b[?1049h",
    "\x1b[38;2;1",
    "\x1b",
    "\u202etxt.exe",
    "a\u200bb\ufeff",
    "\ud800",
    "\x0e\x0f\x07\x08",
    "[@click=app.quit]x[/]",
]
fragments = st.one_of(
    st.text(max_size=8), st.sampled_from(HOSTILE), st.sampled_from(["\x1b[31m", "\x1b[0m", "\r", "\t", "\n"])
)
lines = st.lists(fragments, max_size=12).map("".join)


@given(lines)
def test_whatever_comes_in_only_printable_text_goes_out(line: str) -> None:
    assert plain(line).isprintable()
    assert all(text.isprintable() for text, _ in pieces(line))


@given(lines)
def test_ascii_mode_writes_ascii_only(line: str) -> None:
    assert ASCII.safe(line).isascii()
    assert ASCII.safe(line).isprintable()


@given(lines)
def test_pieces_and_plain_agree_on_the_text(line: str) -> None:
    line = line.replace("\n", " ").replace("\t", " ")
    assert "".join(text for text, _ in pieces(line)) == plain(line)


@given(st.text(st.characters(categories=["L", "N", "P", "S", "Zs"], max_codepoint=0x2FFF)))
def test_harmless_text_stays_as_it_is(text: str) -> None:
    assert plain(text) == "".join(char if char.isprintable() else "·" for char in text)


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("\x1b]52;c;ZXZpbA==\x07after", "after"),
        ("\x1b]8;;http://evil/\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b]0;never ended", ""),
        ("10%\r50%\r100%\r", "100%"),
        ("a\tb", "a       b"),
        ("rtl\u202e", "rtl·"),
        ("[@click=app.quit]x[/]", "[@click=app.quit]x[/]"),
        ("one\ntwo", "one two"),
        ("❤\ufe0f", "❤"),
    ],
)
def test_what_is_shown_of(line: str, shown: str) -> None:
    assert plain(line) == shown


@pytest.mark.parametrize(
    ("codes", "style"),
    [
        ("31", "red"),
        ("1;4", "bold underline"),
        ("94", "bright_blue"),
        ("42", "on green"),
        ("38;5;200", "color(200)"),
        ("38;2;1;2;3", "#010203"),
        ("48;2;1;2;3", "on #010203"),
        ("31;0", "none"),
        ("31;39", "default"),
        ("38;5", "none"),
        ("38:5:200", "color(200)"),
        ("99999999999999", "none"),
    ],
)
def test_colours_are_kept(codes: str, style: str) -> None:
    ((_, found),) = pieces(f"\x1b[{codes}mx")
    wanted = Style.parse(style)
    assert [colour and colour.number for colour in (found.color, found.bgcolor)] == [
        colour and colour.number for colour in (wanted.color, wanted.bgcolor)
    ]
    assert (found.color and found.color.triplet) == (wanted.color and wanted.color.triplet)
    assert bool(found.bold) == bool(wanted.bold)


@pytest.mark.parametrize("evil", ["x", "\x1b[", "\x1b]", "\x9b;;;;", "\x1b[31m", "\r", "\x90"])
def test_ten_megabytes_in_one_line_take_no_longer_than_what_is_looked_at(evil: str) -> None:
    line = evil * (10_000_000 // len(evil))
    start = time.thread_time()
    assert sum(len(text) for text, _ in pieces(line)) <= 65_536
    assert len(plain(line)) <= 65_536
    assert time.thread_time() - start < 1.0


def test_unicode_keeps_letters_that_ascii_cannot_write() -> None:
    assert UNICODE.safe("日本") == "日本"
    assert ASCII.safe("日本") == "??"
