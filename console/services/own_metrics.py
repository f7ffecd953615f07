"""The metrics ports of a cluster without a tunnel: no plan names them, so its head is asked for them.

A node of this machine is asked at its own address, any other at the dashboard's, where containers publish their ports.
Whether they do is not known: such a port is told of once it has answered, and from then on it has to.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable, Iterator
from contextlib import suppress

from console.services.head_facts import MetricsPort
from console.services.paths import Endpoint, Path


class OwnMetrics:
    """Where the metrics of one cluster are asked, and which of these ports have to answer."""

    def __init__(self, path: Path) -> None:
        dashboard = path.endpoints[0]
        is_direct = path.spec.plan is None and dashboard.way == "direct"
        self._host = (dashboard.host or "") if is_direct else ""
        self._is_ours = path.spec.embedded
        self._ports: tuple[MetricsPort, ...] = ()
        self._due: set[Endpoint] = set()
        self.endpoints: tuple[Endpoint, ...] = ()

    @property
    def is_wanted(self) -> bool:
        """Return whether the head is to be asked for its nodes' ports."""
        return bool(self._host)

    @property
    def due(self) -> tuple[Endpoint, ...]:
        """Return the ports that have to answer."""
        return tuple(endpoint for endpoint in self.endpoints if endpoint in self._due)

    def take(self, ports: tuple[MetricsPort, ...]) -> None:
        """Take in what the head says of its nodes that are alive."""
        if ports == self._ports or not self.is_wanted:
            return
        self._ports = ports
        self.endpoints = tuple(_one_each(self._endpoint(port) for port in ports))
        self._due &= set(self.endpoints)
        self._due |= {endpoint for endpoint in self.endpoints if self._is_ours or _is_certain(endpoint.host or "")}

    def note_answer(self, endpoint: Endpoint) -> None:
        """Know that a port is what it is taken for."""
        self._due.add(endpoint)

    def _endpoint(self, port: MetricsPort) -> Endpoint:
        host = port.address if is_own_address(port.address) else self._host
        header = f"[{host}]:{port.port}" if ":" in host else f"{host}:{port.port}"
        return Endpoint(port.service, "direct", "metrics", host, port.port, header)


def is_own_address(address: str) -> bool:
    """Return whether an address is one of this machine's: only those can be bound."""
    with suppress(OSError, ValueError):
        family = socket.AF_INET6 if ipaddress.ip_address(address).version == 6 else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((address, 0))
            return True
    return False


def _is_certain(host: str) -> bool:
    """Return whether a node's address says that it is here; every machine calls itself 127.0.0.1."""
    return is_own_address(host) and not ipaddress.ip_address(host).is_loopback


def _one_each(endpoints: Iterable[Endpoint]) -> Iterator[Endpoint]:
    """Yield the first port of each service: one worker stands for them all."""
    seen = set()
    for endpoint in endpoints:
        if endpoint.service not in seen:
            seen.add(endpoint.service)
            yield endpoint
