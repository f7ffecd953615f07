"""The parameters of parallel_clustering: those of both jobs, the other clusters, and what their resources count."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.checks import address, distinct_list_of, mapping_of, number, whole
from pipeline.parameters import Parameters, parameter
from pipeline.weights import RESOURCES


@dataclass(frozen=True, kw_only=True)
class ClusteringParameters(Parameters):
    """Each cluster gets ``cluster_timeout_s`` for each share of the work that it is given, the main one too.

    A share begins to count when the one before it is done. The other clusters get as long for the packages that the job
    was submitted with, before there is any share.
    """

    serve_s: int = parameter("process-parameters.serve-seconds", whole(1, 7 * 86400), 40)
    cluster_urls: tuple[str, ...] = parameter("process-parameters.cluster-urls", distinct_list_of(address))
    resource_weights: Mapping[str, float] = parameter(
        "process-parameters.resource-weights", mapping_of(number(0, 1_000_000), RESOURCES)
    )
    cluster_timeout_s: int = parameter("process-parameters.cluster-timeout", whole(1, 7 * 86400), 300)
