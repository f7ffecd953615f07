"""What is judged of a cluster as a whole, once its head has answered: identity, clock, versions. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import msgspec

from console.model.check import Check, Outcome
from console.model.failure import Failure
from console.probes import explained
from console.services.identity import Judgement, Known
from console.services.paths import Endpoint

MOST_SKEW_S = 5.0
Versions = tuple[str, str]
"""Ray's version, and Python's major and minor; empty where they are not known."""


class OnTheVm(msgspec.Struct, frozen=True):
    """The session that answers on the cluster's port of the VM, and that port as ``host:port``."""

    session_name: str
    where: str


def identity_check(
    endpoint: Endpoint,
    known: Known | None,
    judged: Judgement,
    words: Mapping[str, str],
    *,
    why_unknown: str = "not reached",
    restarted_at: float | None = None,
    on_the_vm: OnTheVm | None = None,
) -> Check:
    """Return whether the right Ray answers, and the same at both ends of two ways; ``words`` fill in the remedies."""
    check = Check(probe="identity", outcome=Outcome.UNVERIFIED, service="dashboard", hop=endpoint.where)
    if known is None:
        return msgspec.structs.replace(check, detail=why_unknown)
    check = msgspec.structs.replace(check, received=known.session_name)
    if judged.failure is not None:
        return broken(check, judged.failure, judged.detail, {**words, "other": judged.other})
    if on_the_vm is not None and on_the_vm.session_name != known.session_name:
        detail = f"{endpoint.where} is session {known.session_name}, {on_the_vm.where} on the VM is another"
        received = f"{known.session_name}, {on_the_vm.session_name}"
        failure = Failure.TWO_ENDS if endpoint.way == "gateway" else Failure.OWN_END
        return broken(msgspec.structs.replace(check, received=received), failure, detail, words)
    detail = judged.detail
    if restarted_at is not None:
        detail += f"; Ray was restarted at {datetime.fromtimestamp(restarted_at):%H:%M}"  # noqa: DTZ006 -- as on a clock
    if on_the_vm is not None:
        detail += "; the VM's own port leads to it, too"
    return msgspec.structs.replace(check, outcome=Outcome.OK, detail=detail)


def clock_check(
    endpoint: Endpoint, clocks: tuple[float, float] | None, words: Mapping[str, str], *, answers: bool
) -> Check:
    """Return whether the head's clock and ours (Unix seconds) are less than 5 s apart."""
    check = Check(probe="clock", outcome=Outcome.UNVERIFIED, service="dashboard", hop=endpoint.where)
    if clocks is None:
        why = "the head did not say what time it is" if answers else "not reached"
        return msgspec.structs.replace(check, detail=why)
    skew_s = clocks[0] - clocks[1]
    if abs(skew_s) < MOST_SKEW_S:
        return msgspec.structs.replace(check, outcome=Outcome.OK, detail="less than 5 s apart")
    detail = f"the head's clock is {abs(skew_s):.0f} s {'ahead' if skew_s > 0 else 'behind'}"
    return broken(check, Failure.SKEW, detail, words)


def client_version_check(
    endpoint: Endpoint, ours: Versions, others: Mapping[str, Versions], words: Mapping[str, str]
) -> Check:
    """Return whether Ray client could be used between this cluster and most of the others."""
    check = Check(probe="client-version", outcome=Outcome.UNVERIFIED, service=None, hop=endpoint.where)
    ray, python = ours
    if not ray:
        return msgspec.structs.replace(check, detail="not reached")
    differing = sorted(name for name, other in others.items() if _differs(ours, other))
    said = f"Ray {ray}" + (f", Python {python}" if python else "")
    if not differing or len(others) - len(differing) >= len(differing):
        detail = said if not differing else f"{said}; another version on {', '.join(differing)}"
        return msgspec.structs.replace(check, outcome=Outcome.OK, detail=detail)
    other_ray, other_python = others[differing[0]]
    detail = f"{said}; on {', '.join(differing)} Ray {other_ray} {other_python}".rstrip()
    return broken(check, Failure.DIFFERS, detail, words)


def broken(check: Check, failure: Failure, detail: str, words: Mapping[str, str]) -> Check:
    """Return a check as broken, with what that means and what to type."""
    remedy = explained(check.probe, failure, words)
    return msgspec.structs.replace(
        check, outcome=Outcome.BROKEN, detail=detail, cause=remedy.cause, hint=remedy.hint, command=remedy.command
    )


def _differs(ours: Versions, theirs: Versions) -> bool:
    return bool(theirs[0]) and (ours[0] != theirs[0] or bool(ours[1] and theirs[1] and ours[1] != theirs[1]))
