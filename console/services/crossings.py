"""Snapshots -> events: a state that changed, a node that came or went, a threshold crossed, a fault. Each once.

Hysteresis keeps what flickers quiet: a state counts once it was found out twice, a threshold as left only some points
below it, and a fault as gone once it was absent twice. Snapshots that only bring newer figures find out no state.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from console.metrics import HYSTERESIS_PERCENT, METRICS, Metric
from console.model.cluster import ClusterSnapshot, Node, State
from console.model.event import Event, EventKind, Level

_STATE_LEVELS: dict[State, Level] = {State.UP: "ok", State.DEGRADED: "warn", State.DOWN: "bad"}
_ORDER: tuple[Level, ...] = ("ok", "warn", "bad")
STANDS_AFTER = 2  # times found out


class _Fault(Struct):
    """A fault that was told: its words as they were last, how often in a row it was absent since."""

    message: str
    absent: int = 0


class _Known(Struct):
    """What was last told of one cluster; ``wanted`` is a change that has not stood long enough yet.

    ``state_at`` is when the state was last found out, ``times`` how often it was.
    """

    state_at: float = float("-inf")
    times: int = 0
    state: State = State.UNKNOWN
    wanted: State = State.UNKNOWN
    stood: int = 0
    nodes: tuple[Node, ...] = ()
    alive: dict[str, bool] = {}
    addresses: dict[str, str] = {}
    judged: dict[str, tuple[Node, dict[str, Level]]] = {}
    faults: dict[str, _Fault] = {}
    begun: bool = False


class Crossings:
    """The memory of all clusters. ``observe`` each snapshot once, in the order in which they are made."""

    def __init__(self) -> None:
        self._known: dict[str, _Known] = {}

    def observe(self, snapshot: ClusterSnapshot) -> tuple[Event, ...]:
        """Return what is new against the snapshots before; the first of a cluster tells nothing but what is wrong."""
        known = self._known.setdefault(snapshot.spec.name, _Known())
        is_found_out = snapshot.state_at > known.state_at
        known.state_at = max(snapshot.state_at, known.state_at)
        known.times += is_found_out and snapshot.state is not State.UNKNOWN
        found = (
            *self._state(snapshot, known, is_found_out=is_found_out),
            *self._nodes(snapshot, known),
            *self._thresholds(snapshot, known),
            *self._faults(snapshot, known, is_found_out=is_found_out),
        )
        known.begun |= snapshot.state is not State.UNKNOWN
        return found

    def has_just_begun(self, cluster: str) -> bool:
        """Return whether what was told of a cluster may have been so before this run, and told then."""
        return self._known[cluster].times <= STANDS_AFTER

    def _state(self, snapshot: ClusterSnapshot, known: _Known, *, is_found_out: bool) -> Iterator[Event]:
        state = snapshot.state
        if state != known.wanted:
            known.wanted, known.stood = state, 0
            is_found_out = True  # whatever brought it about; the second time has to be a newer one
        known.stood += is_found_out
        if state == known.state or state is State.UNKNOWN or known.stood < STANDS_AFTER:
            return
        before, known.state = known.state, state
        if before is State.UNKNOWN and state is State.UP:
            return  # that a healthy cluster is up is no news when the console opens
        because = f": {snapshot.faults[0].message}" if snapshot.faults else ""
        yield _event(snapshot, "", "state", "state", _STATE_LEVELS[state], f"is {state}{because}")

    def _nodes(self, snapshot: ClusterSnapshot, known: _Known) -> Iterator[Event]:
        if snapshot.identity is None or not snapshot.nodes or snapshot.nodes is known.nodes:
            return
        known.nodes = snapshot.nodes
        now = {node.node_id: node.alive for node in snapshot.nodes}
        known.addresses |= {node.node_id: node.ip for node in snapshot.nodes}
        for node in snapshot.nodes:
            was = known.alive.get(node.node_id)
            if known.begun and was is None and node.alive:
                yield _event(snapshot, node.ip, "node", "alive", "ok", f"{node.role} node {node.ip} joined")
            elif was and not node.alive:
                words = f": {node.death_message}" if node.death_message else ""
                yield _event(snapshot, node.ip, "node", "alive", "bad", f"{node.role} node {node.ip} died{words}")
        for node_id, was in known.alive.items():
            if was and node_id not in now:
                ip = known.addresses.get(node_id, "")
                yield _event(snapshot, ip, "node", "alive", "warn", f"node {ip or node_id[:12]} is gone")
        known.alive = now
        known.addresses = {node_id: known.addresses[node_id] for node_id in now}

    def _thresholds(self, snapshot: ClusterSnapshot, known: _Known) -> Iterator[Event]:
        judged: dict[str, tuple[Node, dict[str, Level]]] = {}
        for node in snapshot.alive_nodes:
            before, levels = known.judged.get(node.node_id, (None, {}))
            if before is node:  # nothing was told of it since: most nodes of a large fleet at most times
                judged[node.node_id] = (node, levels)
                continue
            now: dict[str, Level] = {}
            for metric, subject, share in _shares(node):
                level = now[subject] = level_of(metric, share, levels.get(subject, "ok"))
                if level != levels.get(subject, "ok"):
                    yield _event(
                        snapshot, node.ip, "threshold", subject, level, _crossed(metric, subject, share, level)
                    )
            judged[node.node_id] = (node, now)
        known.judged = judged

    def _faults(self, snapshot: ClusterSnapshot, known: _Known, *, is_found_out: bool) -> Iterator[Event]:
        """Tell of faults beside the state: one that came while the state did not change, and of its end."""
        now = {fault.kind or fault.message: fault for fault in snapshot.faults if fault.source == "prometheus"}
        for kind, fault in now.items():
            if kind not in known.faults:
                yield _event(snapshot, "", "fault", kind, "warn", fault.message)
            known.faults[kind] = _Fault(fault.message)
        for kind in known.faults.keys() - now.keys():
            gone = known.faults[kind]
            gone.absent += is_found_out
            if gone.absent >= STANDS_AFTER:
                del known.faults[kind]
                yield _event(snapshot, "", "fault", kind, "ok", f"over: {gone.message}")


def level_of(metric: Metric, percent: float, before: Level) -> Level:
    """Return the level of a share in percent; one that was reached is left only ``HYSTERESIS_PERCENT`` below."""
    reached: Level = "ok"
    thresholds: tuple[tuple[Level, float | None], ...] = (("warn", metric.warn_percent), ("bad", metric.bad_percent))
    for level, threshold in thresholds:
        if threshold is None:
            continue
        held = _ORDER.index(before) >= _ORDER.index(level)
        if percent >= threshold - (HYSTERESIS_PERCENT if held else 0.0):
            reached = level
    return reached


def _shares(node: Node) -> Iterator[tuple[Metric, str, float]]:
    """Yield what has thresholds: the metric, what it is of, and its percentage."""
    for metric in METRICS.values():
        if metric.warn_percent is None and metric.bad_percent is None:
            continue
        if metric.per == "gpu":
            for gpu in node.gpus:
                share = _share(gpu.memory_used_bytes, gpu.memory_total_bytes)
                if share is not None:
                    yield metric, f"{metric.name} {gpu.uuid or gpu.index}", share
            continue
        value = node.value(metric.name)
        share = value if metric.unit == "percent" else _share(value, node.value(metric.total or ""))
        if share is not None:
            yield metric, metric.name, share


def _share(used: float | None, total: float | None) -> float | None:
    return 100 * used / total if used is not None and total else None


def _crossed(metric: Metric, subject: str, share: float, level: Level) -> str:
    what = metric.title + (f" of GPU {subject.partition(' ')[2]}" if " " in subject else "")
    if level == "ok":
        return f"{what} is back at {share:.0f} %"
    threshold = metric.bad_percent if level == "bad" else metric.warn_percent
    return f"{what} is at {share:.0f} % (threshold {threshold:g} %)"


def _event(snapshot: ClusterSnapshot, node: str, kind: EventKind, subject: str, level: Level, message: str) -> Event:
    return Event(snapshot.taken_at, snapshot.spec.name, node, kind, subject, level, message)
