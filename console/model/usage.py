"""Figures of a whole cluster from those of its nodes. What no node told is None, never 0."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct

from console.model.cluster import ClusterSnapshot, Gpu, Node, Sample, Source

FIGURES = (
    "cpu_percent", "cpu_cores", "memory_used_bytes", "memory_total_bytes",
    "gpu_percent", "gram_used_bytes", "gram_total_bytes",
)  # fmt: skip
"""What a cluster's row is made of, by names of METRICS."""
_ALL_OF_CLUSTER = {*FIGURES, "gpu_count"}
_OF_GPUS = {
    "gpu_percent": "used_percent",
    "gram_used_bytes": "memory_used_bytes",
    "gram_total_bytes": "memory_total_bytes",
}


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


_NOTHING = Usage(None, None, None, None, 0, None, None, None)


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
        gpu_percent=mean(gpu.used_percent for gpu in gpus),
        gram_used_bytes=total(gpu.memory_used_bytes for gpu in gpus),
        gram_total_bytes=total(gpu.memory_total_bytes for gpu in gpus),
    )


def cluster_usage(snapshot: ClusterSnapshot) -> Usage:
    """Return the figures of a cluster: those that Prometheus aggregated, for the rest the sums over its nodes."""
    figures = snapshot.figures
    told = _NOTHING if figures.keys() >= _ALL_OF_CLUSTER else usage_of(snapshot.alive_nodes)
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
    """Return when the oldest figure that ``cluster_usage`` is made of was measured (Unix seconds), None without any."""
    return min((at for at, _ in _used(snapshot)), default=None)


def cluster_sources(snapshot: ClusterSnapshot) -> frozenset[Source]:
    """Return where the figures that ``cluster_usage`` is made of come from."""
    return frozenset(source for _, source in _used(snapshot))


def cluster_source(snapshot: ClusterSnapshot) -> Source | None:
    """Return where most of the figures of ``cluster_usage`` come from, None without any."""
    return _most(source for _, source in _used(snapshot))


def _used(snapshot: ClusterSnapshot) -> Iterator[tuple[float, Source]]:
    """Yield the time and the source of every figure of a cluster; one made of the nodes' is as old as the oldest."""
    nodes, figures = snapshot.alive_nodes, snapshot.figures
    for name in FIGURES:
        if (whole := figures.get(name)) is not None:
            yield whole.sampled_at, whole.source
        elif name in _OF_GPUS:
            gpus = [gpu for node in nodes for gpu in node.gpus if getattr(gpu, _OF_GPUS[name]) is not None]
            at = min((gpu.sampled_at for gpu in gpus if gpu.sampled_at is not None), default=None)
            if at is not None and (source := _most(gpu.source for gpu in gpus)) is not None:
                yield at, source
        else:
            told = [sample for node in nodes if (sample := node.samples.get(name)) is not None]
            if (source := _most(sample.source for sample in told)) is not None:
                yield min(sample.sampled_at for sample in told), source


def node_sources(node: Node) -> frozenset[Source]:
    """Return where a node's figures come from."""
    return frozenset(sample.source for sample in node.samples.values())


def _most(sources: Iterable[Source]) -> Source | None:
    """Return the source of most figures, of two with as many the one that knows less."""
    told = Counter(sources)
    return max(told, key=lambda source: (told[source], source == "dashboard"), default=None)


def sampled_at(nodes: Iterable[Node]) -> float | None:
    """Return when the oldest figure of these nodes was measured (Unix seconds), None without any."""
    return min((sample.sampled_at for node in nodes for sample in node.samples.values()), default=None)


def total(values: Iterable[float | None]) -> float | None:
    """Add what is known; None when nothing is."""
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _first(sample: Sample | None, told: float | None) -> float | None:
    return told if sample is None else sample.value


def mean(values: Iterable[float | None]) -> float | None:
    """Return the mean of what is known; None when nothing is."""
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
