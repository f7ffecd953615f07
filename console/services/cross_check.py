"""Whether Prometheus and the dashboard tell the same of the selected cluster; far apart for long is a fault.

Both get a node's figures from the same program on it, so nearly the same moment has nearly the same figure. CPU jumps,
so only three dashboard updates in a row count.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec import Struct

from console.model.cluster import ClusterSnapshot, Node, Sample
from console.model.metrics import ClusterView, NodeFigures, Trouble

CHECK_EVERY_S = 15.0
UPDATES = 3
CPU_POINTS, MEMORY_SHARE = 10.0, 0.10
_NEAR_S = 3.0  # the program on a node measures every 2.5 s


class _Judged(Struct):
    """``told_at`` is the last dashboard sample that was compared, ``apart`` how many in a row were far apart."""

    told_at: float = 0.0
    apart: int = 0
    words: str = ""


class CrossCheck:
    """The comparison of one cluster's nodes, remembered from one dashboard update to the next."""

    def __init__(self) -> None:
        self._judged: dict[tuple[str, str], _Judged] = {}
        self._checked_at = float("-inf")

    def look(self, told: ClusterSnapshot, view: ClusterView, now: float) -> None:
        """Compare the dashboard's own snapshot with the server's view, at most every 15 s."""
        if now - self._checked_at < CHECK_EVERY_S:
            return
        pairs = [(node, one) for node in told.alive_nodes if (one := _counterpart(node, view.nodes)) is not None]
        if not pairs:
            return
        self._checked_at = now
        for node, one in pairs:
            for metric in ("cpu_percent", "memory_used_bytes"):
                self._compare((node.node_id, metric), node.samples.get(metric), one.samples.get(metric), node.ip)

    def forget(self) -> None:
        """Begin anew: another cluster is looked at."""
        self._judged.clear()
        self._checked_at = float("-inf")

    def troubles(self) -> Iterator[Trouble]:
        """Yield what has been far apart for three updates, naming both values."""
        for (node_id, metric), judged in self._judged.items():
            if judged.apart >= UPDATES:
                hint = "do the `series` match this cluster, and is its scrape recent?"
                yield Trouble(f"apart {node_id} {metric}", judged.words, hint)

    def _compare(self, key: tuple[str, str], told: Sample | None, ours: Sample | None, ip: str) -> None:
        if told is None or ours is None or abs(told.sampled_at - ours.sampled_at) > _NEAR_S:
            return  # no two figures of one moment: nothing is proven, neither way
        judged = self._judged.setdefault(key, _Judged())
        if told.sampled_at <= judged.told_at:
            return
        judged.told_at = told.sampled_at
        judged.apart = judged.apart + 1 if far_apart(key[1], told.value, ours.value) else 0
        judged.words = _words(key[1], told.value, ours.value, ip)


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
