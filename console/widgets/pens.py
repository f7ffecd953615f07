"""Pens: text with styles as escape sequences, of which only what differs from the style before is written.

Rich resets after each piece and sets everything anew, 40 bytes where a change of colour takes 17.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from rich.color import Color, ColorSystem
from rich.console import Console
from rich.segment import Segment
from rich.style import Style

Pen = tuple[tuple[str, ...], str, str]
"""SGR codes: attributes, foreground, background."""

_BARE: Pen = ((), "39", "49")
_ATTRIBUTES = (
    ("bold", "1"), ("dim", "2"), ("italic", "3"), ("underline", "4"), ("blink", "5"), ("reverse", "7"), ("strike", "9"),
)  # fmt: skip


class Pens:
    """What is written of one frame. It begins and ends with the terminal's own style."""

    def __init__(self, console: Console) -> None:
        self._colours = console._color_system  # noqa: SLF001 -- as rich.segment and Textual's strips ask for it
        self._parts: list[str] = []
        self._pen = _BARE
        self._place: tuple[int, int] | None = None

    def move_to(self, x: int, y: int) -> None:
        """Go to a cell, the shortest way."""
        if self._place is not None and self._place[1] == y and x > self._place[0]:
            self._parts.append(f"\x1b[{x - self._place[0]}C")
        elif self._place != (x, y):
            self._parts.append(f"\x1b[{y + 1};{x + 1}H")
        self._place = (x, y)

    def write(self, segments: Iterable[Segment]) -> None:
        """Write pieces one behind the other from the present cell on."""
        for text, style, _ in segments:
            pen = _pen(style, self._colours)
            if pen != self._pen:
                self._parts.append(_change(self._pen, pen))
                self._pen = pen
            self._parts.append(text)
            if self._place is not None:
                self._place = (self._place[0] + len(text), self._place[1]) if text.isascii() else None

    def written(self) -> str:
        """Return all of it, back in the terminal's own style."""
        return "".join(self._parts) + ("" if self._pen == _BARE else "\x1b[0m")


@lru_cache(4096)
def _pen(style: Style | None, colours: ColorSystem | None) -> Pen:
    if style is None or colours is None:
        return _BARE
    attributes = tuple(code for name, code in _ATTRIBUTES if getattr(style, name))
    return attributes, _code(style.color, colours, "39"), _code(style.bgcolor, colours, "49")


def _code(colour: Color | None, colours: ColorSystem, bare: str) -> str:
    if colour is None:
        return bare
    return ";".join(colour.downgrade(colours).get_ansi_codes(foreground=bare == "39"))


@lru_cache(4096)
def _change(before: Pen, after: Pen) -> str:
    attributes, foreground, background = after
    codes: list[str] = []
    if before[0] != attributes:
        if before[0]:
            codes, before = ["0"], _BARE
        codes += attributes
    codes += [code for code, known in ((foreground, before[1]), (background, before[2])) if code != known]
    return f"\x1b[{';'.join(codes)}m"
