"""What ssh saw on the VM -> checks: its configuration, the VM, who listens where, who holds that, what sshd permits.

Pure. It explains a broken path and is ``skipped`` where ssh is not permitted; by itself it breaks nothing, with two
exceptions: a port that is open to more than it should be, and a computer whose own forwards are not as planned.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from typing import Literal

import msgspec

from console.clients.vm_script import Listener, Told
from console.model.check import Check, CheckedService, Outcome, ProbeName
from console.model.failure import Failure
from console.probes import explained
from console.services.evidence import Evidence, Finding
from console.services.paths import Endpoint, Path
from console.services.reverse_hosts import own_forward
from console.services.walk import Walked

_NOT_VISIBLE = "not visible to ssh's user on the VM"
_MAYBE_STALE = "a session of the VM's sshd gets no answer any more, and may be the one that holds this port"
_HTTP_OK, _SHOWN = 200, 80


def ssh_checks(
    path: Path,
    endpoint: Endpoint,
    walked: Walked | None,
    evidence: Evidence | None,
    words: Mapping[str, str],
    *,
    may_rest: bool,
) -> Iterator[Check]:
    """Yield what ssh says of one service's hops; ``may_rest``: it need not answer. Nothing for a path without a VM."""
    if path.gate is None:
        return
    host = path.gate.host
    if evidence is None or evidence.unasked:
        why = evidence.unasked if evidence is not None else "ssh has not answered yet"
        outcome = Outcome.UNVERIFIED if evidence is None else Outcome.SKIPPED
        for probe in ("config", "vm", "listener", "holder", "sshd"):
            yield _by_ssh(probe, outcome, endpoint, host, why)
        return
    if (own := own_forward(path, endpoint, evidence.reverse)) is not None:
        yield own
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
    yield from _on_the_vm(path.gate.private_ip, endpoint, walked, evidence.told, words)


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
        command=finding.command or remedy.command,
        by="ssh",
        sent=f"ssh {host} true",
        received=finding.detail,
    )


def _on_the_vm(
    private_ip: str | None, endpoint: Endpoint, walked: Walked | None, told: Told | None, words: Mapping[str, str]
) -> Iterator[Check]:
    where = _where(endpoint, words)
    if told is None or told.listeners is None:
        for probe in ("listener", "holder", "sshd"):
            yield _by_ssh(probe, Outcome.SKIPPED, endpoint, where, "the VM could not be asked through ssh")
        return
    at = told.at(endpoint.plan_port or 0)
    is_broken = walked is None or walked.failure is not None
    listener = _listener(private_ip, endpoint, at, where, words, is_broken=is_broken)
    yield listener
    yield _holder(endpoint, at, walked, told, where, words)
    yield _sshd(told, where, words, listener=listener, is_broken=is_broken)


def _listener(
    private_ip: str | None,
    endpoint: Endpoint,
    at: tuple[Listener, ...],
    where: str,
    words: Mapping[str, str],
    *,
    is_broken: bool,
) -> Check:
    shown = ", ".join(sorted({f"{listener.host}:{listener.port}" for listener in at}))
    if not at:
        detail = f"nothing listens on {where} on the VM"
        if not is_broken:
            return _by_ssh(
                "listener", Outcome.SKIPPED, endpoint, where, f"{detail}, and bytes come through all the same"
            )
        return _broken_by_ssh("listener", endpoint, where, detail, Failure.NO_LISTENER, words)
    failure = _listens_wrongly(private_ip, at, is_broken=is_broken)
    if failure is None:
        return _by_ssh("listener", Outcome.OK, endpoint, where, f"{shown} on the VM, and only there", received=shown)
    says = {
        Failure.EXPOSED: f"listens on every address of the VM ({shown})",
        Failure.LOOPBACK: f"listens on {shown} only",
        Failure.ELSEWHERE: f"listens on {shown}, and is to listen on {where} only",
    }
    return _broken_by_ssh("listener", endpoint, where, says[failure], failure, words, shown)


def _listens_wrongly(private_ip: str | None, at: tuple[Listener, ...], *, is_broken: bool) -> Failure | None:
    """Return what is wrong with where sshd listens; another program's listeners are another question."""
    sshds = [listener for listener in at if listener.program in {"", "sshd", "sshd-session"}]
    if any(listener.is_exposed for listener in sshds) and len(sshds) == len(at):
        return Failure.EXPOSED
    if private_ip is None:
        return None
    wanted = _canonical(private_ip)
    hosts = {_canonical(listener.host) for listener in at}
    if is_broken and all(listener.is_loopback for listener in at) and wanted not in hosts:
        return Failure.LOOPBACK
    elsewhere = [one for one in sshds if not one.is_loopback and _canonical(one.host) != wanted]
    return Failure.ELSEWHERE if elsewhere and len(sshds) == len(at) else None


