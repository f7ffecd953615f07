"""What the targets need of a Config, in one place: tunnelled clusters, head Services in Kubernetes, gateway hosts.

Owns the refusals: what the configuration allows but a rendered file could not say is a ConfigError with its key path.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from msgspec import Struct

from console.artifacts.documents import placeholder
from console.config import Config, SshGate
from console.errors import ConfigError
from console.model.cluster import DASHBOARD_PORT, KUBERAY_SERVE_PORT, ClusterSpec
from console.model.portplan import PortPlan

ISTIO_NAMESPACE = "default"
HEAD_SERVICE = re.compile(
    r"(?P<cluster>[a-z](?:[a-z0-9-]{0,51}[a-z0-9])?)-head-svc\.(?P<namespace>[a-z0-9-]{1,63})\.svc\.cluster\.local:\d+"
)
# OpenSSH expands % and ${…} in IdentityFile, and knows no escape for a quote inside quotes.
_PLAIN_PATH = re.compile(r"[\w~/.+@-]+")
_NOT_IN_IDENTITY_FILE = re.compile(r'["%$\\]')

_SHOWN: tuple[Literal["dash", "serve"], ...] = ("dash", "serve")


class Tunnelled(Struct, frozen=True):
    """A cluster whose ports end on a VM."""

    name: str
    plan: PortPlan
    gate: SshGate


class KubeRayCluster(Struct, frozen=True):
    """A RayCluster in Kubernetes; KubeRay names its head Service ``<ray_cluster>-head-svc``."""

    name: str
    ray_cluster: str
    namespace: str

    @property
    def head_service(self) -> str:
        """Return the head Service's full name inside Kubernetes."""
        return f"{self.ray_cluster}-head-svc.{self.namespace}.svc.cluster.local"


class GatewayHost(Struct, frozen=True):
    """A host name at the gateway, and the Service that it leads to."""

    virtual_service: str
    host: str
    service: str
    port: int


def tunnelled(config: Config) -> tuple[Tunnelled, ...]:
    """Return the clusters that have a tunnel, in the file's order."""
    return tuple(
        Tunnelled(spec.name, spec.plan, config.ssh[spec.tunnel.via])
        for spec in config.clusters
        if spec.plan is not None and spec.tunnel is not None
    )


def gates(config: Config) -> tuple[SshGate, ...]:
    """Return the VMs that tunnels end on, in the file's order; refuse two that ssh would call by one name."""
    used = {cluster.gate.name for cluster in tunnelled(config)}
    found = tuple(gate for name, gate in config.ssh.items() if name in used)
    seen: dict[str, str] = {}
    for gate in found:
        holder = seen.setdefault(alias(gate), gate.name)
        if holder != gate.name:
            raise refuse(
                config, f"{_section(gate)}.host", f"expected a host of its own: ssh.{holder} has {alias(gate)}"
            )
    return found


def kuberay_clusters(config: Config) -> tuple[KubeRayCluster, ...]:
    """Return the cloud clusters whose ``client`` is the head Service of a RayCluster; others are not ours to make."""
    return tuple(found for spec in config.clusters if (found := _kuberay(spec)) is not None)


def _kuberay(spec: ClusterSpec) -> KubeRayCluster | None:
    found = HEAD_SERVICE.fullmatch(spec.client or "") if spec.kind == "cloud" else None
    return None if found is None else KubeRayCluster(spec.name, found["cluster"], found["namespace"])


def not_rendered(config: Config) -> tuple[str, ...]:
    """Return the names of the cloud clusters that KubeRay and Istio files leave out."""
    return tuple(spec.name for spec in config.clusters if spec.kind == "cloud" and _kuberay(spec) is None)


def gateway_hosts(config: Config) -> tuple[GatewayHost, ...]:
    """Return every host of a Ray cluster at the gateway; refuse two whose VirtualServices would have one name."""
    found: dict[str, GatewayHost] = {}
    for index, spec in enumerate(config.clusters):
        for host in _hosts_of(spec, config):
            if found.setdefault(host.virtual_service, host) != host:
                what = f"expected another name: {host.virtual_service} is that of {found[host.virtual_service].host}"
                raise refuse(config, f"clusters[{index}].name", what)
    return tuple(found.values())


