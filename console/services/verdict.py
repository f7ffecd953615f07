"""Steps and evidence -> checks: which hop is broken, what that means, and what explains it. Pure.

A walk decides whether a path is whole. What ssh saw on the VM only explains a break, with one exception: a port that is
open to the world is a fault of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Literal

import msgspec
from msgspec import Struct

from console.clients.vm_script import Listener, Told
from console.model.check import Check, CheckedService, Outcome, ProbeName, in_order
from console.model.failure import Failure
from console.probes import explained
from console.services.evidence import Evidence, Finding
from console.services.paths import INNER_PORTS, PLANNED, Endpoint, Path, Way
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
_NOT_VISIBLE = "not visible to ssh's user on the VM"


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
    words = _words(path, endpoint, evidence)
    may_rest = idle is not None
    told = (
        tuple(_ssh_checks(path, endpoint, walked, evidence, words, may_rest=may_rest)) if path.gate is not None else ()
    )
    if walked is None:
        return in_order((*told, _bytes_by_ssh(endpoint, evidence, words, told)))
    steps = tuple(_moved(walked, path, endpoint))
    checks = [_check(step, words) for step in steps]
    if idle is not None and (walked.failure is not None) and _may_be_idle(steps, told):
        return in_order((*told, *(_skipped(check, idle) for check in checks), *_skip_rest(endpoint, steps, idle)))
    checks = [_with_reason(check, endpoint, told, evidence, words) for check in checks]
    return in_order((*checks, *_unreached(endpoint, steps), *told))


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
    cause = hint = ""
    if step.failure is not None:
        remedy = explained(step.probe, step.failure, {**words, **step.words})
        cause, hint = remedy.cause, remedy.hint
    return Check(
        probe=step.probe,
        outcome=Outcome.OK if step.failure is None else Outcome.BROKEN,
        service=step.service,
        hop=step.hop,
        latency_ms=step.latency_ms,
        detail=step.detail,
        cause=cause,
        hint=hint,
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
    ends = {("bytes", Failure.CLOSED), ("route", Failure.NO_ENDPOINT), ("listener", Failure.REFUSED)}
    return (last.probe, last.failure) in ends or last.probe in {"serve", "metrics"}


def _skipped(check: Check, idle: Because) -> Check:
    if check.outcome is not Outcome.BROKEN:
        return check
    return msgspec.structs.replace(check, outcome=idle.outcome, detail=idle.reason, cause="", hint="")


def _skip_rest(endpoint: Endpoint, steps: tuple[Step, ...], idle: Because) -> Iterator[Check]:
    for check in _unreached(endpoint, steps):
        yield msgspec.structs.replace(check, outcome=idle.outcome, detail=idle.reason)


def _with_reason(
    check: Check, endpoint: Endpoint, told: tuple[Check, ...], evidence: Evidence | None, words: Mapping[str, str]
) -> Check:
    """Let what ssh saw say why: the gateway only knows that there is no answer."""
    if check.outcome is not Outcome.BROKEN or check.probe not in {"route", "bytes", "listener", "vm"}:
        return check
    found = next((one for one in told if one.outcome is Outcome.BROKEN and one.service == endpoint.service), None)
    if found is not None:
        return msgspec.structs.replace(check, cause=found.cause, hint=found.hint)
    through = _through(endpoint, evidence)
    if check.probe == "route" and through == "closed":
        remedy = explained("bytes", Failure.CLOSED, words)
        seen = f"on the VM {words['vm_address']}:{endpoint.plan_port} closes at once"
        return msgspec.structs.replace(check, cause=f"{seen}, so {remedy.cause}", hint=remedy.hint)
    if check.probe == "route" and through == "silent":
        remedy = explained("bytes", Failure.SILENT, words)
        return msgspec.structs.replace(check, cause=remedy.cause, hint=remedy.hint)
    return check


def _through(endpoint: Endpoint, evidence: Evidence | None) -> str | None:
    if evidence is None or evidence.told is None or endpoint.plan_port is None:
        return None
    return evidence.told.through.get(endpoint.plan_port)


# -- what ssh says


def _ssh_checks(
    path: Path,
    endpoint: Endpoint,
    walked: Walked | None,
    evidence: Evidence | None,
    words: Mapping[str, str],
    *,
    may_rest: bool,
) -> Iterator[Check]:
    host = path.gate.host if path.gate is not None else ""
    if evidence is None or evidence.unasked:
        why = evidence.unasked if evidence is not None else "ssh has not answered yet"
        outcome = Outcome.UNVERIFIED if evidence is None else Outcome.SKIPPED
        for probe in ("config", "vm", "listener", "holder", "sshd"):
            yield _by_ssh(probe, outcome, endpoint, host, why)
        return
    needs_ssh = endpoint.way == "forward"
    is_broken = walked is not None and walked.failure is not None and not may_rest
    yield _ssh_itself("config", evidence.config, host, needed=needs_ssh and is_broken, words=words)
    if evidence.config is not None and evidence.vm is None and evidence.vm_ms is None:
        yield _by_ssh("vm", Outcome.SKIPPED, endpoint, host, "ssh's configuration comes first")
    else:
        # A way that does not need ssh is not broken because ssh is not permitted; a dead line is dead for both.
        lost = evidence.vm is not None and evidence.vm.failure is Failure.SILENT
        needed = is_broken and (needs_ssh or (endpoint.way == "vm" and lost))
        yield _ssh_itself("vm", evidence.vm, host, needed=needed, words=words, ms=evidence.vm_ms)
    yield from _on_the_vm(endpoint, walked, evidence.told, words)


def _ssh_itself(
    probe: Literal["config", "vm"],
    finding: Finding | None,
    host: str,
    *,
    needed: bool,
    words: Mapping[str, str],
    ms: float | None = None,
) -> Check:
    if finding is None:
        detail = f"ssh {host} answers" if probe == "vm" else f"ssh knows {host}, its keys are private"
        return Check(
            probe=probe, outcome=Outcome.OK, hop=host, latency_ms=ms, detail=detail, by="ssh", sent=f"ssh {host}"
        )
    failure = finding.failure if finding.failure in {Failure.SSH, Failure.SILENT} or probe == "config" else Failure.SSH
    remedy = explained(probe, failure, {**words, "key": finding.key})
    return Check(
        probe=probe,
        outcome=Outcome.BROKEN if needed else Outcome.SKIPPED,
        hop=host,
        detail=finding.detail if needed else f"ssh cannot be asked: {finding.cause or finding.detail}",
        cause=finding.cause or remedy.cause,
        hint=finding.hint or remedy.hint,
        by="ssh",
        sent=f"ssh {host} true",
        received=finding.detail,
    )


def _on_the_vm(
    endpoint: Endpoint, walked: Walked | None, told: Told | None, words: Mapping[str, str]
) -> Iterator[Check]:
    where = f"{words['vm_address']}:{endpoint.plan_port}"
    if told is None or told.listeners is None:
        for probe in ("listener", "holder", "sshd"):
            yield _by_ssh(probe, Outcome.SKIPPED, endpoint, where, "the VM could not be asked through ssh")
        return
    at = told.at(endpoint.plan_port or 0)
    is_broken = walked is None or walked.failure is not None
    listener = _listener(endpoint, at, where, words, is_broken=is_broken)
    yield listener
    yield _holder(endpoint, at, walked, told, where, words)
    yield _sshd(told, where, words, listener=listener, is_broken=is_broken)


def _listener(
    endpoint: Endpoint, at: tuple[Listener, ...], where: str, words: Mapping[str, str], *, is_broken: bool
) -> Check:
    shown = ", ".join(sorted({f"{listener.host}:{listener.port}" for listener in at}))
    if not at:
        detail = f"nothing listens on {where} on the VM"
        if not is_broken:
            return _by_ssh(
                "listener", Outcome.SKIPPED, endpoint, where, f"{detail}, and bytes come through all the same"
            )
        return _broken_by_ssh("listener", endpoint, where, detail, Failure.NO_LISTENER, words)
    is_sshds = all(listener.program in {"", "sshd", "sshd-session"} for listener in at)
    if any(listener.is_exposed for listener in at) and is_sshds:
        detail = f"listens on every address of the VM ({shown})"
        return _broken_by_ssh("listener", endpoint, where, detail, Failure.EXPOSED, words, shown)
    if (
        is_broken
        and all(listener.is_loopback for listener in at)
        and not words["vm_address"].startswith(("127.", "::1"))
    ):
        detail = f"listens on {shown} only"
        return _broken_by_ssh("listener", endpoint, where, detail, Failure.LOOPBACK, words, shown)
    return _by_ssh("listener", Outcome.OK, endpoint, where, f"{shown} on the VM, and only there", received=shown)


def _holder(
    endpoint: Endpoint,
    at: tuple[Listener, ...],
    walked: Walked | None,
    told: Told,
    where: str,
    words: Mapping[str, str],
) -> Check:
    if not at:
        return _by_ssh("holder", Outcome.UNVERIFIED, endpoint, where, "nothing listens")
    pids = {listener.pid for listener in at if listener.pid is not None}
    programs = sorted({listener.program for listener in at if listener.program})
    failed = walked.failure if walked is not None else None
    is_silent = failed is not None and failed.failure is Failure.SILENT
    if is_silent and told.stalled and (not pids or pids & told.stalled or 0 in told.stalled):
        pid = str(min(pids & told.stalled or told.stalled))
        words = {**words, "pid": pid if pid != "0" else "PID"}
        detail = "sshd's session behind this port gets no answer from the computer any more"
        return _broken_by_ssh("holder", endpoint, where, detail, Failure.STALE, words)
    shown = ", ".join(f"{listener.program} (pid {listener.pid})" for listener in at if listener.program)
    if not programs:
        return _by_ssh("holder", Outcome.SKIPPED, endpoint, where, _NOT_VISIBLE)
    if not all(program.startswith("sshd") for program in programs) and (walked is None or failed is not None):
        detail = f"held by {shown}"
        return _broken_by_ssh("holder", endpoint, where, detail, Failure.HELD, words, shown)
    return _by_ssh("holder", Outcome.OK, endpoint, where, f"held by {shown}", received=shown)


def _sshd(told: Told, where: str, words: Mapping[str, str], *, listener: Check, is_broken: bool) -> Check:
    ports, forwarding = told.settings.get("gatewayports"), told.settings.get("allowtcpforwarding")
    if ports is None and forwarding is None:
        return _by_ssh("sshd", Outcome.SKIPPED, None, where, _NOT_VISIBLE)
    shown = ", ".join(f"{name} {value}" for name, value in told.settings.items())[:200]
    if (
        listener.outcome is Outcome.BROKEN
        and ports not in {None, "clientspecified"}
        and listener.detail.startswith("listens")
    ):
        detail = f"GatewayPorts is {ports}"
        return _broken_by_ssh("sshd", None, where, detail, Failure.GATEWAY_PORTS, words, shown)
    if is_broken and forwarding not in {None, "yes", "all"}:
        detail = f"AllowTcpForwarding is {forwarding}"
        return _broken_by_ssh("sshd", None, where, detail, Failure.NOT_PERMITTED, words, shown)
    return _by_ssh("sshd", Outcome.OK, None, where, f"GatewayPorts {ports or 'no'}", received=shown)


def _bytes_by_ssh(
    endpoint: Endpoint, evidence: Evidence | None, words: Mapping[str, str], told: tuple[Check, ...]
) -> Check:
    """Return whether bytes come through a service that only the VM can reach."""
    where = f"{words['vm_address']}:{endpoint.plan_port}"
    through = _through(endpoint, evidence)
    if through == "open":
        return _by_ssh("bytes", Outcome.OK, endpoint, where, "stays open, asked on the VM")
    if through in {"closed", "silent"} and all(check.outcome is not Outcome.BROKEN for check in told):
        failure = Failure.CLOSED if through == "closed" else Failure.SILENT
        return _broken_by_ssh("bytes", endpoint, where, f"{through} on the VM", failure, words, through)
    if through is None and (evidence is None or not any(check.outcome is Outcome.BROKEN for check in told)):
        unasked = evidence is not None and evidence.told is None
        outcome = Outcome.SKIPPED if unasked else Outcome.UNVERIFIED
        return _by_ssh("bytes", outcome, endpoint, where, "only the VM reaches it, and ssh cannot be asked")
    return _by_ssh("bytes", Outcome.UNVERIFIED, endpoint, where, "not reached")


def _broken_by_ssh(
    probe: ProbeName,
    endpoint: Endpoint | None,
    where: str,
    detail: str,
    failure: Failure,
    words: Mapping[str, str],
    received: str = "",
) -> Check:
    remedy = explained(probe, failure, words)
    check = _by_ssh(probe, Outcome.BROKEN, endpoint, where, detail, received)
    return msgspec.structs.replace(check, cause=remedy.cause, hint=remedy.hint)


def _by_ssh(
    probe: ProbeName, outcome: Outcome, endpoint: Endpoint | None, where: str, detail: str, received: str = ""
) -> Check:
    service: CheckedService | None = endpoint.service if endpoint is not None else None
    return Check(
        probe=probe,
        outcome=outcome,
        service=None if probe in {"config", "vm", "sshd"} else service,
        hop=where,
        detail=detail,
        received=received,
        by="ssh",
    )


def _words(path: Path, endpoint: Endpoint, evidence: Evidence | None) -> dict[str, str]:
    spec, gate = path.spec, path.gate
    host = gate.host if gate is not None else ""
    planned = "" if spec.plan is None else spec.plan.service_name(PLANNED[endpoint.service])
    return {
        "cluster": spec.name,
        "host": endpoint.host or "",
        "address": endpoint.host or "",
        "port": str(endpoint.port),
        "plan_port": str(endpoint.plan_port or ""),
        "inner_port": str(INNER_PORTS[endpoint.service]),
        "vm": host,
        "vm_host": (evidence.host if evidence is not None else "") or host,
        "alias": host.rpartition("@")[2],
        "vm_address": (gate.private_ip or "") if gate is not None else endpoint.host or "",
        "public_address": ((gate.floating_ip or "") if gate is not None else "") or "FLOATING_IP",
        "namespace": path.kubernetes.namespace,
        "kube_service": planned or "raycluster-kuberay-head-svc",
        "start": _start(spec.kind),
    }


def _start(kind: str) -> str:
    if kind == "hpc":
        return "ray start --head --port=6379"
    return "docker compose -f cpu-ray-cluster.yaml up -d" if kind == "local" else "kubectl get pods"
