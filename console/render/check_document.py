"""The JSON document of ``raydeck check --json``, in the shape of the contract."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from console.model.check import Check, ClusterChecks

Document = dict[str, Any]


def check_document(found: Iterable[ClusterChecks]) -> Document:
    """Return all checks of these clusters; what was not measured is null."""
    return {"clusters": [_cluster(checks) for checks in found]}


def _cluster(checks: ClusterChecks) -> Document:
    rows = [_check(check) for check in checks.checks]
    return {"name": checks.cluster, "first_broken": checks.first_broken, "checks": rows}


def _check(check: Check) -> Document:
    said = "; ".join(part for part in (check.detail, check.cause) if part)
    return {
        "probe": check.probe,
        "service": check.service,
        "hop": check.hop or None,
        "outcome": str(check.outcome),
        "latency_ms": None if check.latency_ms is None else round(check.latency_ms, 3),
        "detail": said,
        "hint": check.hint,
    }
