"""What is known of a path beside its walks: before the first one, and after one that failed in raydeck itself."""

from __future__ import annotations

import msgspec

from console.model.check import Check, ClusterChecks, Ladder, Outcome
from console.model.failure import Failure
from console.probes import explained
from console.services.paths import Path


def unasked(path: Path) -> ClusterChecks:
    """Return what is known of a cluster before the first walk: which services there are, and nothing of them."""
    ladders = tuple(map(Ladder, path.services))
    return ClusterChecks(cluster=path.spec.name, reach=path.reach, ladders=ladders)


def with_own_error(checks: ClusterChecks, error: Exception, now: float) -> ClusterChecks:
    """Return a path as it stands after a round that raydeck itself could not finish, ``now`` in Unix seconds.

    That is a broken hop of the dashboard, with the error as what was found: nothing is known of the cluster.
    """
    detail = f"raydeck could not finish this walk: {type(error).__name__}: {error}"[:200]
    remedy = explained("bytes", Failure.OWN_ERROR, {"cluster": checks.cluster})
    check = Check(
        probe="bytes", outcome=Outcome.BROKEN, service="dashboard", detail=detail, cause=remedy.cause,
        hint=remedy.hint, command=remedy.command, since=now,
    )  # fmt: skip
    ladders = tuple(
        msgspec.structs.replace(ladder, checks=(check,) if ladder.service == "dashboard" else ())
        for ladder in checks.ladders
    )
    return msgspec.structs.replace(checks, ladders=ladders, checked_at=now)
