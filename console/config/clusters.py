"""One ``[[clusters]]`` table -> one ClusterSpec: what follows from kind, slot and reach, and what is given instead."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from msgspec import Struct

from console.config import values
from console.config.reading import At, shown, table
from console.config.result import Kubernetes, PrometheusServer, SshGate
from console.config.schema import ClusterTable, TunnelTable
from console.model.cluster import KUBERAY_SERVE_PORT, SERVE_PORT, ClusterSpec, Reach, TunnelSpec
from console.model.portplan import SLOTS, PortPlan, port_plan


class Surroundings(Struct, frozen=True):
    """The sections that a cluster may refer to, and how a path in the file is resolved."""

    kubernetes: Kubernetes
    ssh: Mapping[str, SshGate]
    prometheus: Mapping[str, PrometheusServer]
    path: Callable[[str, At], Path]


def cluster_spec(row: ClusterTable, around: Surroundings, at: At) -> ClusterSpec:
    """Return the cluster of ``row`` with every address resolved; explicit keys override what follows."""
    tunnel, plan = _tunnel(row, around, at)
    reach = _reach(row, tunnel, around, at)
    dashboard, serve = _urls(row, plan, reach, around, at)
    client = None if plan is None else plan.address("client", around.kubernetes.namespace)
    series = {} if plan is None else plan.series()
    if row.series is not None:
        series = values.series(row.series, at.key("series"))
    token_file = row.auth_token_file
    return ClusterSpec(
        name=row.name,
        kind=row.kind,
        dashboard=dashboard,
        serve=serve,
        client=client if row.client is None else values.address(row.client, at.key("client")),
        prometheus=_prometheus(row, series, around, at.key("prometheus")),
        series=series,
        expected_nodes=_expected_nodes(row.nodes, at.key("nodes")),
        tunnel=tunnel,
        reach=reach,
        plan=plan,
        auth_token_file=None if token_file is None else around.path(token_file, at.key("auth_token_file")),
        serve_port=_serve_port(row, tunnel, serve),
    )


def _tunnel(row: ClusterTable, around: Surroundings, at: At) -> tuple[TunnelSpec | None, PortPlan | None]:
    if row.tunnel is None:
        return None, None
    at = at.key("tunnel")
    found = table(row.tunnel, TunnelTable, at)
    if row.kind == "cloud":
        raise at.error("expected no tunnel, as kind is cloud", "only local and hpc clusters have slots")
    if found.via not in around.ssh:
        raise at.key("via").error(_no_section("ssh", found.via, around.ssh))
    if not 1 <= found.slot <= SLOTS:
        raise at.key("slot").error(f"expected a slot from 1 to {SLOTS}, got {shown(found.slot)}")
    return TunnelSpec(found.via, found.slot), port_plan(row.kind, found.slot)


def _no_section(kind: str, name: str, sections: Mapping[str, object]) -> str:
    known = ", ".join(sorted(sections)) or "none"
    return f"expected the name of a section [{kind}.NAME] (there is: {known}), got {shown(name)}"


def _reach(row: ClusterTable, tunnel: TunnelSpec | None, around: Surroundings, at: At) -> Reach | None:
    if tunnel is None:
        if row.reach is not None:
            raise at.key("reach").error("expected no reach without a tunnel", "add tunnel, or give dashboard instead")
        return None
    if row.reach in {"vm", "forward"} and around.ssh[tunnel.via].private_ip is None:
        raise at.key("reach").error(
            f"{row.reach} expects a private_ip of the VM", f"add private_ip to [ssh.{tunnel.via}]"
        )
    return row.reach or "gateway"


def _urls(
    row: ClusterTable, plan: PortPlan | None, reach: Reach | None, around: Surroundings, at: At
) -> tuple[str, str | None]:
    """Return dashboard and Serve as this console reaches them."""
    dashboard = None if row.dashboard is None else values.url(row.dashboard, at.key("dashboard"))
    serve = None if row.serve is None else values.url(row.serve, at.key("serve"))
    if plan is not None and row.tunnel is not None:
        gate = around.ssh[str(row.tunnel["via"])]
        dashboard = dashboard or _planned_url(plan, "dash", reach, gate, around.kubernetes)
        serve = serve or _planned_url(plan, "serve", reach, gate, around.kubernetes)
    if dashboard is None:
        raise at.key("dashboard").error("is missing; expected a URL, as the cluster has no tunnel")
    return dashboard, serve


def _planned_url(
    plan: PortPlan, service: Literal["dash", "serve"], reach: Reach | None, gate: SshGate, kubernetes: Kubernetes
) -> str:
    if reach == "forward":
        return f"http://127.0.0.1:{plan.port(service)}"
    if reach == "vm" and gate.private_ip is not None:
        host = f"[{gate.private_ip}]" if ":" in gate.private_ip else gate.private_ip
        return f"http://{host}:{plan.port(service)}"
    return f"http://{plan.host(service, kubernetes.domain)}:{kubernetes.gateway_port}"


def _prometheus(row: ClusterTable, series: Mapping[str, str], around: Surroundings, at: At) -> str | None:
    """Return the server's name; a cluster that says how its series are known belongs to the only server there is."""
    if row.prometheus is not None:
        if row.prometheus not in around.prometheus:
            raise at.error(_no_section("prometheus", row.prometheus, around.prometheus))
        return row.prometheus
    return next(iter(around.prometheus)) if series and len(around.prometheus) == 1 else None


def _expected_nodes(nodes: int | None, at: At) -> int | None:
    if nodes is not None:
        values.within(nodes, 1, 100_000, at, "a number of nodes ")
    return nodes


def _serve_port(row: ClusterTable, tunnel: TunnelSpec | None, serve: str | None) -> int:
    """Return the port that a job binds inside the cluster; a tunnel and Kubernetes translate it on the way."""
    if row.kind == "cloud":
        return KUBERAY_SERVE_PORT
    if tunnel is not None or serve is None:
        return SERVE_PORT
    return urlsplit(serve).port or SERVE_PORT
