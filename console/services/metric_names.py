"""Why a figure of a node is not there, in words: this Ray does not export it, or this node does not have it."""

from __future__ import annotations

import re

from console.metrics import METRICS
from console.model.cluster import ClusterSnapshot, Node


def why_missing(snapshot: ClusterSnapshot, node: Node, metric: str) -> str | None:
    """Return why a node has no such figure, None where it has one or where nothing is known of the node at all.

    That a Ray exports a metric is seen from other nodes and the series of the cluster, else known from the first Ray
    that has it. Before Prometheus has told of any series nothing is said of what Ray exports.
    """
    if has_figure(node, metric) or not (node.samples or node.gpus):
        return None
    if METRICS[metric].per == "gpu" and not node.gpus:
        return "has no GPU that Ray sees"
    if any(has_figure(other, metric) for other in snapshot.alive_nodes) or _is_exported(snapshot, metric):
        return "not measured on this node"
    return _not_exported(snapshot, METRICS[metric].since)


def _not_exported(snapshot: ClusterSnapshot, since: tuple[int, int] | None) -> str:
    version = snapshot.identity.ray_version if snapshot.identity is not None else ""
    known = release(version)
    if since is not None and known is not None and known < since:
        return f"not exported by Ray {version}, but from {since[0]}.{since[1]} on"
    if snapshot.spec.prometheus is None:
        return "not told by the dashboard; a Prometheus would have it"
    if snapshot.exported is None:
        silent = any(fault.kind == "server" for fault in snapshot.faults)
        return "Prometheus does not answer" if silent else "not told yet by Prometheus"
    if since is not None and known is not None:
        return "not measured by the driver"
    return f"not exported by Ray {version}" if version else "not exported"


def _is_exported(snapshot: ClusterSnapshot, metric: str) -> bool:
    """Return whether the cluster's series have all parts of a metric, each under one of its names."""
    names = snapshot.exported or frozenset()
    return all(any(name in names for name, _ in part.names) for part in METRICS[metric].exported)


def has_figure(node: Node, metric: str) -> bool:
    """Return whether a node, or any of its GPUs, has a figure of this metric."""
    if METRICS[metric].per != "gpu":
        return metric in node.samples
    field = {
        "gpu_percent": "used_percent",
        "gram_used_bytes": "memory_used_bytes",
        "gram_total_bytes": "memory_total_bytes",
        "gpu_power_watts": "power_watts",
        "gpu_temperature_celsius": "temperature_celsius",
    }[metric]
    return any(getattr(gpu, field) is not None for gpu in node.gpus)


def release(version: str) -> tuple[int, int] | None:
    """Return major and minor of a Ray version such as ``2.49.2``, None for what is none."""
    found = re.match(r"(\d+)\.(\d+)", version)
    return None if found is None else (int(found[1]), int(found[2]))
