"""The ports inside a cluster, and the table of every port of the topology for people to read."""

from __future__ import annotations

from console.artifacts.gateway import shown_hosts
from console.artifacts.topology import tunnelled
from console.config import Config
from console.model.cluster import CLIENT_PORT, DASHBOARD_PORT, SERVE_PORT
from console.model.portplan import SERVICES, PlannedService

GCS_PORT = 6379
METRICS_HEAD_PORT = 8500
METRICS_WORKER_PORT = 8501

# What a computer's end of a tunnel leads to: the ports that the Compose cluster publishes on its loopback address.
TUNNEL_TARGETS: dict[PlannedService, int] = {
    "dash": DASHBOARD_PORT,
    "client": CLIENT_PORT,
    "metrics-head": METRICS_HEAD_PORT,
    "metrics-worker": METRICS_WORKER_PORT,
    "serve": SERVE_PORT,
}


def ports_table(config: Config) -> list[str]:
    """Return the lines of a Markdown table: a line per tunnelled cluster, its ports on the VM by service."""
    head = ["cluster", *(f"{service} ({TUNNEL_TARGETS[service]})" for service in SERVICES), "host names"]
    lines = [_row(head), _row(["---"] * len(head))]
    for cluster in tunnelled(config):
        ports = [str(cluster.plan.port(service)) for service in SERVICES]
        hosts = ", ".join(shown_hosts(cluster.plan, config))
        lines.append(_row([cluster.name, *ports, hosts]))
    return lines


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
