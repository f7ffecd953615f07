"""Targets ``ssh`` and ``sshd``: both ends of the tunnels.

A computer's file has ``rf-…`` Hosts, its services' way to the VM; the operator's has ``lf-…`` Hosts, the way back from
there to the operator's own machine. ssh(1) gives up a dead line after some 5 s, sshd frees its ports after 12 s, so a
laptop that comes back finds them free.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from console.artifacts.documents import text
from console.artifacts.ports import TUNNEL_TARGETS
from console.artifacts.topology import (
    Tunnelled,
    alias,
    bracketed,
    gates,
    identity_file,
    private_ip,
    public_address,
    tunnelled,
    user,
)
from console.config import Config, SshGate
from console.model.portplan import SERVICES

# A tunnel is a process of its own that asks nobody, fails whole or not at all, and notices when its line is dead.
_TUNNEL_OPTIONS = (
    "ControlMaster no",
    "ControlPath none",
    "BatchMode yes",
    "ConnectTimeout 5",
    "ExitOnForwardFailure yes",
    "ServerAliveInterval 2",
    "ServerAliveCountMax 2",
    "LogLevel INFO",
)


def ssh_files(config: Config, home: Path) -> dict[str, str]:
    """Return the files below ``ssh/``: one folder a computer, and the operator's file."""
    clusters = tunnelled(config)
    if not clusters:
        return {}
    files = {}
    for cluster in clusters:
        files[f"ssh/{cluster.name}/raydeck.conf"] = _computer_file(cluster, home, config)
        files[f"ssh/{cluster.name}/raydeck-tunnel.service"] = _unit(cluster)
    files["ssh/raydeck-operator.conf"] = _operator_file(clusters, home, config)
    return files


def _computer_file(cluster: Tunnelled, home: Path, config: Config) -> str:
    forwards = [
        f"RemoteForward {_vm_end(cluster, port)} 127.0.0.1:{TUNNEL_TARGETS[service]}"
        for service, port in zip(SERVICES, cluster.plan.ports, strict=True)
    ]
    lines = [*_login(cluster.gate, "rf", home, config), "", *_host(f"rf-{alias(cluster.gate)}", forwards)]
    return text(lines, f"The computer of cluster {cluster.name}: Include this from ~/.ssh/config, above any Host.")


def _operator_file(clusters: Sequence[Tunnelled], home: Path, config: Config) -> str:
    lines: list[str] = []
    for gate in gates(config):
        ports = [(cluster, port) for cluster in clusters if cluster.gate == gate for port in cluster.plan.ports]
        forwards = [f"LocalForward 127.0.0.1:{port} {_vm_end(cluster, port)}" for cluster, port in ports]
        lines += [*_login(gate, "lf", home, config), "", *_host(f"lf-{alias(gate)}", forwards), ""]
    return text(lines[:-1], "The operator's machine: Include this from ~/.ssh/config, above any Host.")


def _vm_end(cluster: Tunnelled, port: int) -> str:
    return f"{bracketed(private_ip(cluster.gate))}:{port}"


def _login(gate: SshGate, direction: str, home: Path, config: Config) -> list[str]:
    """Return how the VM is reached, for its plain name and for the tunnel's."""
    options = (
        f"HostName {public_address(gate)}",
        f"User {user(gate)}",
        f"IdentityFile {identity_file(gate, home, config)}",
        "IdentitiesOnly yes",
    )
    return [f"Host {alias(gate)} {direction}-{alias(gate)}", *(f"    {option}" for option in options)]


def _host(name: str, forwards: Sequence[str]) -> list[str]:
    return [f"Host {name}", *(f"    {line}" for line in (*_TUNNEL_OPTIONS, *forwards))]


def _unit(cluster: Tunnelled) -> str:
    """Return a systemd user unit that keeps the computer's tunnel open."""
    lines = (
        "[Unit]",
        f"Description=Tunnel of Ray cluster {cluster.name} to {alias(cluster.gate)}",
        "StartLimitIntervalSec=0",
        "",
        "[Service]",
        f"ExecStart=/usr/bin/ssh -N -T rf-{alias(cluster.gate)}",
        "Restart=always",
        "RestartSec=5",
        "",
        "[Install]",
        "WantedBy=default.target",
    )
    return text(lines, "For ~/.config/systemd/user/: systemctl --user enable --now raydeck-tunnel.service")


def sshd_files(config: Config) -> dict[str, str]:
    """Return the sshd drop-in of each VM, ``sshd/<section>/50-raydeck.conf``."""
    return {f"sshd/{gate.name}/50-raydeck.conf": _drop_in(gate, config) for gate in gates(config)}


def _drop_in(gate: SshGate, config: Config) -> str:
    clusters = [cluster for cluster in tunnelled(config) if cluster.gate == gate]
    listens = [_vm_end(cluster, port) for cluster in clusters for port in cluster.plan.ports]
    options = (
        "AllowTcpForwarding yes",
        "GatewayPorts clientspecified",
        "ClientAliveInterval 2",
        "ClientAliveCountMax 2",
        f"PermitListen {' '.join(listens)}",
    )
    lines = [f"Match User {user(gate)}", *(f"    {option}" for option in options), "Match all"]
    return text(
        lines,
        f"The VM {gate.name}: /etc/ssh/sshd_config.d/50-raydeck.conf, then sshd -t and systemctl reload ssh.",
        "Only the tunnels' user is affected; its remote forwards may listen on the port plan and nowhere else.",
    )
