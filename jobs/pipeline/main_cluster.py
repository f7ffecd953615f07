"""Work on the cluster that this process is connected to: what it has free, and a share carried out by the stages.

The driver does so on the main cluster; each other cluster has a process of its own that does.
"""

from __future__ import annotations

from typing import Any

import ray

from pipeline.clustering_parameters import ClusteringParameters
from pipeline.share import Facts, Share
from pipeline.stages import carry_out, start_providers
from pipeline.summaries import Collected


class MainCluster:
    """The cluster that this process is connected to."""

    def __init__(self, given: ClusteringParameters) -> None:
        self._given = given
        self._providers: list[Any] = []

    def connect(self) -> Facts:
        """Return what the cluster has free now. Nothing is started yet: it may be known by another address, too."""
        available: dict[str, Any] = ray.available_resources()  # type: ignore[no-untyped-call]  # Ray leaves it untyped
        free = {name: float(available.get(key, 0)) for name, key in _RAYS_NAMES.items()}
        nodes: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
        return Facts(free, [node["NodeID"] for node in nodes if node["Alive"]], ray.__version__)

    def start(self) -> None:
        """Have the providers started for all shares to come, without waiting."""
        self._providers = start_providers(self._given.actors)

    def carry_out(self, share: Share) -> Collected:
        """Run the stages on a share. Raise TimeoutError past the deadline, and whatever a task raised."""
        given = self._given
        if not self._providers:
            self.start()
        return carry_out(share, self._providers, given.tuple_batch, given.stats_batch, given.cluster_timeout_s)

    def close(self) -> None:
        """End the providers; the connection itself is the process's own."""
        self._providers = []


_RAYS_NAMES = {"CPU": "CPU", "RAM": "memory", "GPU": "GPU"}
