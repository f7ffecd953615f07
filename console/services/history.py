"""What the console itself has seen of a few figures, for the trends beside the numbers. Bounded in time and count."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from console.model.cluster import ClusterSnapshot, Node
from console.model.usage import cluster_sampled_at, cluster_usage

TREND_S = 300.0
_MOST_SAMPLES = 600


class CpuHistory:
    """CPU percent over the last five minutes, of every cluster and every node, by the time it was sampled."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str], deque[tuple[float, float]]] = {}
        self._nodes: dict[str, tuple[Node, ...]] = {}  # of each cluster, as last taken in

    def record(self, snapshot: ClusterSnapshot) -> None:
        """Take in the figures of a snapshot; a sample seen before counts once. Forget nodes that are gone."""
        cluster = snapshot.spec.name
        self._add((cluster, ""), cluster_sampled_at(snapshot), cluster_usage(snapshot).cpu_percent)
        if self._nodes.get(cluster) is snapshot.nodes:
            return
        self._nodes[cluster] = snapshot.nodes
        for node in snapshot.alive_nodes:
            if (sample := node.samples.get("cpu_percent")) is not None:
                self._add((cluster, node.node_id), sample.sampled_at, sample.value)
        present = {node.node_id for node in snapshot.nodes} | {""}
        for key in [key for key in self._rows if key[0] == cluster and key[1] not in present]:
            del self._rows[key]

    def trend(self, cluster: str, node_id: str, columns: int, now: float) -> Sequence[float | None]:
        """Return the mean of each of ``columns`` equal spans up to ``now``; None where nothing was seen."""
        span_s = TREND_S / columns
        sums, counts = [0.0] * columns, [0] * columns
        for at, value in self._rows.get((cluster, node_id), ()):
            # Spans are fixed in time, so a column does not change its value while the row moves on.
            column = columns - 1 - int(now // span_s - at // span_s)
            if 0 <= column < columns:
                sums[column] += value
                counts[column] += 1
        return [total / count if count else None for total, count in zip(sums, counts, strict=True)]

    def _add(self, key: tuple[str, str], at: float | None, value: float | None) -> None:
        if at is None or value is None:
            return
        row = self._rows.setdefault(key, deque(maxlen=_MOST_SAMPLES))
        if not row or at > row[-1][0]:
            row.append((at, value))
        while row and at - row[0][0] > TREND_S:
            row.popleft()
