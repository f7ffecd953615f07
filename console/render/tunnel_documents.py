"""The JSON document of ``raydeck tunnel status``. What is not known is null, never 0."""

from __future__ import annotations

from collections.abc import Iterable

from console.model.forward import KeptForward, KeptTunnel
from console.render.documents import Document, iso_utc


def tunnels_document(seen: Iterable[tuple[KeptTunnel, str | None, int | None]]) -> Document:
    """Return the document; each tunnel comes with the role and the pid of the raydeck that keeps it, None for none."""
    return {"tunnels": [_tunnel(tunnel, role, pid) for tunnel, role, pid in seen]}


def _tunnel(tunnel: KeptTunnel, role: str | None, pid: int | None) -> Document:
    return {
        "cluster": tunnel.cluster,
        "direction": tunnel.direction,
        "state": tunnel.state,
        "since": iso_utc(tunnel.since) if role else None,
        "kept_by": None if role is None else {"role": role, "pid": pid},
        "ssh_pid": tunnel.ssh_pid,
        "restarts": tunnel.restarts if role else None,
        "retry_at": iso_utc(tunnel.retry_at),
        "reason": tunnel.reason or None,
        "hint": tunnel.hint or None,
        "ssh_says": list(tunnel.said),
        "exit_status": tunnel.exit_status,
        "forwards": [_forward(each) for each in tunnel.forwards],
    }


def _forward(each: KeptForward) -> Document:
    return {
        "service": each.forward.service,
        "listen": each.forward.listen,
        "target": each.forward.target,
        "state": each.state,
        "holder": each.holder or None,
    }
