"""What the targets need of a Config, in one place: tunnelled clusters and their VMs, head Services in Kubernetes.

Owns the refusals: what the configuration allows but a rendered file could not say is a ConfigError with its key path.
"""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path

from msgspec import Struct

from console.artifacts.documents import placeholder
from console.config import Config, SshGate
from console.errors import ConfigError
from console.model.cluster import CLIENT_PORT, ClusterSpec
from console.model.portplan import PortPlan

_HEAD_SERVICE = re.compile(
    r"(?P<cluster>[a-z](?:[a-z0-9-]{0,51}[a-z0-9])?)-head-svc\.(?P<namespace>[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)"
    r"\.svc\.cluster\.local:(?P<port>\d+)"
)
# OpenSSH expands % and ${…} in IdentityFile, and knows no escape for a quote inside quotes.
_PLAIN_PATH = re.compile(r"[\w~/.+@-]+")
_EXAMPLE = ("deploy", "examples", "clusters.toml")
_DOCUMENTATION = tuple(
    map(ipaddress.ip_network, ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32"))  # RFC 5737, 3849
)
_NOT_IN_IDENTITY_FILE = re.compile(r'["%$\\]')


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
    client_port: int

    @property
    def head_service(self) -> str:
        """Return the head Service's full name inside Kubernetes."""
        return f"{self.ray_cluster}-head-svc.{self.namespace}.svc.cluster.local"


def tunnelled(config: Config) -> tuple[Tunnelled, ...]:
    """Return the clusters that have a tunnel, in the file's order."""
    return tuple(
        Tunnelled(spec.name, spec.plan, config.ssh[spec.tunnel.via])
        for spec in config.clusters
        if spec.plan is not None and spec.tunnel is not None
    )


def gates(config: Config) -> tuple[SshGate, ...]:
    """Return the VMs that tunnels end on, in the file's order; refuse two of whose names in ssh one is the same."""
    used = {cluster.gate.name for cluster in tunnelled(config)}
    found = tuple(gate for name, gate in config.ssh.items() if name in used)
    holders: dict[str, SshGate] = {}
    for gate in found:
        for name in (alias(gate), f"rf-{alias(gate)}", f"lf-{alias(gate)}"):
            holder = holders.setdefault(name, gate)
            if holder != gate:
                what = f"expected a host of its own: ssh calls {_section(holder)} {name}, too"
                raise refuse(config, f"{_section(gate)}.host", what)
    return found


def kuberay_clusters(config: Config) -> tuple[KubeRayCluster, ...]:
    """Return the cloud clusters whose ``client`` is the head Service of a RayCluster; others are not ours to make."""
    found = []
    for index, spec in enumerate(config.clusters):
        made = kuberay_cluster(spec)
        if made is None:
            continue
        if made.client_port != CLIENT_PORT:
            what = f"expected port {CLIENT_PORT}, on which a RayCluster's head listens, got {made.client_port}"
            raise refuse(config, f"clusters[{index}].client", what)
        found.append(made)
    return tuple(found)


def kuberay_cluster(spec: ClusterSpec) -> KubeRayCluster | None:
    """Return the RayCluster whose head Service is the cluster's ``client``, None where that is something else."""
    found = _HEAD_SERVICE.fullmatch(spec.client or "") if spec.kind == "cloud" else None
    if found is None:
        return None
    return KubeRayCluster(spec.name, found["cluster"], found["namespace"], int(found["port"]))


def alias(gate: SshGate) -> str:
    """Return the name by which ssh files call the VM."""
    return gate.host.rpartition("@")[2]


def public_address(gate: SshGate) -> str:
    """Return where ssh reaches the VM; a bare ``host`` may be an alias of somebody's ssh configuration."""
    if gate.floating_ip is not None:
        return gate.floating_ip
    return alias(gate) if "@" in gate.host else placeholder(f"{_section(gate)}.floating_ip")


def floating_ip(gate: SshGate) -> str:
    """Return the VM's public IP address, as /etc/hosts needs it."""
    return gate.floating_ip or placeholder(f"{_section(gate)}.floating_ip")


def private_ip(gate: SshGate) -> str:
    """Return the address that reverse forwards listen on."""
    return gate.private_ip or placeholder(f"{_section(gate)}.private_ip")


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
    return gate.user or gate.host.rpartition("@")[0] or placeholder(f"{_section(gate)}.user")


def identity_file(gate: SshGate, home: Path, config: Config) -> str:
    """Return the private key's path, quoted as ssh_config wants it; below ``home`` it begins with ``~``."""
    if gate.identity_file is None:
        return placeholder(f"{_section(gate)}.identity_file")
    path = gate.identity_file
    shown = f"~/{path.relative_to(home)}" if path.is_relative_to(home) else str(path)
    if _NOT_IN_IDENTITY_FILE.search(shown):
        what = 'expected a path without ", %, $ and \\, which ssh would change'
        raise refuse(config, f"{_section(gate)}.identity_file", what)
    return shown if _PLAIN_PATH.fullmatch(shown) else f'"{shown}"'


def documentation_addresses(config: Config) -> tuple[tuple[str, str], ...]:
    """Return key path and address of what is still an example's; the committed example itself is to have them."""
    if config.path is not None and config.path.absolute().parts[-3:] == _EXAMPLE:
        return ()
    given = [("kubernetes.gateway_ip", config.kubernetes.gateway_ip)]
    for gate in config.ssh.values():
        given += [
            (f"{_section(gate)}.floating_ip", gate.floating_ip),
            (f"{_section(gate)}.private_ip", gate.private_ip),
        ]
    return tuple((key, address) for key, address in given if address is not None and _is_for_documentation(address))


def _is_for_documentation(address: str) -> bool:
    found = ipaddress.ip_address(address)
    return any(found in network for network in _DOCUMENTATION)


def bracketed(address: str) -> str:
    """Return an IPv6 address in brackets, any other as it stands."""
    return f"[{address}]" if ":" in address else address


def _section(gate: SshGate) -> str:
    return f'ssh."{gate.name}"' if "." in gate.name else f"ssh.{gate.name}"


def refuse(config: Config, key_path: str, what: str) -> ConfigError:
    """Return the error that names the file and the key path."""
    return ConfigError(f"{config.path}: {key_path}", what)
