"""The port plan: kind + slot -> every port, Service name and host name of a tunnelled cluster. One pure function.

Each service owns a range of ports that local clusters fill from its start and hpc clusters from its middle:
dashboards 8100-8150, Ray clients 8151-8200, metrics 8201-8300 (two a cluster), Serve 8301-8400.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

TunnelledKind = Literal["local", "hpc"]
PlannedService = Literal["dash", "client", "metrics-head", "metrics-worker", "serve"]
SERVICES: tuple[PlannedService, ...] = ("dash", "client", "metrics-head", "metrics-worker", "serve")
SLOTS = 25  # of each kind

_FIRST_DASHBOARD = {"local": 8100, "hpc": 8125}
_FIRST_CLIENT = {"local": 8151, "hpc": 8176}
_FIRST_METRICS = {"local": 8201, "hpc": 8251}
_FIRST_SERVE = {"local": 8301, "hpc": 8351}


class PortPlan(Struct, frozen=True):
    """Ports on the VM, and the names that stand for them in Kubernetes and at the gateway."""

    kind: TunnelledKind
    slot: int
    dashboard: int
    client: int
    metrics_head: int
    metrics_worker: int
    serve: int

    @property
    def ports(self) -> tuple[int, int, int, int, int]:
        """Return the five ports in the order of SERVICES."""
        return (self.dashboard, self.client, self.metrics_head, self.metrics_worker, self.serve)

    def port(self, service: PlannedService) -> int:
        """Return the port of one service, the same number on the VM and in Kubernetes."""
        return self.ports[SERVICES.index(service)]

    def service_name(self, service: PlannedService) -> str:
        """Return the Kubernetes Service's name, such as ``ray-local-1-dash``."""
        return f"ray-{self.kind}-{self.slot}-{service}"

    def address(self, service: PlannedService, namespace: str) -> str:
        """Return ``host:port`` of a service as pods of the Kubernetes cluster see it."""
        return f"{self.service_name(service)}.{namespace}.svc.cluster.local:{self.port(service)}"

    def series(self) -> dict[str, str]:
        """Return label -> anchored regex of this cluster's series: ``job`` is the name of the scraped Service."""
        return {"job": f"ray-{self.kind}-{self.slot}-metrics-(head|worker)"}

    def host(self, service: Literal["dash", "serve"], domain: str) -> str:
        """Return the host name at the gateway, such as ``ray.local.dash-1.oss``."""
        return f"ray.{self.kind}.{service}-{self.slot}.{domain}"


def port_plan(kind: TunnelledKind, slot: int) -> PortPlan:
    """Return the plan of a tunnelled cluster; ``slot`` counts from 1. Raise ValueError outside 1..25."""
    if not 1 <= slot <= SLOTS:
        msg = f"slot {slot} is outside 1..{SLOTS}: the port plan has room for {SLOTS} {kind} clusters"
        raise ValueError(msg)
    metrics_head = _FIRST_METRICS[kind] + 2 * (slot - 1)
    return PortPlan(
        kind=kind,
        slot=slot,
        dashboard=_FIRST_DASHBOARD[kind] + slot - 1,
        client=_FIRST_CLIENT[kind] + slot - 1,
        metrics_head=metrics_head,
        metrics_worker=metrics_head + 1,
        serve=_FIRST_SERVE[kind] + slot - 1,
    )
