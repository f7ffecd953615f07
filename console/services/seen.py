"""What the console itself has seen of clusters, for their charts where no Prometheus tells. Bounded.

It is recorded whoever told it: a Prometheus that stops answering leaves no hole. What is older is kept less densely,
and of a large fleet every cluster has its share of the room.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Mapping

from console.metrics import METRICS
from console.model.cluster import ClusterSnapshot, Node
from console.model.metrics import Line
from console.model.usage import cluster_sampled_at, cluster_usage

EVERY_S = 5.0
DENSITY_S = ((600.0, EVERY_S), (3600.0, 30.0), (21_600.0, 120.0), (86_400.0, 600.0))  # up to this age, one in so many
KEPT_S = DENSITY_S[-1][0]
MOST_ROWS, LEAST_ROWS = 6000, 64  # figures of all clusters, and of each of however many
_ENDED_S = 600.0  # a node of which nothing was seen for so long makes room for another
_TIDIED_EVERY = 60  # points
_GAP_S, _GAP_POINTS = 60.0, 2.5
_MEASURED = tuple(metric.name for metric in METRICS.values() if not metric.name.endswith(("_total_bytes", "_cores")))
_OF_CLUSTER = ("cpu_percent", "memory_used_bytes", "gpu_percent", "gram_used_bytes")
Figure = tuple[str, int | None]  # metric, index of the GPU


class _Track:
    """What was seen of one cluster or node: times in common, a row a figure, NaN where it was not told at that time."""

    def __init__(self) -> None:
        self.times = array("d")
        self.rows: dict[Figure, array[float]] = {}
        self._added = 0

    def is_due(self, at: float) -> bool:
        return not self.times or at - self.times[-1] >= EVERY_S

    def has_ended(self, now: float) -> bool:
        return now - self.times[-1] > _ENDED_S

    def add(self, at: float, figures: Mapping[Figure, float]) -> None:
        for figure in figures.keys() - self.rows.keys():
            self.rows[figure] = array("f", [math.nan]) * len(self.times)
        self.times.append(at)
        for figure, row in self.rows.items():
            row.append(figures.get(figure, math.nan))
        self._added += 1
        if self._added % _TIDIED_EVERY == 0 or at - self.times[0] > KEPT_S:
            self._thin_out(at)

    def _thin_out(self, now: float) -> None:
        kept, last = [], (0.0, math.inf)
        for number, at in enumerate(self.times):
            every_s = _density_s(now - at)
            if every_s is not None and (every_s, at // every_s) != last:
                kept.append(number)
                last = (every_s, at // every_s)
        self.times = array("d", (self.times[number] for number in kept))
        rows = {figure: array("f", (row[number] for number in kept)) for figure, row in self.rows.items()}
        self.rows = {figure: row for figure, row in rows.items() if not all(map(math.isnan, row))}

    def points(self, figure: Figure, start: float) -> Iterator[tuple[float, float | None]]:
        """Yield what was seen from ``start`` on; None marks a stretch without anything."""
        before: float | None = None
        row, newest = self.rows[figure], self.times[-1]
        for number in range(bisect_left(self.times, start), len(self.times)):
            at, value = self.times[number], row[number]
            if math.isnan(value):
                continue
            if before is not None and at - before > max(_GAP_S, _GAP_POINTS * (_density_s(newest - before) or _GAP_S)):
                yield (before + at) / 2, None
            before = at
            yield at, value


class SeenHistory:
    """A track of every cluster, and of its nodes as far as there is room; by cluster and node id, "" for the whole."""

    def __init__(self) -> None:
        self._tracks: dict[str, dict[str, _Track]] = {}
        self._nodes: dict[str, tuple[Node, ...]] = {}  # of each cluster, as last taken in

    def record(self, snapshot: ClusterSnapshot) -> None:
        """Take in a snapshot; what was seen before counts once."""
        cluster, at = snapshot.spec.name, cluster_sampled_at(snapshot)
        whole = self._track(cluster, "")
        if at is not None and whole.is_due(at):
            use = cluster_usage(snapshot)
            whole.add(at, {(name, None): value for name in _OF_CLUSTER if (value := getattr(use, name)) is not None})
        if self._nodes.get(cluster) is snapshot.nodes:
            return
        self._nodes[cluster] = snapshot.nodes
        for node in snapshot.alive_nodes:
            self._record_node(cluster, node)
        if at is not None:
            self._forget_gone(cluster, {node.node_id for node in snapshot.nodes}, at)

    def lines(self, cluster: str, node_id: str, metric: str, start: float, node: str = "") -> tuple[Line, ...]:
        """Return what was seen of a metric since ``start``: a line, or one a GPU, of the ``node`` (its address)."""
        track = self._tracks.get(cluster, {}).get(node_id)
        if track is None:
            return ()
        found = sorted((figure for figure in track.rows if figure[0] == metric), key=lambda figure: figure[1] or 0)
        lines = (Line(metric, node, one[1], "dashboard", tuple(track.points(one, start))) for one in found)
        return tuple(line for line in lines if line.points)

    def keep_only(self, clusters: set[str]) -> None:
        """Forget clusters that are not configured any more."""
        self._tracks = {name: tracks for name, tracks in self._tracks.items() if name in clusters}
        self._nodes = {name: nodes for name, nodes in self._nodes.items() if name in clusters}

    def _record_node(self, cluster: str, node: Node) -> None:
        at = max((sample.sampled_at for sample in node.samples.values()), default=None)
        known = self._tracks.get(cluster, {}).get(node.node_id)
        if at is None or (known is not None and not known.is_due(at)):
            return
        since = known.times[-1] if known is not None else -math.inf
        told = dict(_newer(node, since))
        if known is None and not self._has_room(cluster, len(told), at):
            return
        self._track(cluster, node.node_id).add(at, told)

    def _track(self, cluster: str, node_id: str) -> _Track:
        tracks = self._tracks.setdefault(cluster, {})
        return tracks.setdefault(node_id, _Track())

    def _forget_gone(self, cluster: str, present: set[str], now: float) -> None:
        """Forget nodes that ended a while ago and that the cluster does not list any more: nobody can choose them."""
        tracks = self._tracks[cluster]
        for node_id in tracks.keys() - present - {""}:
            if tracks[node_id].has_ended(now):
                del tracks[node_id]

    def _has_room(self, cluster: str, more: int, now: float) -> bool:
        """Return whether a cluster's share takes so many figures more, if need be in place of a node that has ended."""
        share = max(LEAST_ROWS, MOST_ROWS // max(1, len(self._tracks)))
        tracks = self._tracks.get(cluster, {})
        rows = sum(len(track.rows) for track in tracks.values())
        ended = [key for key, track in tracks.items() if key and track.has_ended(now)]
        while rows + more > share and ended:
            rows -= len(tracks.pop(ended.pop()).rows)
        return rows + more <= share


def _density_s(age_s: float) -> float | None:
    """Return how far apart points of this age are kept, None for what is too old."""
    return next((every_s for up_to_s, every_s in DENSITY_S if age_s <= up_to_s), None)


def _newer(node: Node, since: float) -> Iterator[tuple[Figure, float]]:
    """Yield a node's figures that were measured after ``since``."""
    for name in _MEASURED:
        if (sample := node.samples.get(name)) is not None and sample.sampled_at > since:
            yield (name, None), sample.value
    for gpu in node.gpus:
        for name, value in (("gpu_percent", gpu.used_percent), ("gram_used_bytes", gpu.memory_used_bytes)):
            if value is not None and gpu.sampled_at is not None and gpu.sampled_at > since:
                yield (name, gpu.index), value