def _canonical(host: str) -> str:
    """Return an address in one spelling; IPv4 inside IPv6 is that IPv4."""
    try:
        found = ipaddress.ip_address(host)
    except ValueError:
        return host
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return str(mapped or found)


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
    if is_silent and pids & told.stalled:
        detail = "sshd's session behind this port gets no answer from the computer any more"
        words = {**words, "pid": str(min(pids & told.stalled))}
        return _broken_by_ssh("holder", endpoint, where, detail, Failure.STALE, words)
    if is_silent and told.stalled and not pids:
        return _by_ssh("holder", Outcome.UNVERIFIED, endpoint, where, _MAYBE_STALE)
    shown = ", ".join(f"{listener.program} (pid {listener.pid})" for listener in at if listener.program)
    if not programs:
        return _by_ssh("holder", Outcome.SKIPPED, endpoint, where, _NOT_VISIBLE)
    if not all(program.startswith("sshd") for program in programs) and (walked is None or failed is not None):
        return _broken_by_ssh("holder", endpoint, where, f"held by {shown}", Failure.HELD, words, shown)
    return _by_ssh("holder", Outcome.OK, endpoint, where, f"held by {shown}", received=shown)


def maybe_stale(told: tuple[Check, ...]) -> str:
    """Return that a dead session may be what is behind a silence, where ssh's user sees no pids; empty where not."""
    return next((check.detail for check in told if check.detail == _MAYBE_STALE), "")


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


def bytes_by_ssh(
    endpoint: Endpoint, evidence: Evidence | None, words: Mapping[str, str], told: tuple[Check, ...]
) -> Iterator[Check]:
    """Yield whether bytes come through a service that only the VM can reach, and what its metrics agent says."""
    where, is_metrics = _where(endpoint, words), endpoint.asking == "metrics"
    seen, is_whole = through(endpoint, evidence), all(check.outcome is not Outcome.BROKEN for check in told)
    if seen == "open":
        came = "come through" if is_metrics else "stays open"
        yield _by_ssh("bytes", Outcome.OK, endpoint, where, f"{came}, asked on the VM")
        if is_metrics:
            yield _metrics(endpoint, evidence, where, words)
        return
    if seen in {"closed", "silent"} and is_whole:
        failure = Failure.CLOSED if seen == "closed" else Failure.SILENT
        yield _broken_by_ssh("bytes", endpoint, where, f"{seen} on the VM", failure, words, seen or "")
    elif seen is None and is_whole:
        outcome = Outcome.SKIPPED if evidence is not None and evidence.told is None else Outcome.UNVERIFIED
        yield _by_ssh("bytes", outcome, endpoint, where, "only the VM reaches it, and ssh cannot be asked")
    else:
        yield _by_ssh("bytes", Outcome.UNVERIFIED, endpoint, where, "not reached")
    if is_metrics:
        outcome = Outcome.SKIPPED if evidence is not None and evidence.told is None else Outcome.UNVERIFIED
        yield _by_ssh("metrics", outcome, endpoint, where, "not reached")


def _metrics(endpoint: Endpoint, evidence: Evidence | None, where: str, words: Mapping[str, str]) -> Check:
    """Return what the agent answered to a question that is no scrape."""
    told = evidence.told if evidence is not None else None
    port = endpoint.plan_port or 0
    status, said = (told.http_status(port), told.said.get(port, "")[:_SHOWN]) if told is not None else (None, "")
    if status == _HTTP_OK:
        return _by_ssh("metrics", Outcome.OK, endpoint, where, "the metrics agent answers, asked on the VM", said)
    failure, detail = Failure.HTTP_ERROR, f"HTTP {status}"
    if status is None:
        failure, detail = Failure.STRANGE, "what comes back is no HTTP"
    return _broken_by_ssh("metrics", endpoint, where, detail, failure, words, said)


def through(endpoint: Endpoint, evidence: Evidence | None) -> str | None:
    """Return what a connection to a service's port gave on the VM, None where it was not tried."""
    if evidence is None or evidence.told is None or endpoint.plan_port is None:
        return None
    return evidence.told.through.get(endpoint.plan_port)


def _where(endpoint: Endpoint, words: Mapping[str, str]) -> str:
    return f"{words['vm_address'] or 'the VM'}:{endpoint.plan_port}"


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
    return msgspec.structs.replace(check, cause=remedy.cause, hint=remedy.hint, command=remedy.command)


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
