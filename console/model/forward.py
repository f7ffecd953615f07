"""Forwards that are kept open: what was asked for, and how it stands. A tunnel is all forwards of one cluster."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from console.model.address import with_port
from console.model.check import CheckedService

Direction = Literal["local", "reverse"]
"""``local``: from the operator's machine to the VM (ssh -L). ``reverse``: from the VM to a computer (ssh -R)."""

ForwardState = Literal["closed", "open", "used", "held"]
"""``used``: another program forwards this port to the right cluster already. ``held``: something else has the port."""

TunnelState = Literal["closed", "connecting", "up", "waiting", "held", "given-up"]
"""``waiting``: broken, tried again at ``retry_at``. ``given-up``: only a person can mend it."""

KeeperRole = Literal["console", "foreground", "background"]


class Forward(Struct, frozen=True):
    """One port to one port; whoever connects to ``listen`` talks to ``target``."""

    service: CheckedService
    listen_host: str
    listen_port: int
    target_host: str
    target_port: int

    @property
    def listen(self) -> str:
        """Return ``host:port`` of the end that listens."""
        return with_port(self.listen_host, self.listen_port)

    @property
    def target(self) -> str:
        """Return ``host:port`` of the far end."""
        return with_port(self.target_host, self.target_port)


class KeptForward(Struct, frozen=True):
    """A forward as it stands; ``holder`` says who has its port when that is not us."""

    forward: Forward
    state: ForwardState = "closed"
    holder: str = ""


class KeptTunnel(Struct, frozen=True, kw_only=True):
    """All forwards of one cluster in one direction, as they stand.

    ``since``: when the state began (Unix seconds). ``reason`` and ``hint`` tell why it is not up; ``said`` are ssh's
    last lines, ``exit_status`` what it ended with. ``restarts`` counts how often the session was made anew.
    """

    cluster: str
    direction: Direction = "local"
    state: TunnelState = "closed"
    since: float | None = None
    forwards: tuple[KeptForward, ...] = ()
    reason: str = ""
    hint: str = ""
    said: tuple[str, ...] = ()
    exit_status: int | None = None
    ssh_pid: int | None = None
    restarts: int = 0
    retry_at: float | None = None

    @property
    def key(self) -> str:
        """Return what tells it from the other tunnels."""
        return tunnel_key(self.cluster, self.direction)


def tunnel_key(cluster: str, direction: Direction) -> str:
    """Return ``local-1``, or ``reverse:local-1``."""
    return cluster if direction == "local" else f"{direction}:{cluster}"
