"""What changes of a style is written, and nothing else: a terminal shows the same as if each piece set all of it."""

from __future__ import annotations

import io

import pyte
from hypothesis import given
from hypothesis import strategies as st
from painted import cells_of
from rich.console import Console
from rich.segment import Segment
from rich.style import Style

from console.widgets.pens import Pens

COLOURS = (None, "default", "red", "#102030", "#ffeedd")
STYLES = st.builds(
    Style,
    color=st.sampled_from(COLOURS),
    bgcolor=st.sampled_from(COLOURS),
    bold=st.sampled_from((None, True, False)),
    reverse=st.sampled_from((None, True)),
    underline=st.sampled_from((None, True)),
)
PIECES = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 3), st.text("abc █", min_size=1, max_size=6), STYLES))


def console(colours: str = "truecolor") -> Console:
    return Console(file=io.StringIO(), force_terminal=True, color_system=colours, legacy_windows=False)  # type: ignore[arg-type]


def shown(written: str) -> list[list[tuple[str, str, str, bool, bool]]]:
    terminal = pyte.Screen(80, 4)
    pyte.Stream(terminal).feed(written)
    return cells_of(terminal)


@given(PIECES)
def test_a_terminal_shows_the_same(pieces: list[tuple[int, int, str, Style]]) -> None:
    pens = Pens(console())
    plain = ""
    for x, y, text, style in pieces:
        pens.move_to(x, y)
        pens.write([Segment(text, style)])
        plain += f"\x1b[{y + 1};{x + 1}H" + style.render(text, color_system=console()._color_system)
    assert shown(pens.written()) == shown(plain)


def test_only_what_changes_is_written() -> None:
    pens = Pens(console())
    pens.move_to(3, 0)
    pens.write([Segment("a", Style.parse("#010203 on #040506")), Segment("b", Style.parse("#070809 on #040506"))])
    pens.move_to(9, 0)
    pens.write([Segment("c", Style.parse("bold #070809 on #040506")), Segment("d", Style.parse("#070809 on #040506"))])
    assert pens.written() == (
        "\x1b[1;4H\x1b[38;2;1;2;3;48;2;4;5;6ma\x1b[38;2;7;8;9mb\x1b[4C\x1b[1mc\x1b[0;38;2;7;8;9;48;2;4;5;6md\x1b[0m"
    )


def test_where_there_are_no_colours_none_are_written() -> None:
    pens = Pens(Console(file=io.StringIO(), color_system=None))
    pens.move_to(0, 0)
    pens.write([Segment("a", Style.parse("bold red")), Segment("b")])
    assert pens.written() == "\x1b[1;1Hab"
