"""Prometheus' scrape targets, as those of our clusters: up, down with Prometheus' own error, or unknown."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import cast

from console.clients.grouping import claims
from console.clients.prometheus import ScrapeTarget
from console.model.address import address_order
from console.model.cluster import ClusterSpec
from console.model.metrics import Health, Target

_DURATION = re.compile(r"(\d+)(ms|s|m|h|d|w|y)")
_UNIT_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0, "y": 31536000.0}
_HEALTHS = ("up", "down", "unknown")


def targets_of(found: Sequence[ScrapeTarget], specs: Sequence[ClusterSpec], server: str) -> tuple[Target, ...]:
    """Return the targets of these clusters in their order; a cluster without any has one that is unknown."""
    return tuple(target for spec in specs for target in _of_cluster(found, spec, server))


def _of_cluster(found: Sequence[ScrapeTarget], spec: ClusterSpec, server: str) -> Iterator[Target]:
    ours = [target for target in found if claims(spec.series, target.labels)]
    for target in sorted(ours, key=_place):
        yield _target(target, spec.name, server)
    if not ours:
        yield Target(spec.name, server, "", "", "unknown", "no target of the server has labels that `series` matches")


def _place(target: ScrapeTarget) -> tuple[str, str, str]:
    host, _, port = target.labels.get("instance", "").rpartition(":")
    return target.labels.get("job", ""), address_order(host), port.zfill(5)


def _target(found: ScrapeTarget, cluster: str, server: str) -> Target:
    return Target(
        cluster=cluster,
        server=server,
        job=found.labels.get("job", ""),
        instance=found.labels.get("instance", ""),
        health=cast("Health", found.health) if found.health in _HEALTHS else "unknown",
        error=found.last_error,
        scraped_at=unix_seconds(found.last_scrape),
        duration_s=found.last_scrape_duration or None,
        interval_s=duration_s(found.scrape_interval),
    )


def duration_s(text: str) -> float | None:
    """Return a duration as Prometheus writes it, such as ``1m30s``, in seconds; None for anything else."""
    parts = _DURATION.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        return None
    return sum(int(number) * _UNIT_S[unit] for number, unit in parts)


def unix_seconds(text: str) -> float | None:
    """Return an RFC 3339 time in Unix seconds; Go's year 1 is a target that was never scraped: None."""
    try:
        at = datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text))
    except ValueError:
        return None
    return at.timestamp() if at.tzinfo is not None and at.year > 1 else None
