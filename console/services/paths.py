"""The path that leads to a cluster: which way, which services, and where each of them is asked.

Pure: configuration in, places out. What a service's address does not say (Ray client and metrics behind a gateway) has
no place here and is told by ssh or Prometheus instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal
from urllib.parse import urlsplit

from msgspec import Struct

from console.config import Config, Kubernetes, SshGate
from console.model.address import with_port
from console.model.check import CHECKED_SERVICES, CheckedService
from console.model.cluster import ClusterSpec, Reach
from console.model.portplan import PlannedService

Way = Literal["direct", "gateway", "vm", "forward"]
Asking = Literal["dashboard", "serve", "metrics", "client"]
PLANNED: Mapping[CheckedService, PlannedService] = {
    "dashboard": "dash",
    "client": "client",
    "metrics-head": "metrics-head",
    "metrics-worker": "metrics-worker",
    "serve": "serve",
}
INNER_PORTS: Mapping[CheckedService, int] = {
    "dashboard": 8265,
    "client": 10001,
    "metrics-head": 8500,
    "metrics-worker": 8501,
    "serve": 8350,
}
_ASKING: Mapping[CheckedService, Asking] = {
    "dashboard": "dashboard",
    "client": "client",
    "metrics-head": "metrics",
    "metrics-worker": "metrics",
    "serve": "serve",
}


class Endpoint(Struct, frozen=True):
    """One service: which way leads to it and where it is asked; ``host`` is None where it cannot be asked from here.

    Of Ray client without a tunnel ``host_header`` is then the address as a driver on the main cluster sees it.
    ``plan_port`` is its port on the VM, None without a tunnel.
    """

    service: CheckedService
    way: Way
    asking: Asking
    host: str | None
    port: int
    host_header: str = ""
    prefix: str = ""
    is_tls: bool = False
    plan_port: int | None = None

    @property
    def where(self) -> str:
        """Return ``host:port``."""
        if self.host is None and self.host_header:
            return self.host_header
        return with_port(self.host or "", self.port)


class Path(Struct, frozen=True):
    """All that is known of a cluster's path before anything is asked."""

    spec: ClusterSpec
    endpoints: tuple[Endpoint, ...]
    gate: SshGate | None
    kubernetes: Kubernetes

    @property
    def services(self) -> tuple[CheckedService, ...]:
        """Return the services that the path has."""
        return tuple(endpoint.service for endpoint in self.endpoints)

    @property
    def reach(self) -> Reach | None:
        """Return the way that leads to the dashboard, whatever made it so; None is a direct one."""
        way = self.endpoints[0].way
        return None if way == "direct" else way


def path_of(spec: ClusterSpec, config: Config) -> Path:
    """Return the path of a cluster: all five services of a tunnel, else those whose address is known."""
    gate = config.ssh.get(spec.tunnel.via) if spec.tunnel is not None else None
    endpoints = [_by_url(spec, "dashboard", spec.dashboard, config.kubernetes)]
    for service in CHECKED_SERVICES[1:]:
        if service == "serve" and spec.serve is not None:
            endpoints.append(_by_url(spec, "serve", spec.serve, config.kubernetes))
        elif spec.plan is not None:
            endpoints.append(_by_plan(spec, service, gate))
        elif service == "client" and spec.client is not None:
            endpoints.append(Endpoint("client", endpoints[0].way, "client", None, 0, spec.client))
    return Path(spec, tuple(endpoints), gate, config.kubernetes)


def _by_url(spec: ClusterSpec, service: CheckedService, url: str, kubernetes: Kubernetes) -> Endpoint:
    parts = urlsplit(url)
    is_tls = parts.scheme == "https"
    port = parts.port or (443 if is_tls else 80)
    way: Way = "direct" if kubernetes.gateway_host(url) is None else "gateway"
    if spec.reach in {"vm", "forward"}:
        way = spec.reach
    return Endpoint(
        service=service,
        way=way,
        asking=_ASKING[service],
        host=parts.hostname or "",
        port=port,
        host_header=parts.netloc,
        prefix=parts.path.rstrip("/"),
        is_tls=is_tls,
        plan_port=_plan_port(spec, service),
    )


def _by_plan(spec: ClusterSpec, service: CheckedService, gate: SshGate | None) -> Endpoint:
    host: str | None = None
    if spec.reach == "forward":
        host = "127.0.0.1"
    elif spec.reach == "vm" and gate is not None:
        host = gate.private_ip
    port = _plan_port(spec, service) or 0
    header = f"{host}:{port}" if host else ""
    return Endpoint(service, spec.reach or "direct", _ASKING[service], host, port, header, plan_port=port)


def _plan_port(spec: ClusterSpec, service: CheckedService) -> int | None:
    return None if spec.plan is None else spec.plan.port(PLANNED[service])
