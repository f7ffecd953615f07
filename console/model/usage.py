"""Figures of a whole cluster from those of its nodes. What no node told is None, never 0."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from msgspec import Struct

from console.model.cluster import ClusterSnapshot, Gpu, Node, Sample, Source


class Usage(Struct, frozen=True):
    """CPU in percent of all cores; memory, GPU memory in bytes; GPUs in percent of all that can measure it."""

    cpu_percent: float | None
    cores: float | None
    memory_used_bytes: float | None
    memory_total_bytes: float | None
    gpu_count: int
    gpu_percent: float | None
    gram_used_bytes: float | None
    gram_total_bytes: float | None


def usage_of(nodes: Sequence[Node]) -> Usage:
    """Sum up the living nodes: CPU weighted by cores over distinct hosts, every GPU once."""
    hosts = list({node.hostname or node.node_id: node for node in nodes}.values())
    gpus = list({_gpu_key(node, gpu): gpu for node in nodes for gpu in node.gpus}.values())
    return Usage(
        cpu_percent=_cpu_percent(hosts),
        cores=total(node.value("cpu_cores") for node in hosts),
        memory_used_bytes=total(node.value("memory_used_bytes") for node in hosts),
        memory_total_bytes=total(node.value("memory_total_bytes") for node in hosts),
        gpu_count=len(gpus),
        gpu_percent=_mean(gpu.used_percent for gpu in gpus),
        gram_used_bytes=total(gpu.memory_used_bytes for gpu in gpus),
        gram_total_bytes=total(gpu.memory_total_bytes for gpu in gpus),
    )


def cluster_usage(snapshot: ClusterSnapshot) -> Usage:
    """Return the figures of a cluster: those that Prometheus aggregated, for the rest the sums over its nodes."""
    told = usage_of(snapshot.alive_nodes)
    figures = snapshot.figures
    count = figures.get("gpu_count")
    return Usage(
        cpu_percent=_first(figures.get("cpu_percent"), told.cpu_percent),
        cores=_first(figures.get("cpu_cores"), told.cores),
        memory_used_bytes=_first(figures.get("memory_used_bytes"), told.memory_used_bytes),
        memory_total_bytes=_first(figures.get("memory_total_bytes"), told.memory_total_bytes),
        gpu_count=told.gpu_count if count is None else round(count.value),
        gpu_percent=_first(figures.get("gpu_percent"), told.gpu_percent),
        gram_used_bytes=_first(figures.get("gram_used_bytes"), told.gram_used_bytes),
        gram_total_bytes=_first(figures.get("gram_total_bytes"), told.gram_total_bytes),
    )


def cluster_sampled_at(snapshot: ClusterSnapshot) -> float | None:
    """Return when the oldest figure of ``cluster_usage`` was measured (Unix seconds), None without any."""
    if snapshot.figures:
        return min(sample.sampled_at for sample in snapshot.figures.values())
    return sampled_at(snapshot.alive_nodes)


def cluster_source(snapshot: ClusterSnapshot) -> Source | None:
    """Return where the figures of ``cluster_usage`` come from, None without any."""
    if snapshot.figures:
        return "prometheus"
    return "dashboard" if snapshot.alive_nodes else None


def node_source(node: Node) -> Source | None:
    """Return where most of a node's figures come from, None without any."""
    told = Counter(sample.source for sample in node.samples.values())
    return told.most_common(1)[0][0] if told else None


def sampled_at(nodes: Iterable[Node]) -> float | None:
    """Return when the oldest figure of these nodes was measured (Unix seconds), None without any."""
    return min((sample.sampled_at for node in nodes for sample in node.samples.values()), default=None)


def total(values: Iterable[float | None]) -> float | None:
    """Add what is known; None when nothing is."""
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _first(sample: Sample | None, told: float | None) -> float | None:
    return told if sample is None else sample.value


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _cpu_percent(hosts: Sequence[Node]) -> float | None:
    weighted = cores = 0.0
    for node in hosts:
        percent, count = node.value("cpu_percent"), node.value("cpu_cores")
        if percent is not None and count:
            weighted += percent * count
            cores += count
    return weighted / cores if cores else None


def _gpu_key(node: Node, gpu: Gpu) -> tuple[str, str, int]:
    """Identify a GPU by its uuid, else by address and index: containers of one host show the same card."""
    return (gpu.uuid, "", 0) if gpu.uuid else ("", node.ip, gpu.index)
