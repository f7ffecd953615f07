"""Target ``hosts``: lines for the operator's /etc/hosts, and the table of all ports."""

from __future__ import annotations

from console.artifacts.documents import markdown, text
from console.artifacts.gateway import hosts_by_address
from console.artifacts.ports import ports_table
from console.artifacts.topology import tunnelled
from console.config import Config


def hosts_files(config: Config) -> dict[str, str]:
    """Return the files below ``hosts/``, none where nothing has a host name at the gateway."""
    names = hosts_by_address(config)
    files = {}
    if names:
        lines = [f"{address} {' '.join(hosts)}" for address, hosts in names]
        files["hosts/hosts"] = text(lines, "For /etc/hosts of whoever looks at the clusters through the gateway.")
    if tunnelled(config):
        files["hosts/ports.md"] = markdown(ports_table(config))
    return files
