"""Why a service that does not answer need not answer, or why that is not known yet. Pure."""

from __future__ import annotations

from console.model.check import Outcome
from console.services.head_facts import HeadFacts
from console.services.verdict import Because

_IDLE_SERVE = Because("no application is deployed, so Serve need not answer")
_MAY_SERVE = Because("Serve does not answer, and the head has not said whether it should", Outcome.UNVERIFIED)
_NO_WORKER = Because("the cluster has no worker node, so nothing has to answer")
_MAY_WORK = Because("nothing answers, and the head has not said whether it has a worker node", Outcome.UNVERIFIED)


def serve_may_rest(applications: int | None, *, is_asked: bool) -> Because | None:
    """Return why Serve need not answer, None where it has to. ``applications``: how many run, None while not known.

    ``is_asked``: a head answers that can be asked; else what is broken is broken.
    """
    if not is_asked:
        return None
    if applications is None:
        return _MAY_SERVE
    return _IDLE_SERVE if applications == 0 else None


def worker_may_rest(facts: HeadFacts, expected_nodes: int | None, *, is_new: bool) -> Because | None:
    """Return why no worker's port need answer; ``is_new``: the head is being asked for its nodes for the first time."""
    if is_new:
        return _MAY_WORK
    is_alone = facts.workers == 0 or (facts.workers is None and expected_nodes == 1)
    return _NO_WORKER if is_alone else None
