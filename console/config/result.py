"""What the configuration says once it is read, checked and resolved: frozen, comparable, no secret in it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from msgspec import Struct

from console.model.cluster import ClusterSpec

_PORTS = {"http": 80, "https": 443}


class ConsoleOptions(Struct, frozen=True):
    """``[console]``: how often clusters are asked, from what age on a figure is stale, whether changes are refused."""

    refresh_s: float = 2.0
    stale_after_s: float = 15.0
    read_only: bool = False


class PrometheusServer(Struct, frozen=True):
    """``[prometheus.NAME]``; ``url`` has no trailing slash, the token is in a file and never here."""

    name: str
    url: str
    bearer_token_file: Path | None = None
    ca_file: Path | None = None


class SshGate(Struct, frozen=True):
    """``[ssh.NAME]``: the VM that reverse tunnels end on; ``host`` is what ssh is called with."""

    name: str
    host: str
    private_ip: str | None = None
    floating_ip: str | None = None
    user: str | None = None
    identity_file: Path | None = None


class Kubernetes(Struct, frozen=True):
    """``[kubernetes]``: the Services' namespace, and the gateway's port and domain.

    ``gateway_ip`` is where hosts without a tunnel lead, for topologies in which that is not the only VM's floating IP.
    """

    namespace: str = "integration"
    gateway_port: int = 7001
    domain: str = "oss"
    gateway_ip: str | None = None

    def gateway_host(self, url: str) -> str | None:
        """Return the host of a URL that leads through the gateway: one of its domain, on its port. None: another."""
        parts = urlsplit(url)
        host = (parts.hostname or "").removesuffix(".")
        is_ours = host.endswith(f".{self.domain}") and (parts.port or _PORTS.get(parts.scheme)) == self.gateway_port
        return host if is_ours else None


class Config(Struct, frozen=True, kw_only=True):
    """The whole configuration; ``path`` is None when no file was found."""

    path: Path | None = None
    console: ConsoleOptions = ConsoleOptions()
    job_folders: tuple[Path, ...] = ()
    prometheus: Mapping[str, PrometheusServer] = {}
    ssh: Mapping[str, SshGate] = {}
    kubernetes: Kubernetes = Kubernetes()
    clusters: tuple[ClusterSpec, ...] = ()
