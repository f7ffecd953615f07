"""Raw log lines -> painted rows: cleaned, coloured by their own SGR, search hits marked, cut or wrapped to a width.

Only lines that are on screen ever come here; what was painted lately is kept.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from msgspec import Struct
from rich.cells import cell_len, get_character_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from console.render.ansi import pieces, plain
from console.render.glyphs import Glyphs
from console.widgets.log_ring import Note

Runs = list[tuple[str, Style]]
_KEPT_LINES = 600  # a few screens of painted lines


class LinePens(Struct, frozen=True):
    """The styles that are not the log's own."""

    base: Style
    note: Style
    hit: Style


class LinePainter:
    """Paints lines for one width, one search and one way of wrapping; ``left`` is the first cell shown unwrapped."""

    def __init__(self, glyphs: Glyphs) -> None:
        self.glyphs = glyphs
        self.wrap = False
        self.left = 0
        self.needle: re.Pattern[str] | None = None
        self._kept: dict[tuple[bytes, bool], list[Strip]] = {}

    def forget(self) -> None:
        """Drop what was painted: width, wrapping, search or theme changed."""
        self._kept.clear()

    def rows_of(self, raw: bytes, width: int, pens: LinePens) -> list[Strip]:
        """Return the rows of one line, each ``width`` cells wide; a single one when lines are not wrapped."""
        key = (bytes(raw), isinstance(raw, Note))
        rows = self._kept.get(key)
        if rows is None:
            if len(self._kept) > _KEPT_LINES:
                self._kept.clear()
            runs = self._marked(self._runs(raw, pens), pens.hit)
            laid = _wrapped(runs, width) if self.wrap else [_cropped(runs, self.left, width)]
            rows = self._kept[key] = [
                Strip([Segment(text, style) for text, style in row]).adjust_cell_length(width, pens.base)
                for row in laid
            ]
        return rows

    def _runs(self, raw: bytes, pens: LinePens) -> Runs:
        if isinstance(raw, Note):
            return [(self.glyphs.safe(raw.decode("utf-8", "replace")), pens.note)]
        runs = [(text, pens.base + style) for text, style in pieces(raw.decode("utf-8", "replace"))]
        return [(self.glyphs.safe(text), style) for text, style in runs] if self.glyphs.ascii_only else runs

    def _marked(self, runs: Runs, hit: Style) -> Runs:
        """Mark every hit, also one that runs across a change of colour."""
        if self.needle is None:
            return runs
        spans = [match.span() for match in self.needle.finditer("".join(text for text, _ in runs))]
        out, at = [], 0
        for text, style in runs:
            edges = sorted({0, len(text), *(min(len(text), max(0, edge - at)) for span in spans for edge in span)})
            for start, end in pairwise(edges):
                inside = any(first <= at + start < last for first, last in spans)
                out.append((text[start:end], style + hit if inside else style))
            at += len(text)
        return out


def holds(raw: bytes, needle: re.Pattern[str]) -> bool:
    """Return whether what a line shows holds the needle; escape sequences inside it do not hide it."""
    return needle.search(plain(raw.decode("utf-8", "replace"))) is not None


def needle_of(text: str) -> re.Pattern[str] | None:
    """Return the pattern of a search for plain text, case ignored; None for an empty search."""
    return re.compile(re.escape(text), re.IGNORECASE) if text else None


def _wrapped(runs: Runs, width: int) -> list[Runs]:
    rows: list[Runs] = [[]]
    left = width
    for run_text, style in runs:
        text = run_text
        while text:
            head = _take(text, left)
            if not head and left == width:
                head = text[0]  # a sign wider than the screen: cut by the strip's length
            if head:
                rows[-1].append((head, style))
                left -= cell_len(head)
                text = text[len(head) :]
            if text:
                rows.append([])
                left = width
    return rows


def _cropped(runs: Runs, left: int, width: int) -> Runs:
    if not left:
        return _first_cells(runs, width)
    strip = Strip([Segment(text, style) for text, style in _first_cells(runs, left + width)]).crop(left, left + width)
    return [(segment.text, segment.style or Style.null()) for segment in strip]


def _first_cells(runs: Sequence[tuple[str, Style]], width: int) -> Runs:
    out: Runs = []
    for text, style in runs:
        if width <= 0:
            break
        head = _take(text, width)
        out.append((head, style))
        width = width - cell_len(head) if len(head) == len(text) else 0
    return out


def _take(text: str, width: int) -> str:
    """Return as much of the text as fits into ``width`` cells."""
    if text.isascii():
        return text[:width]
    used = 0
    for at, char in enumerate(text):
        used += get_character_cell_size(char)
        if used > width:
            return text[:at]
    return text
