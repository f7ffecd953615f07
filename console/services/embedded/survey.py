"""What of the recorded clusters can be used by a starter, what is dead, and what is another console's."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Set as AbstractSet

from msgspec import Struct

from console.services.embedded import processes
from console.services.embedded.answer import ask
from console.services.embedded.record import Record
from console.services.embedded.registry import is_alive

_PATIENCE_S = 5.0


class Survey(Struct, frozen=True):
    """Records by what they mean to one starter."""

    usable: tuple[Record, ...]
    dead: tuple[Record, ...]
    others: tuple[Record, ...]

    @property
    def joinable(self) -> tuple[Record, ...]:
        """Return the clusters that another ``up`` is starting right now."""
        return tuple(r for r in self.usable if r.phase == "starting" and r.role == "ray")


def survey(records: Iterable[Record], own: AbstractSet[str]) -> Survey:
    """Sort ``records``; ``own`` names what the starter started itself. Blocks for up to 5 s a silent dashboard."""
    usable, dead, others = [], [], []
    for record in records:
        mine = record.kept or record.name in own
        guarded = processes.find(record.guard) is not None
        if not mine and guarded:
            others.append(record)
        elif _lives(record, guarded=guarded):
            usable.append(record)
        else:
            dead.append(record)
    return Survey(tuple(usable), tuple(dead), tuple(others))


def _lives(record: Record, *, guarded: bool) -> bool:
    if record.phase == "starting":
        return guarded
    if not is_alive(record):  # after a power cut anybody may listen on its port
        return False
    # Only a refusal is death: a dashboard that is slow to answer may have somebody's jobs behind it.
    return ask(record.role, record.ports, "", _PATIENCE_S) != "refused"
