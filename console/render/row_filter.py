"""The filter of a table: ``failed``, ``status:failed cluster:local``, ``-status:succeeded``; every word has to hold.

A word holds where it stands anywhere in the row; ``column:text`` where the text stands in that column, whose name may
be shortened; a ``-`` before either turns it round. Case counts nowhere.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import Struct

from console.render.cells import Column, Row


class _Term(Struct, frozen=True):
    """One word; ``number`` is its column's, None for the whole row."""

    text: str
    number: int | None
    turned: bool

    def holds(self, row: Row) -> bool:
        cells = row.cells if self.number is None else row.cells[self.number : self.number + 1]
        return any(self.text in text.casefold() for cell in cells for text, _ in cell.pieces) != self.turned


def row_filter(typed: str, columns: Sequence[Column]) -> Callable[[str, Row], bool] | None:
    """Return what keeps a row, None where nothing was typed. Answers are kept as long as a row stays the same."""
    terms = [_term(word, columns) for word in typed.casefold().split()]
    if not terms:
        return None
    known: dict[str, tuple[Row, bool]] = {}

    def keep(key: str, row: Row) -> bool:
        before = known.get(key)
        if before is not None and before[0] is row:
            return before[1]
        holds = all(term.holds(row) for term in terms)
        known[key] = (row, holds)
        return holds

    return keep


def _term(word: str, columns: Sequence[Column]) -> _Term:
    turned = word.startswith("-") and len(word) > 1
    bare = word[1:] if turned else word
    name, colon, text = bare.partition(":")
    number = _column(name, columns) if colon else None
    return _Term(bare if number is None else text, number, turned)


def _column(name: str, columns: Sequence[Column]) -> int | None:
    """Return the column of this key or title, or the first one that begins like it; those without a title are none."""
    if not name:
        return None
    titled = [
        (number, column.key.casefold(), column.title.casefold())
        for number, column in enumerate(columns)
        if column.title
    ]
    exact = (number for number, key, title in titled if name in {key, title})
    begun = (number for number, key, title in titled if key.startswith(name) or title.startswith(name))
    return next(exact, next(begun, None))
