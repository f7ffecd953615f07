"""The host names at the gateway: which clusters have one, where each leads, and what cannot be said of one.

A VirtualService sends all paths of a host to one Service, so a host is one thing, and its URL has no path.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal
from urllib.parse import urlsplit

from msgspec import Struct

from console.artifacts.documents import placeholder
from console.artifacts.topology import KubeRayCluster, floating_ip, gates, kuberay_cluster, kuberay_clusters, refuse
from console.config import Config
from console.config.values import is_label
from console.model.cluster import DASHBOARD_PORT, KUBERAY_SERVE_PORT, ClusterSpec
from console.model.portplan import PortPlan

ISTIO_NAMESPACE = "default"
_SHOWN: tuple[Literal["dash", "serve"], ...] = ("dash", "serve")


class GatewayHost(Struct, frozen=True):
    """A host name at the gateway, and the Service that it leads to; ``key`` is what of a cluster it follows from."""

    virtual_service: str
    host: str
    service: str
    port: int
    key: str


def gateway_hosts(config: Config) -> tuple[GatewayHost, ...]:
    """Return every host of a Ray cluster at the gateway; refuse what two VirtualServices would contend for."""
    found: dict[str, GatewayHost] = {}
    holders = {host: f"prometheus.{name}.url" for name, host in _servers(config)}
    made = {cluster.name: cluster for cluster in kuberay_clusters(config)}
    for index, spec in enumerate(config.clusters):
        for host in _hosts_of(spec, made.get(spec.name), f"clusters[{index}]", config):
            holder = holders.setdefault(host.host, host.key)
            if holder != host.key:
                raise refuse(config, host.key, f"expected a host of its own: {host.host} is that of {holder}")
            if found.setdefault(host.virtual_service, host) != host:
                what = f"expected another name: {host.virtual_service} is that of {found[host.virtual_service].host}"
                raise refuse(config, f"clusters[{index}].name", what)
    return tuple(found.values())


def hosts_by_address(config: Config) -> list[tuple[str, list[str]]]:
    """Return address and host names, a line per cluster or Prometheus server, as /etc/hosts needs them."""
    shared = _gateway_address(config)
    lines = []
    for index, spec in enumerate(config.clusters):
        if spec.plan is not None and spec.tunnel is not None:
            lines.append((floating_ip(config.ssh[spec.tunnel.via]), shown_hosts(spec.plan, config)))
        else:
            urls = (("dashboard", spec.dashboard), ("serve", spec.serve))
            found = (gateway_host(url, f"clusters[{index}].{key}", config) for key, url in urls)
            lines.append((shared, [host for host in found if host is not None]))
    lines.append((shared, [host for _, host in _servers(config)]))
    return [(address, list(dict.fromkeys(hosts))) for address, hosts in lines if hosts]


def left_out(config: Config) -> Iterator[tuple[str, str]]:
    """Yield cloud clusters for which KubeRay or Istio files are not made as they could be, each with why."""
    for index, spec in enumerate(config.clusters):
        if spec.kind != "cloud":
            continue
        if kuberay_cluster(spec) is None:
            yield (
                spec.name,
                "its client is no head Service such as NAME-head-svc.NAMESPACE.svc.cluster.local:10001, so no file",
            )
            continue
        for key, url in (("dashboard", spec.dashboard), ("serve", spec.serve)):
            if gateway_host(url, f"clusters[{index}].{key}", config) is None:
                wanted = f"http://NAME.{config.kubernetes.domain}:{config.kubernetes.gateway_port}"
                given = f"its {key} {url} is no host of the gateway" if url else f"it has no {key}"
                yield spec.name, f"{given} such as {wanted}, so no VirtualService"


def shown_hosts(plan: PortPlan, config: Config) -> list[str]:
    """Return the host names of a tunnelled cluster at the gateway: its dashboard's and its Serve's."""
    return [plan.host(service, config.kubernetes.domain) for service in _SHOWN]


def gateway_host(url: str | None, key: str, config: Config) -> str | None:
    """Return the host of a URL that leads through the gateway, None for any other; refuse what no host can be."""
    host = config.kubernetes.gateway_host(url or "")
    if host is not None and not all(is_label(label) for label in host.split(".")):
        raise refuse(
            config, key, f"expected a host of letters, digits, hyphens and dots, as Kubernetes does, got {host}"
        )
    return host


def _servers(config: Config) -> Iterator[tuple[str, str]]:
    """Yield name and host of each Prometheus server behind the gateway."""
    for name, server in config.prometheus.items():
        host = gateway_host(server.url, f"prometheus.{name}.url", config)
        if host is not None:
            yield name, host


def _hosts_of(spec: ClusterSpec, made: KubeRayCluster | None, at: str, config: Config) -> Iterator[GatewayHost]:
    if spec.plan is not None:
        yield from _planned_hosts(spec.plan, f"{at}.tunnel.slot", config)
    elif made is not None:
        yield from _kuberay_hosts(spec, made, at, config)


def _planned_hosts(plan: PortPlan, key: str, config: Config) -> Iterator[GatewayHost]:
    for service in _SHOWN:
        name, host = plan.service_name(service), plan.host(service, config.kubernetes.domain)
        address = plan.address(service, config.kubernetes.namespace).rpartition(":")[0]
        yield GatewayHost(f"{name}-virtualservice", host, address, plan.port(service), key)


def _kuberay_hosts(spec: ClusterSpec, made: KubeRayCluster, at: str, config: Config) -> Iterator[GatewayHost]:
    urls = (("dash", "dashboard", spec.dashboard, DASHBOARD_PORT), ("serve", "serve", spec.serve, KUBERAY_SERVE_PORT))
    for service, field, url, port in urls:
        key = f"{at}.{field}"
        host = gateway_host(url, key, config)
        if host is None:
            continue
        if path := urlsplit(url or "").path:
            raise refuse(config, key, f"expected no path, as a VirtualService sends all paths to one place, got {path}")
        yield GatewayHost(f"ray-{spec.name}-{service}-virtualservice", host, made.head_service, port, key)


def _gateway_address(config: Config) -> str:
    """Return the address of hosts without a tunnel: as given, or that of the only VM which it can be."""
    given = config.kubernetes.gateway_ip
    addresses = {given} if given else {floating_ip(gate) for gate in gates(config) or config.ssh.values()}
    return addresses.pop() if len(addresses) == 1 else placeholder("kubernetes.gateway_ip")
