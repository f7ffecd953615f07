"""KeptRows: the rows of a table, each made when somebody looks at it, so that a thousand cost what fifty cost."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Generic, TypeVar

from console.render.cells import Row

Item = TypeVar("Item")


class KeptRows(Mapping[str, Row], Generic[Item]):
    """What ``make`` returns for each item, by key, in the order of the items.

    Items are frozen: of the same one a row is kept, until ``forget`` says that the time has changed it.
    """

    def __init__(self, make: Callable[[Item], Row]) -> None:
        self._make = make
        self._made: dict[str, tuple[Item, Row]] = {}
        self.items_shown: Mapping[str, Item] = {}

    def take(self, items: Mapping[str, Item]) -> None:
        """Have rows of these items from now on."""
        self.items_shown = items
        self._made = {key: made for key, made in self._made.items() if items.get(key) is made[0]}

    def forget(self, keys: Iterable[str] | None = None) -> None:
        """Make the rows with these keys anew next time, all with None: what is shown depends on the time, too."""
        for key in list(self._made) if keys is None else keys:
            self._made.pop(key, None)

    def __getitem__(self, key: str) -> Row:
        """Return a row."""
        if (made := self._made.get(key)) is None:
            item = self.items_shown[key]
            made = self._made[key] = (item, self._make(item))
        return made[1]

    def __contains__(self, key: object) -> bool:
        """Return whether there is a row, without making it."""
        return key in self.items_shown

    def __iter__(self) -> Iterator[str]:
        """Iterate over the keys."""
        return iter(self.items_shown)

    def __len__(self) -> int:
        """Return how many rows there are."""
        return len(self.items_shown)
