"""The metrics ports of a cluster without a tunnel: no plan names them, so its head is asked for them.

A node of this machine is asked at its own address, any other at the dashboard's, where containers publish their ports.
Whether they do is not known: such a port is told of once it has answered, and from then on it has to. One that is
surely here has to answer when its node has run for half a minute: the agent starts after the node.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress

from console.model.address import is_loopback, with_port
from console.services.head_facts import MetricsPort
from console.services.paths import Endpoint, Path

_AGENT_STARTS_S = 30.0


class OwnMetrics:
    """Where the metrics of one cluster are asked, and which of these ports have to answer."""

    def __init__(self, path: Path, clock: Callable[[], float]) -> None:
        dashboard = path.endpoints[0]
        is_direct = path.spec.plan is None and dashboard.way == "direct"
        self._host = (dashboard.host or "") if is_direct else ""
        self._is_ours = path.spec.embedded
        self._clock = clock
        self._ports: Mapping[Endpoint, MetricsPort] = {}
        self._answered: set[Endpoint] = set()

    @property
    def is_wanted(self) -> bool:
        """Return whether the head is to be asked for its nodes' ports."""
        return bool(self._host)

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """Return all ports to ask."""
        return tuple(self._ports)

    @property
    def due(self) -> tuple[Endpoint, ...]:
        """Return the ports that have to answer."""
        return tuple(endpoint for endpoint in self._ports if endpoint in self._answered or self._is_due(endpoint))

    def take(self, ports: Iterable[MetricsPort]) -> None:
        """Take in what the head says of its nodes that are alive; one worker stands for them all."""
        first = {port.service: port for port in sorted(ports, reverse=True) if self.is_wanted}
        self._ports = {self._endpoint(port): port for port in first.values()}
        self._answered &= set(self._ports)

    def note_answer(self, endpoint: Endpoint) -> None:
        """Know that a port is what it is taken for."""
        self._answered.add(endpoint)

    def _is_due(self, endpoint: Endpoint) -> bool:
        started_at = self._ports[endpoint].started_at
        has_run = bool(started_at) and self._clock() - started_at >= _AGENT_STARTS_S
        return has_run and (self._is_ours or _is_certain(endpoint.host or ""))

    def _endpoint(self, port: MetricsPort) -> Endpoint:
        host = port.address if is_own_address(port.address) else self._host
        return Endpoint(port.service, "direct", "metrics", host, port.port, with_port(host, port.port))


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
    return is_own_address(host) and not is_loopback(host)
