"""Something that happened to a cluster and is worth a line: it is told once, and kept."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

EventKind = Literal["state", "node", "threshold", "fault", "path", "job"]
Level = Literal["ok", "warn", "bad"]


class Event(Struct, frozen=True):
    """``at`` in Unix seconds; ``node`` is an address, empty for the cluster itself; ``subject`` is what changed."""

    at: float
    cluster: str
    node: str
    kind: EventKind
    subject: str
    level: Level
    message: str


def event_order(event: Event) -> tuple[float, str, str, str]:
    """Return what sorts events: their time, and what happened at once by its names."""
    return (event.at, event.cluster, event.node, event.subject)
