"""Which ports an embedded cluster gets: a block of a hundred, so that its numbers can be told from the standard ones.

Blocks lie in 26000-29999: below the ephemeral ports of Linux (from 32768) and macOS, which any connection may take;
above Ray's own worker ports (10002-19999) and the ports of its client servers (23000-24000); below NodePorts (30000).
The last two digits are those of Ray's standard ports: 26065 is the dashboard (8265), 26001 the client (10001),
26050 Serve (8350), 26079 the GCS (6379), 26000 the metrics (8500).
"""

from __future__ import annotations

import errno
import socket
import zlib
from collections.abc import Callable, Container

from console.errors import EmbeddedError
from console.services.embedded.record import Ports, Role

_FIRST, _LAST, _STEP = 26000, 29900, 100


def block(base: int) -> Ports:
    """Return the ports of the block that begins at ``base``."""
    return Ports(
        metrics=base,
        client=base + 1,
        serve=base + 50,
        dashboard=base + 65,
        agent_http=base + 66,
        agent_grpc=base + 67,
        runtime_env=base + 68,
        autoscaler_metrics=base + 17,
        dashboard_metrics=base + 27,
        gcs=base + 79,
    )


def numbers(ports: Ports) -> tuple[int, ...]:
    """Return all ports of a block."""
    return tuple(getattr(ports, field) for field in Ports.__struct_fields__)


def port_is_free(port: int) -> bool:
    """Return whether a server could listen on ``port`` now, on every address of this machine."""
    for host in ("127.0.0.1", "0.0.0.0"):  # noqa: S104 -- macOS lets a wildcard bind beside a specific one: ask both
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            # As servers do: connections that are being forgotten (TIME_WAIT) take no port.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as error:
                if error.errno in {errno.EADDRINUSE, errno.EACCES}:
                    return False
                raise
    return True


def ports_are_free(ports: Ports, is_free: Callable[[int], bool] = port_is_free) -> bool:
    """Return whether nothing listens on any port of a block."""
    return all(is_free(port) for port in numbers(ports))


def choose_ports(owner: str, taken: Container[Ports], is_free: Callable[[int], bool] = port_is_free) -> Ports:
    """Return the first block that is neither in ``taken`` nor in use. Raise EmbeddedError when there is none.

    ``owner`` decides where the search begins, so that two users who start at the same time rarely meet, and so that
    each one's clusters mostly come back to the same ports.
    """
    blocks = range(_FIRST, _LAST + 1, _STEP)
    begin = zlib.crc32(owner.encode()) % len(blocks)
    for base in (*blocks[begin:], *blocks[:begin]):
        ports = block(base)
        if ports not in taken and ports_are_free(ports, is_free):
            return ports
    raise EmbeddedError("embedded", f"no free block of ports in {_FIRST}-{_LAST + _STEP - 1}", "raydeck down")


def needed(ports: Ports, role: Role) -> frozenset[int]:
    """Return the ports on which a started cluster must listen; Serve's comes with the first application."""
    if role == "prometheus":
        return frozenset({ports.dashboard})
    agents = {ports.metrics, ports.agent_http, ports.agent_grpc, ports.runtime_env}
    return frozenset({ports.gcs, ports.dashboard, ports.client, *agents})
