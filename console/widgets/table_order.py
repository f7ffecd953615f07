"""TableOrder: which rows a table shows, and in which order. Pure: tested without a screen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from console.render.cells import Column, Row, SortValue, sort_key
from console.render.row_filter import Keep


class TableOrder:
    """Rows by key, filtered and sorted; unsorted they stand in the order in which they came."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self.columns = tuple(columns)
        self.rows: Mapping[str, Row] = {}
        self.keep: Keep | None = None
        self.sorted_by: tuple[str, bool] | None = None
        self.keys: list[str] = []
        self._index: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self.keys)

    def arrange(self) -> None:
        """Filter and sort anew; sorting is stable, and what is not known comes last in both directions."""
        keep = self.keep
        # Without a filter no row is touched: rows may be made only when somebody looks at them.
        keys = list(self.rows) if keep is None else [key for key, row in self.rows.items() if keep(key, row)]
        self.keys = self._sorted(keys)
        self._index = {key: number for number, key in enumerate(self.keys)}

    def place_of(self, key: str | None) -> int | None:
        """Return the number of the row with this key, None when it is not shown."""
        return None if key is None else self._index.get(key)

    def _sorted(self, keys: list[str]) -> list[str]:
        if self.sorted_by is None:
            return keys
        name, descending = self.sorted_by
        number = next((number for number, column in enumerate(self.columns) if column.key == name), None)
        if number is None:
            return keys
        values = {key: self._value(key, number) for key in keys}
        known = [key for key in keys if values[key] is not None]
        known.sort(key=lambda key: sort_key(values[key]), reverse=descending)
        return known + [key for key in keys if values[key] is None]

    def _value(self, key: str, number: int) -> SortValue:
        cells = self.rows[key].cells
        return cells[number].sort if number < len(cells) else None
