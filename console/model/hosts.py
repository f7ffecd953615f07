"""Which nodes stand on one host: outside Kubernetes each of them tells the host's CPU as its own."""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from console.model.cluster import ClusterSnapshot, Node

_CONTAINER = re.compile(r"[0-9a-f]{12}")
CPU = "cpu_percent"


def host_mates(snapshot: ClusterSnapshot) -> Mapping[str, tuple[Node, ...]]:
    """Return, by node id, the other living nodes on the same host; a node alone on its host is left out.

    A ``local`` cluster is Docker Compose on one computer: its containers are called by their own ids.
    """
    hosts: dict[str, list[Node]] = {}
    for node in snapshot.alive_nodes:
        in_compose = snapshot.spec.kind == "local" and _CONTAINER.fullmatch(node.hostname)
        hosts.setdefault("" if in_compose else node.hostname or node.node_id, []).append(node)
    return {
        node.node_id: tuple(other for other in nodes if other is not node)
        for nodes in hosts.values()
        for node in nodes
        if len(nodes) > 1
    }


def with_host_cpu(node: Node, mates: tuple[Node, ...]) -> Node:
    """Return the node with the newest CPU figure that any node of its host told: it is the host's."""
    told = [sample for one in (node, *mates) if (sample := one.samples.get(CPU)) is not None]
    if not told:
        return node
    newest = max(told, key=lambda sample: sample.sampled_at)
    return msgspec.structs.replace(node, samples={**node.samples, CPU: newest})