def _hosts_of(spec: ClusterSpec, config: Config) -> Iterator[GatewayHost]:
    if spec.plan is not None:
        plan, kubernetes = spec.plan, config.kubernetes
        for service in _SHOWN:
            name = plan.service_name(service)
            address = plan.address(service, kubernetes.namespace).rpartition(":")[0]
            yield GatewayHost(
                f"{name}-virtualservice", plan.host(service, kubernetes.domain), address, plan.port(service)
            )
        return
    made = _kuberay(spec)
    if made is None:
        return
    for service, url, port in (("dash", spec.dashboard, DASHBOARD_PORT), ("serve", spec.serve, KUBERAY_SERVE_PORT)):
        host = gateway_host(url, config)
        if host is not None:
            yield GatewayHost(f"ray-{spec.name}-{service}-virtualservice", host, made.head_service, port)


def shown_hosts(plan: PortPlan, config: Config) -> list[str]:
    """Return the host names of a tunnelled cluster at the gateway: its dashboard's and its Serve's."""
    return [plan.host(service, config.kubernetes.domain) for service in _SHOWN]


def gateway_host(url: str | None, config: Config) -> str | None:
    """Return the host of a URL that leads through the gateway, None for any other."""
    parts = urlsplit(url or "")
    host = parts.hostname or ""
    ours = host.endswith(f".{config.kubernetes.domain}") and parts.port == config.kubernetes.gateway_port
    return host if ours else None


def alias(gate: SshGate) -> str:
    """Return the name by which ssh files call the VM."""
    return gate.host.rpartition("@")[2]


def public_address(gate: SshGate) -> str:
    """Return where ssh reaches the VM; a bare ``host`` may be an alias of somebody's ssh configuration."""
    if gate.floating_ip is not None:
        return gate.floating_ip
    return alias(gate) if "@" in gate.host else placeholder(f"ssh.{gate.name}.floating_ip")


def floating_ip(gate: SshGate) -> str:
    """Return the VM's public IP address, as /etc/hosts needs it."""
    return gate.floating_ip or placeholder(f"ssh.{gate.name}.floating_ip")


def private_ip(gate: SshGate) -> str:
    """Return the address that reverse forwards listen on."""
    return gate.private_ip or placeholder(f"ssh.{gate.name}.private_ip")


def endpoint_ip(gate: SshGate, config: Config) -> str:
    """Return the private address as an endpoint of a Service; Kubernetes refuses loopback and link-local ones."""
    found = private_ip(gate)
    if gate.private_ip is not None:
        address = ipaddress.ip_address(found)
        if address.is_loopback or address.is_link_local:
            what = f"expected an address that pods can reach, got {found}"
            raise refuse(config, f"{_section(gate)}.private_ip", what)
    return found


def user(gate: SshGate) -> str:
    """Return the login name on the VM."""
    return gate.user or gate.host.rpartition("@")[0] or placeholder(f"ssh.{gate.name}.user")


def identity_file(gate: SshGate, home: Path, config: Config) -> str:
    """Return the private key's path, quoted as ssh_config wants it; below ``home`` it begins with ``~``."""
    if gate.identity_file is None:
        return placeholder(f"ssh.{gate.name}.identity_file")
    path = gate.identity_file
    shown = f"~/{path.relative_to(home)}" if path.is_relative_to(home) else str(path)
    if _NOT_IN_IDENTITY_FILE.search(shown):
        what = 'expected a path without ", %, $ and \\, which ssh would change'
        raise refuse(config, f"{_section(gate)}.identity_file", what)
    return shown if _PLAIN_PATH.fullmatch(shown) else f'"{shown}"'


def bracketed(address: str) -> str:
    """Return an IPv6 address in brackets, any other as it stands."""
    return f"[{address}]" if ":" in address else address


def _section(gate: SshGate) -> str:
    return f'ssh."{gate.name}"' if "." in gate.name else f"ssh.{gate.name}"


def refuse(config: Config, key_path: str, what: str) -> ConfigError:
    """Return the error that names the file and the key path."""
    return ConfigError(f"{config.path}: {key_path}", what)
