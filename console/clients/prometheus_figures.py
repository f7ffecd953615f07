"""Answers of Prometheus -> figures of clusters, nodes and GPUs, each with its unit, source and sample time. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec import Struct

from console.clients.grouping import Grouping, claims
from console.clients.prometheus import Answer, Series
from console.clients.promql import KIND
from console.metrics import METRICS, Metric, folded, is_dummy_disk
from console.model.cluster import Gpu, Sample
from console.model.metrics import ClusterFigures, NodeFigures, Session

_OVERVIEW_GPU = {"ray_node_gpus_available": "gpu_count"}
_MIG_INDEX = 1000  # Ray numbers the slices of GPU n from n * 1000 on

_Values = Mapping[str, float]
_GpuKey = tuple[int, str]


class _Gathered(Struct):
    """The series of one node: ``at`` is when they were scraped."""

    role: str | None = None
    at: float | None = None
    values: dict[str, float] = {}
    gpus: dict[_GpuKey, dict[str, float]] = {}
    names: dict[_GpuKey, str] = {}


def overview(answer: Answer, groupings: Sequence[Grouping]) -> dict[str, ClusterFigures]:
    """Return the figures of every cluster of which the answer tells when they were measured."""
    raw: dict[str, dict[str, float]] = defaultdict(dict)
    for series in answer.series:
        if series.value is not None and series.labels.get(KIND) != "session":
            for cluster in (name for grouping in groupings for name in grouping.clusters_of(series.labels)):
                raw[cluster][_overview_name(series.labels)] = series.value
    return {cluster: figures for cluster, values in raw.items() if (figures := _cluster(values)) is not None}


def _overview_name(labels: Mapping[str, str]) -> str:
    return labels.get("__name__") or labels.get(KIND, "")


def _cluster(values: _Values) -> ClusterFigures | None:
    at = values.get("at")
    if at is None:
        return None
    figures: dict[str, float | None] = {"cpu_percent": values.get("cpu"), "gpu_percent": values.get("gpu_percent")}
    for name in (*folded("host", "sum"), *folded("gpu", "sum")):
        figures[name] = summed(METRICS[name], values)
    for name, ours in _OVERVIEW_GPU.items():
        figures[ours] = values.get(name)
    return ClusterFigures({name: Sample(v, at, "prometheus") for name, v in figures.items() if v is not None})


def summed(metric: Metric, values: _Values) -> float | None:
    """Return a metric in our unit from exported values by name; None unless all of its parts are there."""
    total = 0.0
    for part in metric.exported:
        known = next((values[name] * factor for name, factor in part.names if name in values), None)
        if known is None:
            return None
        total += known
    return total


def sessions(answer: Answer) -> tuple[Session, ...]:
    """Return the sessions of Ray that the answer names, with the labels that matchers look at."""
    return tuple(
        Session(series.labels, series.labels.get("SessionName", ""))
        for series in answer.series
        if series.labels.get(KIND) == "session"
    )


def details(answer: Answer, clusters: Mapping[str, Mapping[str, str]]) -> dict[str, tuple[NodeFigures, ...]]:
    """Return the nodes of each cluster (name -> matchers) from the answer to a detail query."""
    found: dict[str, tuple[NodeFigures, ...]] = {}
    for cluster, matching in clusters.items():
        found[cluster] = tuple(_nodes(one for one in answer.series if claims(matching, one.labels)))
    return found


def exported(answer: Answer, clusters: Mapping[str, Mapping[str, str]]) -> dict[str, frozenset[str]]:
    """Return the names of the series of each cluster's nodes, of those clusters that the answer tells of."""
    found = {
        cluster: frozenset(one.labels["__name__"] for one in answer.series
                           if "__name__" in one.labels and claims(matching, one.labels))
        for cluster, matching in clusters.items()
    }  # fmt: skip
    return {cluster: names for cluster, names in found.items() if names}


def _nodes(series: Iterable[Series]) -> Iterator[NodeFigures]:
    gathered: dict[tuple[str, str], _Gathered] = defaultdict(_Gathered)
    for one in series:
        labels = one.labels
        _take(gathered[labels.get("ip") or labels.get("NodeAddress", ""), labels.get("instance", "")], one)
    for (ip, instance), node in sorted(gathered.items()):
        if node.at is not None:
            yield NodeFigures(ip, instance, node.role, dict(_samples(node.values, node.at)), _gpus(node, node.at))


def _take(node: _Gathered, series: Series) -> None:
    labels, value = series.labels, series.value
    node.role = _role(labels) or node.role
    if value is None:
        return
    if labels.get(KIND) == "at":
        node.at = value
    elif (index := labels.get("GpuIndex", "")).isdecimal():
        key = (int(index), labels.get("GpuUuid", ""))
        node.gpus.setdefault(key, {})[labels.get("__name__", "")] = value
        node.names[key] = labels.get("GpuDeviceName", "")
    else:
        node.values[labels.get("__name__", "")] = value


def _role(labels: Mapping[str, str]) -> str | None:
    """Return the role: Ray 2.49 tells ``RayNodeType``, 2.40 ``IsHeadNode``, older ones nothing."""
    told = labels.get("RayNodeType")
    if told:
        return told
    return {"true": "head", "false": "worker"}.get(labels.get("IsHeadNode", ""))


def _samples(values: _Values, at: float) -> Iterator[tuple[str, Sample]]:
    figures = {metric.name: summed(metric, values) for metric in METRICS.values() if metric.per != "gpu"}
    if is_dummy_disk(figures.get("disk_total_bytes")):
        figures |= {"disk_used_bytes": None, "disk_total_bytes": None}
    for name, value in figures.items():
        if value is not None:
            yield name, Sample(value, at, "prometheus")


def _gpus(node: _Gathered, at: float) -> tuple[Gpu, ...]:
    return tuple(_gpu(key, node.names[key], values, at) for key, values in sorted(node.gpus.items()))


def _gpu(key: _GpuKey, name: str, values: _Values, at: float) -> Gpu:
    index, uuid = key
    figure = {metric.name: summed(metric, values) for metric in METRICS.values() if metric.per == "gpu"}
    return Gpu(
        index=index,
        uuid=uuid or None,
        name=name,
        used_percent=measured_percent(figure["gpu_percent"], index, name, figure["gram_used_bytes"]),
        memory_used_bytes=figure["gram_used_bytes"],
        memory_total_bytes=figure["gram_total_bytes"],
        power_watts=figure["gpu_power_watts"],
        temperature_celsius=figure["gpu_temperature_celsius"],
        sampled_at=at,
        source="prometheus",
    )


def measured_percent(percent: float | None, index: int, name: str, gram_used_bytes: float | None) -> float | None:
    """Return a GPU's utilisation, None where it is not one: Ray writes -1, or 0, for what the driver cannot measure.

    A 0 with memory in use is believed unless it is of a MIG slice, of which no driver measures it.
    """
    if percent is None or percent < 0:
        return None
    sliced = index >= _MIG_INDEX or "MIG" in name
    return None if sliced and percent == 0 and gram_used_bytes else percent
