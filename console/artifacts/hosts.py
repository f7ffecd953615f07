"""Target ``hosts``: lines for the operator's /etc/hosts, and the table of all ports."""

from __future__ import annotations

from console.artifacts.documents import markdown, placeholder, text
from console.artifacts.ports import ports_table
from console.artifacts.topology import floating_ip, gateway_host, shown_hosts, tunnelled
from console.config import Config


def hosts_files(config: Config) -> dict[str, str]:
    """Return the files below ``hosts/``, none where nothing has a host name at the gateway."""
    names = _names(config)
    files = {}
    if names:
        lines = [f"{address} {' '.join(hosts)}" for address, hosts in names]
        files["hosts/hosts"] = text(lines, "For /etc/hosts of whoever looks at the clusters through the gateway.")
    if tunnelled(config):
        files["hosts/ports.md"] = markdown(ports_table(config))
    return files


def _names(config: Config) -> list[tuple[str, list[str]]]:
    """Return address and host names, a line per cluster or Prometheus server."""
    shared = _gateway_address(config)
    names = []
    for spec in config.clusters:
        if spec.plan is not None and spec.tunnel is not None:
            names.append((floating_ip(config.ssh[spec.tunnel.via]), shown_hosts(spec.plan, config)))
        else:
            hosts = [host for url in (spec.dashboard, spec.serve) if (host := gateway_host(url, config))]
            names.append((shared, hosts))
    servers = [host for server in config.prometheus.values() if (host := gateway_host(server.url, config))]
    return [(address, list(dict.fromkeys(hosts))) for address, hosts in [*names, (shared, servers)] if hosts]


def _gateway_address(config: Config) -> str:
    """Return the address of what has no tunnel; which VM that is only one [ssh.NAME] can tell."""
    if len(config.ssh) == 1:
        return floating_ip(next(iter(config.ssh.values())))
    return placeholder("gateway_address")
