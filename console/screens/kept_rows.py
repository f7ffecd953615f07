"""KeptRows: what was made of each snapshot, so that a table of a thousand rows makes only those anew that changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Generic, TypeVar

from console.model.cluster import ClusterSnapshot

Made = TypeVar("Made")


class KeptRows(Generic[Made]):
    """What ``make`` returned for each cluster's snapshot, by key. Snapshots are frozen: the same one is unchanged."""

    def __init__(self, make: Callable[[ClusterSnapshot], Mapping[str, Made]]) -> None:
        self._make = make
        self._kept: dict[str, tuple[ClusterSnapshot, Mapping[str, Made]]] = {}

    def of(self, snapshots: Iterable[ClusterSnapshot]) -> dict[str, Made]:
        """Return all of them in the order of the snapshots."""
        self._kept = {snapshot.spec.name: self._of_one(snapshot) for snapshot in snapshots}
        return {key: made for _, all_made in self._kept.values() for key, made in all_made.items()}

    def forget(self, clusters: Iterable[str] | None = None) -> None:
        """Make those of these clusters anew next time, of all with None: what is shown depends on the time, too."""
        for name in list(self._kept) if clusters is None else clusters:
            self._kept.pop(name, None)

    def _of_one(self, snapshot: ClusterSnapshot) -> tuple[ClusterSnapshot, Mapping[str, Made]]:
        kept = self._kept.get(snapshot.spec.name)
        return kept if kept is not None and kept[0] is snapshot else (snapshot, self._make(snapshot))
