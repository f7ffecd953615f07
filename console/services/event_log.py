"""Events as they are kept: lines of JSON in the state folder, bounded, appended by however many consoles there are."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress

import msgspec

from console.errors import RaydeckError
from console.model.cluster import ClusterSnapshot
from console.model.event import Event, Level
from console.services.crossings import Crossings
from console.services.state_folder import StateFolder

FILE, OLDER = "events.jsonl", "events-older.jsonl"
MOST_BYTES = 512 * 1024  # of each of the two files
_SAME_WITHIN_S = 30.0  # two consoles see the same thing; it is one event
_DECODER = msgspec.json.Decoder(Event)


class EventLog:
    """The kept events. What cannot be written is not kept, and the console goes on."""

    def __init__(self, state: StateFolder, most_bytes: int = MOST_BYTES) -> None:
        self._state = state
        self._most_bytes = most_bytes

    def append(self, events: Iterable[Event]) -> None:
        """Add events in one write, so that lines of several consoles never mix."""
        lines = b"".join(msgspec.json.encode(event) + b"\n" for event in events)
        if not lines:
            return
        with suppress(OSError, RaydeckError):
            path = self._state.folder() / FILE
            descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.write(descriptor, lines)
                full = os.fstat(descriptor).st_size > self._most_bytes
            finally:
                os.close(descriptor)
            if full:
                path.replace(self._state.at(OLDER))

    def read(self, since: float = float("-inf")) -> tuple[Event, ...]:
        """Return the events from ``since`` (Unix seconds) on, the oldest first, each once; damaged lines left out."""
        found = [event for name in (OLDER, FILE) for event in self._lines(name) if event.at >= since]
        found.sort(key=lambda event: event.at)
        return tuple(_each_once(found))

    def _lines(self, name: str) -> list[Event]:
        found = []
        for line in (self._state.read(name) or b"").splitlines():
            with suppress(msgspec.MsgspecError, UnicodeDecodeError):
                found.append(_DECODER.decode(line))
        return found


class EventFeed:
    """What the console tells: events as they are seen, the last ones at hand, all of them kept."""

    def __init__(self, log: EventLog, most: int = 500) -> None:
        self._log = log
        self._crossings = Crossings()
        self._recent: deque[Event] = deque(maxlen=most)
        self._loaded = False
        self._listeners: list[Callable[[Event], None]] = []

    @property
    def recent(self) -> tuple[Event, ...]:
        """Return the last events, those of earlier runs included, the oldest first."""
        self._load()
        return tuple(self._recent)

    def listen(self, listener: Callable[[Event], None]) -> None:
        """Have ``listener`` called with each new event."""
        self._listeners.append(listener)

    def tell(self, event: Event) -> None:
        """Keep and tell an event that does not show in a snapshot."""
        self._load()
        self._publish((event,))

    def observe(self, snapshot: ClusterSnapshot) -> None:
        """Take in a snapshot, and keep and tell what is new in it."""
        self._load()
        events = self._crossings.observe(snapshot)
        if self._crossings.has_just_begun(snapshot.spec.name):
            # What was so before this run, and was told then, is not told again.
            events = tuple(event for event in events if self._last_level(event) != event.level)
        self._publish(events)

    def _publish(self, events: Iterable[Event]) -> None:
        events = tuple(events)
        self._log.append(events)
        for event in events:
            self._recent.append(event)
            for listener in self._listeners:
                listener(event)

    def _load(self) -> None:
        if not self._loaded:
            self._loaded = True
            self._recent.extend(self._log.read())

    def _last_level(self, event: Event) -> Level | None:
        return next((known.level for known in reversed(self._recent) if _subject(known) == _subject(event)), None)


def _subject(event: Event) -> tuple[str, str, str, str]:
    return (event.cluster, event.node, event.kind, event.subject)


def _each_once(events: list[Event]) -> list[Event]:
    """Leave out an event that another console told, too."""
    last: dict[tuple[str, str, str, str], Event] = {}
    kept = []
    for event in events:
        key = _subject(event)
        before = last.get(key)
        if before is None or before.level != event.level or event.at - before.at > _SAME_WITHIN_S:
            kept.append(event)
        last[key] = event
    return kept
