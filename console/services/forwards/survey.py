"""How the forwards of clusters stand on this machine, whoever keeps them open: any raydeck, another ssh, or nobody."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from console.model.forward import KeeperRole, KeptTunnel, TunnelState
from console.services.forwards.plans import TunnelPlan
from console.services.forwards.ports import look_at_ports
from console.services.forwards.record import KeeperRecord, read_records
from console.services.state_folder import StateFolder


class SeenTunnel(Struct, frozen=True):
    """A tunnel, and which raydeck keeps it: its role and pid, None where none does."""

    tunnel: KeptTunnel
    role: KeeperRole | None = None
    pid: int | None = None


async def survey(
    plans: Sequence[TunnelPlan], state: StateFolder, environ: Mapping[str, str], *, others: bool
) -> tuple[SeenTunnel, ...]:
    """Return how each planned tunnel stands; with ``others`` also what is kept beside these."""
    return await asyncio.to_thread(_survey, plans, state, environ, others=others)


def _survey(
    plans: Sequence[TunnelPlan], state: StateFolder, environ: Mapping[str, str], *, others: bool
) -> tuple[SeenTunnel, ...]:
    kept = _kept(read_records(state))
    planned = [kept.pop(plan.key) if plan.key in kept else _unkept(plan, environ) for plan in plans]
    return (*planned, *(kept.values() if others else ()))


def _kept(records: Iterable[KeeperRecord]) -> dict[str, SeenTunnel]:
    """Return what is kept, by key; of several keepers the one whose ssh carries it."""
    found: dict[str, SeenTunnel] = {}
    for record in records:
        for tunnel in record.tunnels:
            if tunnel.key not in found or tunnel.ssh_pid is not None:
                found[tunnel.key] = SeenTunnel(tunnel, record.role, record.process.pid)
    return found


def _unkept(plan: TunnelPlan, environ: Mapping[str, str]) -> SeenTunnel:
    """Return how the ports are that nobody of ours keeps; another ssh may forward them."""
    looked = look_at_ports(plan, environ)
    held = next((each for each in looked if each.state == "held"), None)
    used = all(each.state == "used" for each in looked)
    reason = "" if held is None else f"{held.forward.listen} is held by {held.holder}"
    state: TunnelState = "held" if held is not None else "up" if used else "closed"
    return SeenTunnel(
        KeptTunnel(cluster=plan.cluster, direction=plan.direction, state=state, forwards=looked, reason=reason)
    )
