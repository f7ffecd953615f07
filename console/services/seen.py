"""What the console itself has seen of clusters without a Prometheus, for their charts. Bounded."""

from __future__ import annotations

from array import array
from collections.abc import Iterator

from console.metrics import METRICS
from console.model.cluster import ClusterSnapshot, Node, Sample
from console.model.metrics import Line
from console.model.usage import cluster_sampled_at, cluster_usage

EVERY_S = 5.0
KEPT_S = 3600.0
_MOST_ROWS = 1000
_GAP_S = 60.0
_MEASURED = tuple(metric.name for metric in METRICS.values() if not metric.name.endswith(("_total_bytes", "_cores")))
Key = tuple[str, str, int | None, str]  # cluster, address of the node or "", index of the GPU, metric


class SeenHistory:
    """One row of (time, value) per figure, at most one every 5 s, for an hour."""

    def __init__(self) -> None:
        self._rows: dict[Key, tuple[array[float], array[float]]] = {}

    def record(self, snapshot: ClusterSnapshot) -> None:
        """Take in a snapshot; one whose figures Prometheus has needs no second history."""
        if snapshot.figures:
            return
        for key, sample in _figures(snapshot):
            self._add(key, sample.sampled_at, sample.value)

    def lines(self, cluster: str, node: str, metric: str, start: float) -> tuple[Line, ...]:
        """Return what was seen of a metric since ``start``: a line, or one a GPU; None marks a gap."""
        return tuple(
            Line(metric, node, key[2], "dashboard", tuple(_points(*row, start)))
            for key, row in sorted(self._rows.items(), key=lambda item: item[0][2] or 0)
            if (key[0], key[1], key[3]) == (cluster, node, metric) and row[0][-1] >= start
        )

    def keep_only(self, clusters: set[str]) -> None:
        """Forget clusters that are not configured any more."""
        self._rows = {key: row for key, row in self._rows.items() if key[0] in clusters}

    def _add(self, key: Key, at: float, value: float) -> None:
        row = self._rows.get(key)
        if row is None:
            if len(self._rows) >= _MOST_ROWS and not self._drop_ended(at):
                return
            row = self._rows[key] = (array("d"), array("d"))
        times, values = row
        if times and at - times[-1] < EVERY_S:
            return
        times.append(at)
        values.append(value)
        while at - times[0] > KEPT_S:
            del times[0], values[0]

    def _drop_ended(self, now: float) -> bool:
        """Make room by forgetting what has not been seen for an hour."""
        ended = [key for key, (times, _) in self._rows.items() if now - times[-1] > KEPT_S]
        for key in ended:
            del self._rows[key]
        return bool(ended)


def _figures(snapshot: ClusterSnapshot) -> Iterator[tuple[Key, Sample]]:
    cluster, at = snapshot.spec.name, cluster_sampled_at(snapshot)
    use = cluster_usage(snapshot)
    if at is not None:
        for name in ("cpu_percent", "memory_used_bytes", "gpu_percent", "gram_used_bytes"):
            value = getattr(use, name)
            if value is not None:
                yield (cluster, "", None, name), Sample(value, at, "dashboard")
    for node in snapshot.alive_nodes:
        for name in _MEASURED:
            if (sample := node.samples.get(name)) is not None:
                yield (cluster, node.ip, None, name), sample
        yield from _gpu_figures(cluster, node)


def _gpu_figures(cluster: str, node: Node) -> Iterator[tuple[Key, Sample]]:
    for gpu in node.gpus:
        for name, value in (("gpu_percent", gpu.used_percent), ("gram_used_bytes", gpu.memory_used_bytes)):
            if value is not None and gpu.sampled_at is not None:
                yield (cluster, node.ip, gpu.index, name), Sample(value, gpu.sampled_at, "dashboard")


def _points(times: array[float], values: array[float], start: float) -> Iterator[tuple[float, float | None]]:
    before: float | None = None
    for at, value in zip(times, values, strict=True):
        if at < start:
            continue
        if before is not None and at - before > _GAP_S:
            yield (before + at) / 2, None
        before = at
        yield at, value
