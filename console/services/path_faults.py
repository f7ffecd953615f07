"""What the walk over a cluster's path means for its row: one fault, a state, services that answer."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from console.model.check import Check, CheckedService, ClusterChecks, Ladder, Outcome, ProbeName
from console.model.cluster import ClusterSnapshot, Fault, State, TunnelState

# Prometheus tells of its targets by itself, and versions matter only to who uses Ray client.
_NO_FAULT: frozenset[ProbeName] = frozenset({"scrape", "client-version"})


def joined(snapshot: ClusterSnapshot, checks: ClusterChecks | None) -> ClusterSnapshot:
    """Return a snapshot with what the walk found: where no way leads to the cluster, that is its only fault."""
    if checks is None or checks.checked_at is None:
        return snapshot
    tunnel = TunnelState(checks.ok, checks.total, checks.first_broken)
    if snapshot.spec.starting and checks.dark is not None:
        return snapshot
    if checks.dark is not None:
        return msgspec.structs.replace(
            snapshot, state=State.DOWN, faults=(_fault(snapshot, checks.dark, checks),), tunnel=tunnel
        )
    broken = next(_faulty(checks), None)
    if broken is None or snapshot.state is State.DOWN:  # down comes first, and is one fault whoever saw it first
        return msgspec.structs.replace(snapshot, tunnel=tunnel)
    state = State.DEGRADED if snapshot.state is State.UP else snapshot.state
    faults = (*snapshot.faults, _fault(snapshot, broken, checks))
    return msgspec.structs.replace(snapshot, state=state, faults=faults, tunnel=tunnel)


def _faulty(checks: ClusterChecks) -> Iterator[Check]:
    return (check for check in checks.checks if check.outcome is Outcome.BROKEN and check.probe not in _NO_FAULT)


def _fault(snapshot: ClusterSnapshot, check: Check, checks: ClusterChecks) -> Fault:
    about = "" if check.service in {None, "dashboard"} else f"{check.service}: "
    source = "dashboard" if snapshot.spec.tunnel is None else "tunnel"
    return Fault(source, about + sentence(check), check.hint, check.since or checks.checked_at or snapshot.taken_at)


def sentence(check: Check) -> str:
    """Return what was found and what it means, in one sentence."""
    return "; ".join(part for part in (check.detail, check.cause) if part)


def words_of_change(ladder: Ladder, before: Ladder | None) -> tuple[CheckedService, str, bool] | None:
    """Return what changed on a ladder, as (service, words, whether it is whole now); None where nothing did."""
    now_broken, was_broken = ladder.first_broken, before.first_broken if before is not None else None
    if now_broken is not None and (was_broken is None or was_broken.probe != now_broken.probe):
        return ladder.service, f"{ladder.service} broken at {now_broken.probe}: {sentence(now_broken)}", False
    if now_broken is None and was_broken is not None and ladder.outcome is Outcome.OK:
        return ladder.service, f"{ladder.service} is whole again", True
    return None
