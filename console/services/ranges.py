"""Figures over time, of what is on screen: one range query to Prometheus, else what the console has seen itself."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from msgspec import Struct

from console.clients.prometheus import RangeSeries
from console.clients.promql import range_query, tagged
from console.errors import SourceError
from console.metrics import METRICS
from console.model.metrics import Line
from console.services.fleet import Fleet
from console.services.server_watch import ServerWatch

POINTS_MOST = 300  # of one line; more than any terminal has columns
SPANS_S = {"5m": 300.0, "1h": 3600.0, "6h": 21600.0, "24h": 86400.0}
_STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600, 86400)


class Place(Struct, frozen=True):
    """A node whose figures are wanted: its address, and its id where that is known; several may have one address."""

    address: str
    node_id: str = ""


async def lines_over_time(
    fleet: Fleet, cluster: str, node: Place | None, metrics: Sequence[str], span_s: float, now: float
) -> tuple[tuple[Line, ...], SourceError | None]:
    """Return the lines of these metrics up to ``now``, and why Prometheus told none, if it was asked and did not.

    ``node`` None is the whole cluster. A metric without any line was neither told nor seen. Raise
    NotFoundError for a cluster that is not configured.
    """
    fleet.poller(cluster)
    start = now - span_s
    error: SourceError | None = None
    told: tuple[Line, ...] = ()
    watch = fleet.metrics.watch_of(cluster) if fleet.metrics is not None else None
    if watch is not None:
        try:
            instance = None if node is None else _instance(fleet, watch, cluster, node)
            told = await _told(watch, cluster, node, instance, metrics, start, now)
        except SourceError as trouble:
            error = trouble
    known = {line.metric for line in told}
    node_id, address = (node.node_id, node.address) if node is not None else ("", "")
    seen = [
        line
        for name in metrics
        if name not in known and (node is None or node_id)
        for line in fleet.seen.lines(cluster, node_id, name, start, address)
    ]
    order = {name: number for number, name in enumerate(metrics)}
    return tuple(sorted((*told, *seen), key=lambda line: (order[line.metric], line.gpu or 0))), error


def _instance(fleet: Fleet, watch: ServerWatch, cluster: str, wanted: Place) -> str | None:
    """Return what tells a node's series from those of others at its address; None where it is alone, or untold."""
    nodes = next((one.alive_nodes for one in fleet.snapshots if one.spec.name == cluster), ())
    neighbours = [node for node in nodes if node.ip == wanted.address]
    roles = {node.role for node in neighbours if node.node_id == wanted.node_id}
    if len(neighbours) < 2 or not roles:
        return None
    found = [one for one in watch.view(cluster).nodes if one.ip == wanted.address and one.role in {None, *roles}]
    return found[0].instance if len(found) == 1 else None


async def _told(
    watch: ServerWatch,
    cluster: str,
    node: Place | None,
    instance: str | None,
    metrics: Sequence[str],
    start: float,
    now: float,
) -> tuple[Line, ...]:
    series = next(spec.series for spec in watch.specs if spec.name == cluster)
    if not series or not metrics:
        return ()
    address = None if node is None else node.address
    step_s = step_of(now - start, watch.view(cluster).interval_s)
    # Fixed in time, so that points stand still while the chart moves on.
    begin, end = math.floor(start / step_s) * step_s, math.floor(now / step_s) * step_s
    query = " or ".join(tagged(range_query(name, series, node=address, instance=instance), name) for name in metrics)
    found = await watch.client.over_time(query, begin, end, step_s)
    return tuple(_lines(found, address or "", begin, end, step_s))


def step_of(span_s: float, interval_s: float | None) -> float:
    """Return the distance of points: round, no closer than samples come, and at most ``POINTS_MOST`` of them."""
    least_s = max(span_s / POINTS_MOST, interval_s or 1.0)
    return float(next((step_s for step_s in _STEPS_S if step_s >= least_s), _STEPS_S[-1]))


def _lines(found: Sequence[RangeSeries], node: str, begin: float, end: float, step_s: float) -> Iterator[Line]:
    for series in found:
        metric = series.labels.get("k", "")
        if metric not in METRICS:
            continue
        index = series.labels.get("GpuIndex", "")
        name = series.labels.get("GpuDeviceName", "")
        values = {round((at - begin) / step_s): _measured(metric, value, name) for at, value in series.points}
        points = tuple((begin + n * step_s, values.get(n)) for n in range(round((end - begin) / step_s) + 1))
        yield Line(metric, node, int(index) if index.isdecimal() else None, "prometheus", points)


def _measured(metric: str, value: float | None, gpu_name: str) -> float | None:
    """Return the value; Ray writes -1 for what the driver does not measure, 0 for a MIG slice and a pod's disk."""
    nothing = (metric == "gpu_percent" and "MIG" in gpu_name) or metric == "disk_used_bytes"
    unmeasured = value is not None and (value < 0 or (value == 0 and nothing))
    return None if unmeasured else value
