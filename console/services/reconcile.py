"""A snapshot from the dashboard and what Prometheus says -> one snapshot. Pure.

Prometheus first, the dashboard second, nothing third: a stale figure of Prometheus gives way to a newer one of the
dashboard, and the series of an earlier session of Ray are not used at all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

import msgspec

from console.metrics import METRICS
from console.model.cluster import ClusterSnapshot, Gpu, Node, Sample
from console.model.metrics import ClusterFigures, ClusterView, NodeFigures, Trouble, stale_limit_s

CUDA_HINT = "does the CUDA version of the image fit the driver? nvidia-smi inside the container tells"


def reconciled(
    snapshot: ClusterSnapshot, view: ClusterView | None, now: float, stale_after_s: float
) -> ClusterSnapshot:
    """Return the snapshot with every figure from the best source that has it."""
    if view is None:
        return snapshot
    unusable = ClusterView(interval_s=view.interval_s, intervals=view.intervals)
    usable = unusable if is_of_earlier_session(snapshot, view) else view
    oldest_at = now - stale_limit_s(stale_after_s, view.interval_s)
    return msgspec.structs.replace(
        snapshot,
        # The same object where Prometheus tells of no node: whoever keeps nodes need not look through them again.
        nodes=_nodes(snapshot, usable, now, stale_after_s) if usable.nodes else snapshot.nodes,
        figures=_figures(snapshot, usable.figures, oldest_at),
        scrape_interval_s=view.interval_s,
        exported=usable.exported,
    )


def is_of_earlier_session(snapshot: ClusterSnapshot, view: ClusterView) -> bool:
    """Return whether all series are of sessions before the one that the dashboard answers as.

    Session names begin with the time of their start, so they sort by it.
    """
    current = snapshot.identity.session_name if snapshot.identity is not None else ""
    return bool(current and view.sessions) and all(name < current for name in view.sessions)


def troubles(snapshot: ClusterSnapshot, view: ClusterView | None) -> Iterator[Trouble]:
    """Yield what is wrong with a cluster's figures, whatever their source. ``snapshot`` is the reconciled one."""
    if view is not None:
        yield from view.troubles
        if is_of_earlier_session(snapshot, view):
            name = max(view.sessions)
            yield Trouble("session", f"Prometheus still shows the earlier session {name}", "its figures are not used")
    blind = [node for node in snapshot.alive_nodes if node.logical_gpus > 0 and not node.gpus]
    if blind and any(node.samples for node in blind):
        named = blind[0].ip or blind[0].node_id[:12]
        yield Trouble(
            "cuda", f"{named} has {blind[0].logical_gpus:g} GPU for Ray, but shows no GPU's figures", CUDA_HINT
        )


def better(ours: Sample | None, theirs: Sample | None, oldest_at: float) -> Sample | None:
    """Return Prometheus' sample (``ours``) while it is fresh, else the newer of both."""
    if ours is None or theirs is None:
        return ours or theirs
    return ours if ours.sampled_at >= oldest_at or ours.sampled_at >= theirs.sampled_at else theirs


def _nodes(snapshot: ClusterSnapshot, view: ClusterView, now: float, stale_after_s: float) -> tuple[Node, ...]:
    shared = Counter((node.ip, node.role) for node in snapshot.alive_nodes)
    return tuple(
        _node(node, view, (now, stale_after_s), alone=shared[node.ip, node.role] == 1) if node.alive else node
        for node in snapshot.nodes
    )


def _node(node: Node, view: ClusterView, times: tuple[float, float], *, alone: bool) -> Node:
    """Return the node with its figures; ``times``: now, and from what age on a figure is stale at least."""
    found = [one for one in view.nodes if one.ip == node.ip and one.role in {None, node.role}]
    if not found:
        return node
    now, stale_after_s = times
    known = (view.intervals.get(one.instance, view.interval_s) for one in found)
    interval_s = max((each_s for each_s in known if each_s is not None), default=None)
    oldest_at = now - stale_limit_s(stale_after_s, interval_s)
    theirs: dict[str, Sample] = {}
    for one in sorted(found, key=_newest_last):
        theirs |= one.samples
    if not alone or len(found) > 1:  # several nodes at one address: the host's figures are everybody's, others nobody's
        theirs = {name: sample for name, sample in theirs.items() if METRICS[name].per == "host"}
    samples = {
        name: sample
        for name in METRICS
        if (sample := better(theirs.get(name), node.samples.get(name), oldest_at)) is not None
    }
    return msgspec.structs.replace(
        node, samples=samples, gpus=_gpus(node, found, oldest_at), scrape_interval_s=interval_s
    )


def _newest_last(one: NodeFigures) -> float:
    return max((sample.sampled_at for sample in one.samples.values()), default=0.0)


def _gpus(node: Node, found: list[NodeFigures], oldest_at: float) -> tuple[Gpu, ...]:
    ours = {(gpu.uuid, gpu.index): gpu for one in sorted(found, key=_newest_last) for gpu in one.gpus}
    if not ours:
        return node.gpus
    newest = max(gpu.sampled_at or 0.0 for gpu in ours.values())
    if newest < oldest_at and any((gpu.sampled_at or 0.0) > newest for gpu in node.gpus):
        return node.gpus
    return tuple(_gpu(gpu, _same(gpu, node.gpus)) for gpu in sorted(ours.values(), key=lambda gpu: gpu.index))


def _same(gpu: Gpu, others: tuple[Gpu, ...]) -> Gpu | None:
    by_uuid = next((other for other in others if gpu.uuid and other.uuid == gpu.uuid), None)
    return by_uuid or next((other for other in others if other.index == gpu.index), None)


def _gpu(gpu: Gpu, told: Gpu | None) -> Gpu:
    """Return a GPU; 0 % with memory in use is no figure where the dashboard says that nothing measures it."""
    if told is None:
        return gpu
    unmeasured = told.used_percent is None and gpu.used_percent == 0 and bool(gpu.memory_used_bytes)
    return msgspec.structs.replace(
        gpu,
        uuid=gpu.uuid or told.uuid,
        name=gpu.name or told.name,
        used_percent=None if unmeasured else gpu.used_percent,
    )


def _figures(snapshot: ClusterSnapshot, figures: ClusterFigures, oldest_at: float) -> Mapping[str, Sample]:
    """Return the whole cluster's figures, as far as the nodes' own do not know better."""
    kept = dict(figures.samples)
    if any(sample.sampled_at < oldest_at for sample in kept.values()):
        told = [sample.sampled_at for node in snapshot.alive_nodes for sample in node.samples.values()]
        oldest_at = min(oldest_at, max(told, default=float("-inf")))
        kept = {name: sample for name, sample in kept.items() if sample.sampled_at >= oldest_at}
    # The average over GPUs counts a 0 for each that nothing measures; only the dashboard knows which those are.
    if any(gpu.used_percent is None for node in snapshot.alive_nodes for gpu in node.gpus):
        kept.pop("gpu_percent", None)
    return kept
