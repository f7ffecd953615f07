"""How much of the work each cluster is to get, from what it has free. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

RESOURCES = ("CPU", "RAM", "GPU")


def cluster_weights(free: Sequence[Mapping[str, float]], resource_weights: Mapping[str, float]) -> list[float]:
    """Return one weight per cluster, together 1, from the free amounts by the names of RESOURCES.

    A resource that no cluster has counts nothing. Where nothing counts, all weigh the same.
    """
    raw = [0.0] * len(free)
    for resource in RESOURCES:
        most = max(amounts[resource] for amounts in free)
        if most > 0:
            factor = resource_weights.get(resource, 0)
            raw = [weight + factor * (amounts[resource] / most) for weight, amounts in zip(raw, free, strict=True)]
    total = sum(raw)
    return [weight / total for weight in raw] if total > 0 else [1 / len(free)] * len(free)
