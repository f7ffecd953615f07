"""What a table is made of: cells with tones and a value to sort by, rows, columns, and how columns fit a width.

A tone is a name (``ok``, ``warn``, ``bad``, ``dim``, ``accent``, ``head``, ``track``, ``trend``, …) that a widget's
component classes colour; nothing here knows a colour.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise, zip_longest

from msgspec import Struct
from rich.cells import cell_len, set_cell_size

from console.render.glyphs import Glyphs

Pieces = tuple[tuple[str, str], ...]
SortValue = float | str | None


class Cell(Struct, frozen=True, gc=False):
    """What stands in one place of a table.

    ``pieces``: texts with their tones. ``sort``: what sorting compares, None sorts last in both directions.
    ``fresh``: keeps its tones when its row is stale (the state's sign, the age).
    """

    pieces: Pieces = ()
    sort: SortValue = None
    fresh: bool = False

    @property
    def text(self) -> str:
        """Return the text without its tones."""
        return "".join(text for text, _ in self.pieces)


class Row(Struct, frozen=True, gc=False):
    """One row: as many cells as the table has columns. A stale row is dimmed as a whole."""

    cells: tuple[Cell, ...]
    stale: bool = False


class Column(Struct, frozen=True):
    """One column, ``width`` cells wide.

    ``drop``: 0 stays always; of the others the highest goes first when it gets narrow. ``flex``: it takes what is
    left over, up to ``width_most``.
    """

    key: str
    title: str
    width: int
    right: bool = True
    drop: int = 0
    flex: bool = False
    width_most: int = 60


class Placed(Struct, frozen=True):
    """A column that fits: ``number`` in the row, first cell ``x`` on the line, width as given out."""

    number: int
    column: Column
    x: int
    width: int


def cell(text: str, tone: str = "", sort: SortValue = None, *, fresh: bool = False) -> Cell:
    """Return a cell of one tone, sorted by its text unless ``sort`` is given."""
    return Cell(((text, tone),), text.casefold() if sort is None else sort, fresh)


def unknown(glyphs: Glyphs) -> Cell:
    """Return the cell for what is not known: a dim dash that sorts last."""
    return Cell(((glyphs.dash, "dim"),))


BLANK = Cell()
"""The cell for what does not apply."""


def place(columns: Sequence[Column], width: int, hidden: frozenset[str] = frozenset()) -> tuple[Placed, ...]:
    """Give out ``width`` cells: the widest gap (4 to 1 cells) with which all columns fit, else a gap of one.

    Columns that do not fit then are dropped by priority; those with ``drop`` 0 stay and are cut at the edge.
    ``hidden``: keys of columns that get no place at all.
    """
    kept = [column for column in columns if column.key not in hidden]
    gap = next((gap for gap in (4, 3, 2) if _needed(kept, gap) <= width), 1)
    for _, column in sorted(enumerate(kept), key=lambda item: (item[1].drop, item[0]), reverse=True):
        if _needed(kept, gap) <= width or column.drop == 0:
            break
        kept.remove(column)
    spare, x, placed = max(0, width - _needed(kept, gap)), 0, []
    for column, following in zip_longest(kept, kept[1:]):
        extra = min(spare, max(0, column.width_most - column.width)) if column.flex else 0
        spare -= extra
        placed.append(Placed(columns.index(column), column, x, column.width + extra))
        x += column.width + extra + _gap(column, following, gap)
    return tuple(placed)


def _gap(column: Column, following: Column | None, gap: int) -> int:
    """Return the cells behind a column: one behind a sign, two at least where a right edge meets a left one."""
    if following is None:
        return 0
    if column.width == 1:
        return 1
    return max(gap, 2) if column.right and not following.right else gap


def _needed(kept: Sequence[Column], gap: int) -> int:
    gaps = (_gap(column, following, gap) for column, following in pairwise(kept))
    return sum(column.width for column in kept) + sum(gaps)


def fit(pieces: Pieces, width: int, glyphs: Glyphs, *, right: bool = False) -> Pieces:
    """Return the pieces in exactly ``width`` cells: cleaned, cut with an ellipsis, padded on the left or the right."""
    safe = [(text if _harmless(text, glyphs) else glyphs.safe(text), tone) for text, tone in pieces]
    spare = width - sum(_cells(text) for text, _ in safe)
    if spare < 0:
        return _cut(safe, width, glyphs)
    if spare and right:
        safe.insert(0, (" " * spare, ""))
    elif spare:
        safe.append((" " * spare, ""))
    return tuple(safe)


def _harmless(text: str, glyphs: Glyphs) -> bool:
    return text.isprintable() and (text.isascii() or not glyphs.ascii_only)


def _cells(text: str) -> int:
    return len(text) if text.isascii() else cell_len(text)


def _cut(pieces: Sequence[tuple[str, str]], width: int, glyphs: Glyphs) -> Pieces:
    left, out = max(0, width - 1), []
    for text, tone in pieces:
        if _cells(text) > left:
            out.append((set_cell_size(text, left) + (glyphs.ellipsis if width > 0 else ""), tone))
            break
        out.append((text, tone))
        left -= _cells(text)
    return tuple(out)


def sort_key(value: SortValue) -> tuple[int, float, str]:
    """Return what orders values of one column, numbers before texts, None for the caller to put last."""
    if isinstance(value, str):
        return (1, 0.0, value)
    return (0, value if value is not None else 0.0, "")
