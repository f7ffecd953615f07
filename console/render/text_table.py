"""Tables and lines as plain text for the command line: the same cells as on screen, as wide as they need to be."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.cells import cell_len

from console.render.cells import Cell, Column, Pieces
from console.render.glyphs import Glyphs


def text_table(columns: Sequence[Column], rows: Sequence[Sequence[Cell]], glyphs: Glyphs) -> str:
    """Return head and rows; a column in which no row has anything is left out."""
    texts = [[glyphs.safe(cell.text).strip() for cell in row] for row in rows]
    shown = [n for n in range(len(columns)) if not rows or any(row[n] for row in texts)]
    widths = {n: max([len(columns[n].title), *(cell_len(row[n]) for row in texts)]) for n in shown}
    lines = [[column.title for column in columns], *texts]
    return "\n".join(
        "  ".join(_padded(line[n], widths[n], right=columns[n].right) for n in shown).rstrip() for line in lines
    )


def text_lines(lines: Iterable[Pieces], glyphs: Glyphs) -> list[str]:
    """Return lines in tones as plain text."""
    return [glyphs.safe("".join(text for text, _ in line)).rstrip() for line in lines]


def _padded(text: str, width: int, *, right: bool) -> str:
    space = " " * (width - cell_len(text))
    return space + text if right else text + space
