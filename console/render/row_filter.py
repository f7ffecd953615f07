"""The filter of a table: ``failed``, ``status:failed cluster:local``, ``-status:succeeded``; every word has to hold.

A word holds where it stands anywhere in the row; ``column:text`` where the text stands in that column, whose name may
be shortened; a ``-`` before either turns it round. Case counts nowhere.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import Struct

from console.render.cells import Column, Row

Keep = Callable[[str, Row], bool]
RowTexts = dict[str, tuple[Row, tuple[str, ...]]]
"""What rows say, by their keys: true as long as it is the same row."""


class _Term(Struct, frozen=True):
    """One word; ``number`` is its column's, None for the whole row."""

    text: str
    number: int | None
    turned: bool

    def holds(self, texts: Sequence[str]) -> bool:
        return (self.text in texts[-1 if self.number is None else self.number]) != self.turned


def row_filter(typed: str, columns: Sequence[Column], known: RowTexts | None = None) -> Keep | None:
    """Return what keeps a row, None where nothing was typed.

    ``known`` is what rows say, for the filters that follow each other while somebody types into a table of thousands.
    """
    terms = [_term(word, columns) for word in typed.casefold().split()]
    if not terms:
        return None
    texts = {} if known is None else known

    def keep(key: str, row: Row) -> bool:
        said = texts.get(key)
        if said is None or said[0] is not row:
            said = texts[key] = (row, _texts(row, len(columns)))
        return all(term.holds(said[1]) for term in terms)

    return keep


def _texts(row: Row, columns: int) -> tuple[str, ...]:
    """Return what each column says, and last what the row says; no word holds across pieces, as none has a newline."""
    said = ["\n".join([text for text, _ in cell.pieces]).casefold() for cell in row.cells]
    return (*said, *[""] * (columns - len(said)), "\n".join(said))


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
