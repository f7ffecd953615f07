"""A laptop's own tunnel, checked on that laptop: the ``rf-`` Host of its ssh configuration forwards what is planned.

raydeck runs on a cluster's computer where ``ssh -G rf-ALIAS`` forwards one of that cluster's planned ports; anywhere
else there is no such Host, and nothing to check.
"""

from __future__ import annotations

from collections.abc import Iterable

from console.clients.ssh import ReverseForward
from console.model.address import with_port
from console.model.check import Check, Outcome
from console.model.failure import Failure
from console.model.portplan import PortPlan
from console.probes import explained
from console.services.paths import INNER_PORTS, Endpoint, Path

_LOOPBACK = frozenset({"127.0.0.1", "localhost"})


def is_here(plan: PortPlan | None, reverse: Iterable[ReverseForward]) -> bool:
    """Return whether this computer is configured to forward a cluster's ports, and so is the one that it runs on."""
    return plan is not None and any(forward.listen_port in plan.ports for forward in reverse)


def own_forward(path: Path, endpoint: Endpoint, reverse: Iterable[ReverseForward]) -> Check | None:
    """Return whether this computer's forward of a service is as planned; None where the cluster runs elsewhere."""
    reverse, gate = tuple(reverse), path.gate
    if gate is None or endpoint.plan_port is None or not is_here(path.spec.plan, reverse):
        return None
    alias = gate.host.rpartition("@")[2]
    wrong = _difference(gate.private_ip or "", endpoint, reverse)
    check = {"probe": "config", "service": endpoint.service, "hop": f"rf-{alias}", "by": "ssh"}
    if not wrong:
        planned = f"RemoteForward {with_port(gate.private_ip or '', endpoint.plan_port)} as planned"
        return Check(**check, outcome=Outcome.OK, detail=planned)  # type: ignore[arg-type]
    remedy = explained("config", Failure.DIFFERS, {"cluster": path.spec.name})
    return Check(
        **check,  # type: ignore[arg-type]
        outcome=Outcome.BROKEN,
        detail=f"Host rf-{alias} {wrong}",
        cause=remedy.cause,
        hint=remedy.hint,
        command=remedy.command,
        sent=f"ssh -G rf-{alias}",
    )


def _difference(private_ip: str, endpoint: Endpoint, reverse: Iterable[ReverseForward]) -> str:
    """Return in words how a service's forward is not as planned, empty where it is."""
    port, inner = endpoint.plan_port or 0, INNER_PORTS[endpoint.service]
    found = [forward for forward in reverse if forward.listen_port == port]
    if not found:
        return f"has no RemoteForward for port {port}"
    for forward in found:
        if forward.listen_host != private_ip:
            return f"asks the VM to listen on {forward.listen_host or 'any address'}:{port}, and not on {private_ip}"
        if forward.target_host not in _LOOPBACK or forward.target_port != inner:
            to = with_port(forward.target_host, forward.target_port)
            return f"leads from {port} to {to}, and not to 127.0.0.1:{inner}"
    return ""
