"""Whether the right Ray answers: against the other configured clusters, and against who answered the last time.

What answered is kept in the state folder, one file a cluster, so that a port that answers as another cluster is noticed
even after a restart of the console. A head that was restarted is told apart by when it started: after the old one was
last seen, or while that one still answered.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime

import msgspec
from msgspec import Struct

from console.errors import RaydeckError
from console.model.failure import Failure
from console.services.state_folder import StateFolder

FOLDER = "identities"
KEEP_EVERY_S = 30.0
_SLACK_S = 2.0


class Known(Struct, frozen=True):
    """Who answered as a cluster; ``seen_at`` when last, ``started_at`` when its head started (Unix seconds).

    ``dashboard`` is the address that was asked: what answered elsewhere says nothing about this one.
    """

    dashboard: str
    session_name: str
    ray_version: str
    seen_at: float
    started_at: float | None = None
    node_ids: tuple[str, ...] = ()


class Judgement(Struct, frozen=True):
    """``failure`` None: it is the right one. ``restarted_at``: it is, and it was restarted."""

    failure: Failure | None = None
    detail: str = ""
    other: str = ""
    restarted_at: float | None = None


def judge(now: Known, before: Known | None, others: Mapping[str, Known], remembered: Mapping[str, Known]) -> Judgement:
    """Judge who answers ``now``.

    ``before``: who answered as this cluster the last time. ``others``: who answers as the other clusters at present.
    ``remembered``: who answered as those the last time, and rightly so.
    """
    if before is not None and before.session_name == now.session_name:
        return Judgement(detail=f"session {now.session_name}, as before")
    for name, known in remembered.items():
        if (shared := _shared(now, known)) is not None:
            return Judgement(Failure.OTHER_CLUSTER, f"answers as {name}: {shared}", name)
    for name, known in others.items():
        if (shared := _shared(now, known)) is not None:
            return Judgement(Failure.TWICE, f"{shared} answers as {name}, too", name)
    if before is None or before.dashboard != now.dashboard:
        return Judgement(detail=f"session {now.session_name}, seen for the first time")
    if _shared(now, before) is None and _lived_at_the_same_time(now, before):
        return Judgement(Failure.STRANGER, f"session {now.session_name}, and not {before.session_name}")
    return Judgement(
        detail=f"session {now.session_name}, Ray was restarted", restarted_at=now.started_at or before.seen_at
    )


def _shared(one: Known, other: Known) -> str | None:
    """Return in words what two heads have in common, and only the same cluster can: its session, or a node of it."""
    if one.session_name == other.session_name:
        return f"session {one.session_name}"
    nodes = set(one.node_ids) & set(other.node_ids)
    return f"node {min(nodes)[:12]}" if nodes else None


def _lived_at_the_same_time(now: Known, before: Known) -> bool:
    """Return whether this head ran while the one before still answered: then it is another, and no restart."""
    if now.started_at is not None:
        return now.started_at < before.seen_at - _SLACK_S
    started, earlier = _stamp(now.session_name), _stamp(before.session_name)
    return started is not None and earlier is not None and started < earlier


def _stamp(session_name: str) -> datetime | None:
    """Return when a session began by its name, in the head's own time zone."""
    with suppress(ValueError):
        return datetime.strptime(session_name[8:27], "%Y-%m-%d_%H-%M-%S")  # noqa: DTZ007 -- compared with its like only
    return None


class IdentityMemory:
    """Who answered last as each cluster, kept in the state folder; what cannot be kept is remembered for this run."""

    def __init__(
        self, state: StateFolder, clock: Callable[[], float], may_write: Callable[[], bool] = lambda: True
    ) -> None:
        self._state, self._clock, self._may_write = state, clock, may_write
        self._known: dict[str, Known | None] = {}
        self._kept_at: dict[str, float] = {}
        self._on_disk: set[str] = set()

    def get(self, cluster: str) -> Known | None:
        """Return who answered last, None: nobody yet."""
        if cluster not in self._known:
            self._known[cluster] = self._read(cluster)
        return self._known[cluster]

    def put(self, cluster: str, known: Known) -> None:
        """Remember who answers, on disk when it changed and every 30 s."""
        before, self._known[cluster] = self._known.get(cluster), known
        same = before is not None and (before.session_name, before.node_ids) == (known.session_name, known.node_ids)
        if not self._may_write() or (same and self._clock() - self._kept_at.get(cluster, 0.0) < KEEP_EVERY_S):
            return
        self._kept_at[cluster] = self._clock()
        with suppress(OSError, RaydeckError):
            self._state.write(msgspec.json.encode(known), FOLDER, _file(cluster))
            self._on_disk.add(cluster)

    def path(self, cluster: str) -> str:
        """Return the file that remembers a cluster, for the operator who wants it forgotten."""
        return str(self._state.at(FOLDER, _file(cluster)))

    def forget_removed(self, cluster: str) -> None:
        """Forget a cluster whose file the operator removed."""
        if cluster in self._on_disk and not self._state.at(FOLDER, _file(cluster)).exists():
            self._known[cluster] = None
            self._on_disk.discard(cluster)

    def _read(self, cluster: str) -> Known | None:
        with suppress(OSError, msgspec.MsgspecError, UnicodeDecodeError):
            content = self._state.read(FOLDER, _file(cluster))
            if content is not None:
                known = msgspec.json.decode(content, type=Known)
                self._on_disk.add(cluster)
                return known
        return None


def _file(cluster: str) -> str:
    return f"{cluster}.json"
