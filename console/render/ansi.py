"""The one gate for text from outside: whatever comes in, only printable text and SGR styles go out.

No control character ever reaches a segment: escape sequences (also cut short), C0 and C1 controls go; bidi overrides,
zero-width characters and lone surrogates become a dot. A line is cleaned whole, so nothing depends on chunk borders.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from rich.color import Color
from rich.style import Style

LONGEST = 65_536  # characters of a line that are looked at; nobody reads further, and a line can be 10 MB

_ESCAPES = re.compile(
    r"\x1b\[([0-9;:]*)m"  # SGR: group 1
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"  # every other CSI, also cut short
    r"|(?:\x1b[PX^_\]]|[\x90\x98\x9d\x9e\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"  # DCS SOS PM APC OSC, to its end
    r"|\x1b[ -/]*[0-~]?"  # every other ESC sequence
    r"|[\x00-\x08\x0a-\x1f\x7f-\x9f]+"  # C0 and C1; the tab stays
)
_SELECTORS = re.compile("[\ufe00-\ufe0f]")  # they change a sign's width, and terminals do not agree on it
_ATTRIBUTES = {1: "bold", 2: "dim", 3: "italic", 4: "underline", 7: "reverse", 9: "strike"}
_ENDS = {22: ("bold", "dim"), 23: ("italic",), 24: ("underline",), 27: ("reverse",), 29: ("strike",)}


def plain(text: str) -> str:
    """Return what of ``text`` may be shown; lines of it become one, of a progress bar its last state stays."""
    if text.isascii() and text.isprintable() and len(text) <= LONGEST:
        return text
    return _printable(_ESCAPES.sub("", _last_state(" ".join(text[:LONGEST].split("\n")))))


def pieces(line: str) -> list[tuple[str, Style]]:
    """Return one line as printable pieces with the styles that its SGR sequences gave them."""
    line = line[:LONGEST]
    if line.isascii() and line.isprintable():
        return [(line, Style.null())] if line else []
    line, at, style, out = _last_state(line), 0, Style.null(), []
    for match in _ESCAPES.finditer(line):
        if match.start() > at:
            out.append((_printable(line[at : match.start()]), style))
        at = match.end()
        if (codes := match.group(1)) is not None:
            style = _sgr(style, codes)
    if at < len(line):
        out.append((_printable(line[at:]), style))
    return out


def _printable(text: str) -> str:
    if not text.isascii():
        text = _SELECTORS.sub("", text)
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else "·" for char in text.expandtabs(8))


def _last_state(line: str) -> str:
    # What a terminal would show of a progress bar: the text after the last carriage return.
    return line.rstrip("\r").rsplit("\r", 1)[-1] if "\r" in line else line


@lru_cache(4096)
def _sgr(style: Style, codes: str) -> Style:
    numbers = iter([int(code) if code.isascii() and code.isdigit() and len(code) < 4 else 0
                    for code in re.split("[;:]", codes)])  # fmt: skip
    for number in numbers:
        style = Style.null() if number == 0 else style + _change(number, numbers)
    return style


def _change(number: int, rest: Iterator[int]) -> Style:
    """Return what one SGR number changes; 38 and 48 take what they need from ``rest``."""
    if number in _ATTRIBUTES:
        return Style.parse(_ATTRIBUTES[number])
    if number in _ENDS:
        return Style.parse(" ".join(f"not {name}" for name in _ENDS[number]))
    if number in {38, 48}:
        colour = _extended(rest)
        return _coloured(colour, behind=number == 48)
    if number in {39, 49}:
        return _coloured(Color.default(), behind=number == 49)
    for first, offset in ((30, 0), (90, 8), (40, 0), (100, 8)):
        if first <= number < first + 8:
            return _coloured(Color.from_ansi(number - first + offset), behind=first in {40, 100})
    return Style.null()


def _extended(rest: Iterator[int]) -> Color | None:
    kind = next(rest, 0)
    if kind == 5:
        number = next(rest, 256)
        return Color.from_ansi(number) if number < 256 else None
    if kind == 2:
        red, green, blue = (min(255, next(rest, 0)) for _ in range(3))
        return Color.from_rgb(red, green, blue)
    return None


def _coloured(colour: Color | None, *, behind: bool) -> Style:
    if colour is None:
        return Style.null()
    return Style.from_color(None, colour) if behind else Style.from_color(colour)
