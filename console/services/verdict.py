"""Steps and evidence -> checks: which hop is broken, what that means, and what explains it. Pure.

A walk decides whether a path is whole. What ssh saw on the VM only explains a break, with one exception: a port that is
open to the world is a fault of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import msgspec
from msgspec import Struct

from console.model.check import Check, Outcome, ProbeName, in_order
from console.model.failure import Failure
from console.probes import explained
from console.services.evidence import Evidence
from console.services.paths import Endpoint, Path, Way
from console.services.remedy_words import words_of
from console.services.vm_verdict import bytes_by_ssh, maybe_stale, ssh_checks, through
from console.services.walk import Step, Walked

_BEFORE: Mapping[Way, tuple[ProbeName, ...]] = {
    "direct": ("listener", "bytes"),
    "gateway": ("gateway", "route", "bytes"),
    "vm": ("vm", "listener", "bytes"),
    "forward": ("listener", "bytes"),
}
_JUDGED: Mapping[str, tuple[ProbeName, ...]] = {
    "dashboard": ("ray",),
    "serve": ("serve",),
    "metrics": ("metrics",),
    "client": ("client-version",),
}

_FAR_ENDS = frozenset(
    {
        ("bytes", Failure.CLOSED),
        ("route", Failure.NO_ENDPOINT),
        ("listener", Failure.NO_PROXY),
        ("listener", Failure.NO_AGENT),
    }
)


class Because(Struct, frozen=True):
    """Why a service that does not answer need not answer, or why that is not known."""

    reason: str
    outcome: Outcome = Outcome.SKIPPED


def service_checks(
    path: Path, endpoint: Endpoint, walked: Walked | None, evidence: Evidence | None, idle: Because | None = None
) -> tuple[Check, ...]:
    """Return the checks of one service up to what its own bytes say, in order.

    ``walked`` is None for a service that cannot be asked from here. ``evidence`` must be younger than a break that it
    is to explain. ``idle``: the service need not answer.
    """
    words = words_of(path, endpoint, evidence.host if evidence is not None else "")
    if endpoint.host is None and path.gate is None:
        return (_unasked(endpoint),)
    told = tuple(ssh_checks(path, endpoint, walked, evidence, words, may_rest=idle is not None))
    if walked is None:
        seen = tuple(bytes_by_ssh(endpoint, evidence, words, told))
        return in_order((*told, *(_skipped(check, idle) if idle is not None else check for check in seen)))
    steps = tuple(_moved(walked, path, endpoint))
    checks = [_check(step, words) for step in steps]
    if idle is not None and (walked.failure is not None) and _may_be_idle(steps, told):
        return in_order((*told, *(_skipped(check, idle) for check in checks), *_skip_rest(endpoint, steps, idle)))
    checks = [_with_reason(check, endpoint, told, evidence, words) for check in checks]
    return in_order((*checks, *_unreached(endpoint, steps), *told))


def _unasked(endpoint: Endpoint) -> Check:
    """Return that this machine need not reach a cluster's Ray client: a driver on the main cluster does."""
    detail = "only a driver on the main cluster has to reach it"
    return Check(probe="bytes", outcome=Outcome.SKIPPED, service=endpoint.service, hop=endpoint.where, detail=detail)


def _moved(walked: Walked, path: Path, endpoint: Endpoint) -> Iterator[Step]:
    """Yield the steps; a gateway that does not answer at an address that is not the VM's is the name's fault."""
    floating_ip = path.gate.floating_ip if path.gate is not None else None
    failed = walked.failure
    for step in walked.steps:
        address = step.received.split(",")[0]
        is_old = step.probe == "name" and floating_ip is not None and floating_ip not in step.received.split(", ")
        if is_old and failed is not None and failed.probe in {"gateway", "route", "ray"} and endpoint.way == "gateway":
            detail = f"{endpoint.host} is {address}, and so it leads elsewhere"
            yield msgspec.structs.replace(
                step, failure=Failure.OLD_ADDRESS, detail=detail, latency_ms=None, words={"address": address}
            )
            return
        yield step


def _check(step: Step, words: Mapping[str, str]) -> Check:
    cause = hint = command = ""
    if step.failure is not None:
        remedy = explained(step.probe, step.failure, {**words, **step.words})
        cause, hint, command = remedy.cause, remedy.hint, remedy.command
    return Check(
        probe=step.probe,
        outcome=Outcome.OK if step.failure is None else Outcome.BROKEN,
        service=step.service,
        hop=step.hop,
        latency_ms=step.latency_ms,
        detail=step.detail,
        cause=cause,
        hint=hint,
        command=command,
        sent=step.sent,
        received=step.received,
    )


def _unreached(endpoint: Endpoint, steps: Iterable[Step]) -> Iterator[Check]:
    """Yield what lies behind a break."""
    asked = {step.probe for step in steps}
    for probe in (*_BEFORE[endpoint.way], *_JUDGED[endpoint.asking]):
        if probe not in asked:
            service = None if probe == "vm" else endpoint.service
            yield Check(
                probe=probe, outcome=Outcome.UNVERIFIED, service=service, hop=endpoint.where, detail="not reached"
            )


def _may_be_idle(steps: tuple[Step, ...], told: tuple[Check, ...]) -> bool:
    """Return whether a break looks like nothing running at the far end, and not like a broken way there."""
    last = steps[-1]
    if any(check.outcome is Outcome.BROKEN for check in told):
        return False
    return (last.probe, last.failure) in _FAR_ENDS or last.probe in {"serve", "metrics"}


def _skipped(check: Check, idle: Because) -> Check:
    if check.outcome is not Outcome.BROKEN:
        return check
    return msgspec.structs.replace(check, outcome=idle.outcome, detail=idle.reason, cause="", hint="", command="")


def _skip_rest(endpoint: Endpoint, steps: tuple[Step, ...], idle: Because) -> Iterator[Check]:
    for check in _unreached(endpoint, steps):
        yield msgspec.structs.replace(check, outcome=idle.outcome, detail=idle.reason)


def _with_reason(
    check: Check, endpoint: Endpoint, told: tuple[Check, ...], evidence: Evidence | None, words: Mapping[str, str]
) -> Check:
    """Let what ssh saw say why: the gateway only knows that there is no answer."""
    if check.outcome is not Outcome.BROKEN or check.probe not in {"route", "bytes", "listener", "vm"}:
        return check
    if endpoint.way == "forward" and check.probe == "listener":  # this machine's own, whatever else the VM lacks
        return check
    found = next((one for one in told if one.outcome is Outcome.BROKEN and one.service == endpoint.service), None)
    if found is not None:
        return msgspec.structs.replace(check, cause=found.cause, hint=found.hint, command=found.command)
    seen = through(endpoint, evidence)
    if check.probe == "route" and seen in {"closed", "silent"}:
        remedy = explained("bytes", Failure.CLOSED if seen == "closed" else Failure.SILENT, words)
        says = f"on the VM {words['vm_address']}:{endpoint.plan_port} closes at once, so " if seen == "closed" else ""
        check = msgspec.structs.replace(check, cause=f"{says}{remedy.cause}", hint=remedy.hint, command=remedy.command)
    maybe = maybe_stale(told)
    return msgspec.structs.replace(check, cause=f"{check.cause}; {maybe}") if maybe else check
