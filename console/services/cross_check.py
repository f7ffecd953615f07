"""Whether Prometheus and the dashboard tell the same of the selected cluster; far apart for long is a fault.

Both get a node's figures from the same program on it, so nearly the same moment has nearly the same figure. CPU jumps,
so only three dashboard updates in a row count. Between two scrapes there may be a minute, so the last samples of both
are remembered, and the two that are nearest in time are compared.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping

import msgspec
from msgspec import Struct

from console.model.cluster import ClusterSnapshot, Node, Sample
from console.model.metrics import ClusterView, NodeFigures, Trouble

CHECK_EVERY_S = 15.0
UPDATES = 3
CPU_POINTS, MEMORY_SHARE = 10.0, 0.10
_NEAR_S = 3.0  # the program on a node measures every 2.5 s
_REMEMBERED = 12  # samples of each source: half a minute and more, as long as a scrape may take to be seen


class _Judged(Struct):
    """The last samples of both sources; ``told_at`` is the dashboard's last one that was compared.

    ``apart`` is how many in a row were far apart, ``words`` what the last of them were.
    """

    told: deque[Sample] = msgspec.field(default_factory=lambda: deque(maxlen=_REMEMBERED))
    ours: deque[Sample] = msgspec.field(default_factory=lambda: deque(maxlen=_REMEMBERED))
    told_at: float = 0.0
    apart: int = 0
    words: str = ""

    def take(self, told: Sample | None, ours: Sample | None) -> None:
        """Remember what both told, each sample once."""
        for row, sample in ((self.told, told), (self.ours, ours)):
            if sample is not None and (not row or sample.sampled_at > row[-1].sampled_at):
                row.append(sample)

    def pair(self) -> tuple[Sample, Sample] | None:
        """Return the newest sample of the dashboard that was not compared yet and has one of Prometheus near it."""
        for told in reversed(self.told):
            if told.sampled_at <= self.told_at or not self.ours:
                return None
            ours = min(self.ours, key=lambda sample: abs(sample.sampled_at - told.sampled_at))
            if abs(ours.sampled_at - told.sampled_at) <= _NEAR_S:
                return told, ours
        return None


class CrossCheck:
    """The comparison of one cluster's nodes, remembered from one dashboard update to the next."""

    def __init__(self) -> None:
        self._cluster = ""
        self._judged: dict[tuple[str, str], _Judged] = {}
        self._checked_at = float("-inf")

    def look(self, told: ClusterSnapshot, view: ClusterView, now: float) -> None:
        """Take in the dashboard's own snapshot and the server's view, and compare both at most every 15 s."""
        if told.spec.name != self._cluster:
            self._cluster, self._checked_at = told.spec.name, float("-inf")
            self._judged.clear()
        pairs = [(node, one) for node in told.alive_nodes if (one := _counterpart(node, view.nodes)) is not None]
        for node, one in pairs:
            for metric in ("cpu_percent", "memory_used_bytes"):
                judged = self._judged.setdefault((node.node_id, metric), _Judged())
                judged.take(node.samples.get(metric), one.samples.get(metric))
        if now - self._checked_at >= CHECK_EVERY_S:
            addresses = {node.node_id: node.ip for node, _ in pairs}
            compared = [self._compare(*key, addresses[key[0]]) for key in self._judged if key[0] in addresses]
            if any(compared):
                self._checked_at = now
        alive = {node.node_id for node in told.alive_nodes}
        self._judged = {key: judged for key, judged in self._judged.items() if key[0] in alive}

    def troubles(self) -> Iterator[Trouble]:
        """Yield what has been far apart for three updates, naming both values."""
        for (node_id, metric), judged in self._judged.items():
            if judged.apart >= UPDATES:
                hint = "do the `series` match this cluster, and is its scrape recent?"
                yield Trouble(f"apart {node_id} {metric}", judged.words, hint)

    def _compare(self, node_id: str, metric: str, ip: str) -> bool:
        """Compare one figure if there is one of each source of nearly the same moment; return whether there was."""
        judged = self._judged[node_id, metric]
        pair = judged.pair()
        if pair is None:
            return False
        told, ours = pair
        judged.told_at = told.sampled_at
        judged.apart = judged.apart + 1 if far_apart(metric, told.value, ours.value) else 0
        judged.words = _words(metric, told.value, ours.value, ip)
        return True


def far_apart(metric: str, told: float, ours: float) -> bool:
    """Return whether two figures of one moment differ by more than 10 points of CPU or 10 % of memory."""
    if metric == "cpu_percent":
        return abs(told - ours) > CPU_POINTS
    return abs(told - ours) > MEMORY_SHARE * max(abs(told), abs(ours))


def _counterpart(node: Node, nodes: tuple[NodeFigures, ...]) -> NodeFigures | None:
    found = [one for one in nodes if one.ip == node.ip and one.role in {None, node.role}]
    return found[0] if len(found) == 1 else None


def _words(metric: str, told: float, ours: float, ip: str) -> str:
    figures: Mapping[str, str] = {
        "cpu_percent": f"CPU: Prometheus {ours:.0f} %, dashboard {told:.0f} %",
        "memory_used_bytes": f"memory: Prometheus {ours / 1024**3:.2f} G, dashboard {told / 1024**3:.2f} G",
    }
    return f"{ip} {figures[metric]}"
