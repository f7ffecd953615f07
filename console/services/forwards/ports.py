"""This machine's ports: which are free to listen on, and who has the others. It blocks, so it is asked in a thread.

A holder is right when it is an ssh whose own arguments and configuration (``ssh -G``) forward the port to the same
place of the same VM. What only its process could tell (a forward added to a running master) counts as something else.
"""

from __future__ import annotations

import errno
import re
import socket
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress

from msgspec import Struct

from console.clients.ssh_command import ssh_command
from console.model.forward import Forward, KeptForward
from console.services.forwards.plans import TunnelPlan

_ASK_TIMEOUT_S = 5.0
_WILDCARDS = frozenset({"0.0.0.0", "::", "*"})  # noqa: S104 -- compared with, not bound to
_FORWARD_LINE = re.compile(r"localforward (?:\[(?P<host>[^\]]*)\]:)?(?P<port>\d+) \[(?P<to>[^\]]+)\]:(?P<to_port>\d+)")


class SshSettings(Struct, frozen=True):
    """What ``ssh -G`` says that a call would do: where it goes, whether directly, and its forwards."""

    hostname: str
    port: int
    direct: bool
    local_forwards: frozenset[tuple[str, int, str, int]] = frozenset()

    @property
    def knock_at(self) -> tuple[str, int] | None:
        """Return where its TCP connection goes, None where a proxy makes it."""
        return (self.hostname, self.port) if self.direct else None


class Holder(Struct, frozen=True):
    """Who listens on a port; the pid is None where this user may not see it."""

    pid: int | None
    name: str

    @property
    def words(self) -> str:
        """Return it in words."""
        return "another user's program" if self.pid is None else f"{self.name} (pid {self.pid})"


def is_free(host: str, port: int) -> bool:
    """Return whether this machine could listen there now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # As ssh does: connections that are being forgotten (TIME_WAIT) take no port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno in {errno.EADDRINUSE, errno.EACCES}:
                return False
            raise
    return True


def look_at_ports(plan: TunnelPlan, environ: Mapping[str, str]) -> tuple[KeptForward, ...]:
    """Return each forward of a plan as its port is: ``closed`` (free), ``used`` or ``held``, with the holder."""
    if plan.direction == "reverse":  # these ports are the VM's
        return tuple(KeptForward(forward) for forward in plan.forwards)
    taken = [forward for forward in plan.forwards if not is_free(forward.listen_host, forward.listen_port)]
    if not taken:
        return tuple(KeptForward(forward) for forward in plan.forwards)
    holders = _holders({forward.listen_port for forward in taken})
    ours = ssh_settings(ssh_command(plan.gate), environ)
    told: dict[int, SshSettings | None] = {}
    return tuple(
        _judged(forward, holders, ours, told, environ) if forward in taken else KeptForward(forward)
        for forward in plan.forwards
    )


def _judged(
    forward: Forward,
    holders: Mapping[tuple[str, int], Holder],
    ours: SshSettings | None,
    told: dict[int, SshSettings | None],
    environ: Mapping[str, str],
) -> KeptForward:
    holder = _holder_of(forward, holders)
    if holder.pid is not None and holder.name == "ssh":
        if holder.pid not in told:
            told[holder.pid] = _settings_of(holder.pid, environ)
        theirs = told[holder.pid]
        if theirs is not None and ours is not None and _leads_there(forward, theirs, ours):
            return KeptForward(forward, "used", holder.words)
    return KeptForward(forward, "held", holder.words)


def _leads_there(forward: Forward, theirs: SshSettings, ours: SshSettings) -> bool:
    if (theirs.hostname, theirs.port) != (ours.hostname, ours.port):
        return False
    return any(
        (port, to, to_port) == (forward.listen_port, forward.target_host, forward.target_port)
        and (host in {"", "localhost", forward.listen_host} or host in _WILDCARDS)
        for host, port, to, to_port in theirs.local_forwards
    )


def _holder_of(forward: Forward, holders: Mapping[tuple[str, int], Holder]) -> Holder:
    for host in (forward.listen_host, *_WILDCARDS, "::ffff:" + forward.listen_host):
        if (found := holders.get((host, forward.listen_port))) is not None:
            return found
    return Holder(None, "")


def _holders(ports: set[int]) -> dict[tuple[str, int], Holder]:
    """Return who listens on these ports, by address and port."""
    import psutil  # noqa: PLC0415 -- the start of the console does not pay for it

    found: dict[tuple[str, int], Holder] = {}
    with suppress(psutil.Error, OSError):
        for each in psutil.net_connections("tcp"):
            if each.status == psutil.CONN_LISTEN and each.laddr and each.laddr.port in ports:
                found[each.laddr.ip, each.laddr.port] = Holder(each.pid, _name(each.pid))
    return found


def _name(pid: int | None) -> str:
    import psutil  # noqa: PLC0415 -- the start of the console does not pay for it

    with suppress(psutil.Error):
        return "" if pid is None else str(psutil.Process(pid).name())
    return "a program"


def _settings_of(pid: int, environ: Mapping[str, str]) -> SshSettings | None:
    """Return what a running ssh was called to do."""
    import psutil  # noqa: PLC0415 -- the start of the console does not pay for it

    with suppress(psutil.Error, OSError):
        process = psutil.Process(pid)
        return ssh_settings(process.cmdline(), environ, folder=process.cwd())
    return None


def ssh_settings(command: Sequence[str], environ: Mapping[str, str], folder: str | None = None) -> SshSettings | None:
    """Return what a call of ssh would do, asked of ssh itself without any network; None when it cannot tell."""
    if len(command) < 2:
        return None
    try:
        asked = subprocess.run(
            ["ssh", "-G", *command[1:]],
            env=environ,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_ASK_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return read_settings(asked.stdout) if asked.returncode == 0 else None


def read_settings(told: str) -> SshSettings | None:
    """Return the settings in what ``ssh -G`` printed."""
    first: dict[str, str] = {}
    for line in told.splitlines():
        key, _, value = line.partition(" ")
        first.setdefault(key, value)
    if "hostname" not in first or not first.get("port", "").isdecimal():
        return None
    forwards = (
        (found["host"] or "", int(found["port"]), found["to"], int(found["to_port"]))
        for found in _FORWARD_LINE.finditer(told)
    )
    direct = all(first.get(key, "none") == "none" for key in ("proxyjump", "proxycommand"))
    return SshSettings(first["hostname"], int(first["port"]), direct, frozenset(forwards))


def own_addresses() -> frozenset[str]:
    """Return the IP addresses of this machine."""
    import psutil  # noqa: PLC0415 -- the start of the console does not pay for it

    return frozenset(each.address.partition("%")[0] for card in psutil.net_if_addrs().values() for each in card)


def source_address(pid: int) -> str | None:
    """Return the address of this machine from which an ssh talks to its VM; None where a proxy does that."""
    import psutil  # noqa: PLC0415 -- the start of the console does not pay for it

    with suppress(psutil.Error, OSError):
        for each in psutil.Process(pid).net_connections("tcp"):
            if each.status == psutil.CONN_ESTABLISHED and each.raddr and each.laddr.ip not in {"127.0.0.1", "::1"}:
                return str(each.laddr.ip)
    return None
