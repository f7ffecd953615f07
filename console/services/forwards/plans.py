"""Which forwards a cluster needs, from its port plan. Owns the refusals: clusters to which no forward belongs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from console.config import Config, SshGate
from console.errors import NotFoundError, UsageError
from console.model.address import is_loopback
from console.model.check import CheckedService
from console.model.cluster import ClusterSpec
from console.model.forward import Direction, Forward, tunnel_key
from console.model.portplan import SERVICES, PlannedService, PortPlan

_LOOPBACK = "127.0.0.1"


class TunnelPlan(Struct, frozen=True):
    """All forwards of one cluster in one direction, and the VM that they go to."""

    cluster: str
    direction: Direction
    gate: SshGate
    forwards: tuple[Forward, ...]

    @property
    def key(self) -> str:
        """Return what tells it from the other tunnels."""
        return tunnel_key(self.cluster, self.direction)


def tunnel_plans(config: Config, names: Sequence[str], reverse: Sequence[str] = ()) -> tuple[TunnelPlan, ...]:
    """Return the plans of the named clusters; without any name, of all clusters with ``reach = "forward"``.

    ``reverse`` names clusters that run on this very computer. Raise NotFoundError and UsageError.
    """
    if not names and not reverse:
        return tuple(local_plan(config, spec) for spec in config.clusters if spec.reach == "forward")
    local = (local_plan(config, spec) for spec in _named(config, names))
    return (*local, *(reverse_plan(config, spec) for spec in _named(config, reverse)))


def possible_plans(config: Config) -> tuple[TunnelPlan, ...]:
    """Return every forward that a configuration has, in both directions: what is kept and not among them is to end."""
    reverse = (spec for spec in config.clusters if spec.tunnel and config.ssh[spec.tunnel.via].private_ip)
    return (*tunnel_plans(config, []), *(reverse_plan(config, spec) for spec in reverse))


def local_plan(config: Config, spec: ClusterSpec) -> TunnelPlan:
    """Return the forwards from this machine to the VM's private address; raise UsageError."""
    gate, plan = _tunnel_of(config, spec)
    if spec.reach != "forward":
        hint = f'set reach = "forward" for {spec.name} to reach it through forwards'
        raise UsageError(spec.name, f"is reached through {_WAYS[spec.reach or 'gateway']} and needs no forward", hint)
    private_ip = _private_ip(gate, spec)
    forwards = (
        Forward(_checked(service), *_listen(spec, service, plan), private_ip, plan.port(service))
        for service in SERVICES
    )
    return TunnelPlan(spec.name, "local", gate, tuple(forwards))


def reverse_plan(config: Config, spec: ClusterSpec) -> TunnelPlan:
    """Return the forwards from the VM's private address to the cluster's ports on this computer; raise UsageError."""
    from console.artifacts.ports import TUNNEL_TARGETS  # noqa: PLC0415 -- the console does not pay for yaml

    gate, plan = _tunnel_of(config, spec)
    private_ip = _private_ip(gate, spec)
    forwards = (
        Forward(_checked(service), private_ip, plan.port(service), _LOOPBACK, TUNNEL_TARGETS[service])
        for service in SERVICES
    )
    return TunnelPlan(spec.name, "reverse", gate, tuple(forwards))


_WAYS = {"gateway": "the gateway", "vm": "the VM's private address"}


def _named(config: Config, names: Iterable[str]) -> Iterator[ClusterSpec]:
    known = {spec.name: spec for spec in config.clusters}
    for name in dict.fromkeys(names):
        if name not in known:
            raise NotFoundError(name, "no such cluster", f"known: {', '.join(known) or 'none is configured'}")
        yield known[name]


def _tunnel_of(config: Config, spec: ClusterSpec) -> tuple[SshGate, PortPlan]:
    if spec.tunnel is None or spec.plan is None:
        raise UsageError(spec.name, "has no tunnel", 'give it tunnel = { via = "…", slot = … } in clusters.toml')
    return config.ssh[spec.tunnel.via], spec.plan


def _private_ip(gate: SshGate, spec: ClusterSpec) -> str:
    if gate.private_ip is None:
        hint = f"add private_ip to [ssh.{gate.name}]"
        raise UsageError(spec.name, "its forwards end on the VM's private address, which is not configured", hint)
    return gate.private_ip


def _checked(service: PlannedService) -> CheckedService:
    return "dashboard" if service == "dash" else service


def _listen(spec: ClusterSpec, service: PlannedService, plan: PortPlan) -> tuple[str, int]:
    """Return where this machine listens: where the console looks for it, if that is this machine, else as planned."""
    url = {"dash": spec.dashboard, "serve": spec.serve}.get(service)
    parts = urlsplit(url or "")
    if parts.port is not None and is_loopback(parts.hostname or ""):
        return (_LOOPBACK if parts.hostname == "localhost" else parts.hostname or _LOOPBACK), parts.port
    return _LOOPBACK, plan.port(service)


def encode_plans(plans: Sequence[TunnelPlan]) -> bytes:
    """Return plans as they are written down; there is no secret in them."""
    return msgspec.json.encode(plans, enc_hook=str)


def decode_plans(content: bytes) -> tuple[TunnelPlan, ...]:
    """Return plans that were written down; raise msgspec.MsgspecError."""
    return msgspec.json.decode(content, type=tuple[TunnelPlan, ...], dec_hook=_as_path)


def _as_path(kind: type, value: Any) -> Any:
    return Path(value) if kind is Path else value
