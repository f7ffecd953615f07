"""Why a VM does not listen for us: one text of ssh stands for a taken port and for a forbidden one. The VM is asked.

The stale listener is the common case: a computer changed its address, and the VM's sshd still has the dead session,
and with it the ports, until it gives that up. That mends itself; a forbidden port does not.
"""

from __future__ import annotations

import asyncio
import re
import shlex
from collections.abc import Mapping

from msgspec import Struct

from console.clients.ssh_command import ssh_command, ssh_options
from console.clients.ssh_complaints import Complaint
from console.model.address import with_port
from console.model.remedy import spoken
from console.services.forwards.plans import TunnelPlan
from console.services.forwards.spawn import end_process, spawn_guarded

# A fixed text; sshd itself puts SSH_CONNECTION (client's address and port, server's address and port) there.
_QUESTION = (
    'PATH=$PATH:/usr/sbin:/sbin; set -- $SSH_CONNECTION; ss -Htlnp; echo --; ss -Htnop state established "sport = :$4"'
)
_DEADLINE_S = 8.0
_MOST_BYTES = 256 * 1024
_USER = re.compile(r'users:\(\("(?P<name>[^"]{1,40})",pid=(?P<pid>\d{1,10}),')
_UNACKNOWLEDGED = re.compile(r"timer:\(on,[^,)]+,[1-9]")  # sent again at least once


class RemoteHolder(Struct, frozen=True):
    """Who has a port of the VM: ``name`` and ``pid`` where root was asked.

    ``silent`` are the addresses of ssh sessions that acknowledge nothing any more; where the pid is known, only of
    the one that has the port.
    """

    listens: bool
    name: str = ""
    pid: str = ""
    silent: tuple[str, ...] = ()


async def explain_refusal(plan: TunnelPlan, refused: Complaint, environ: Mapping[str, str]) -> Complaint:
    """Return what really keeps the VM from listening, the refusal as it is where the VM does not tell."""
    port = re.search(r"\d+$", refused.said)
    told = await _ask(plan, environ)
    if told is None or port is None:
        return refused
    host = plan.forwards[0].listen_host
    return judge(read_holder(told, host, int(port[0])), with_port(host, int(port[0])), plan.gate.host)


def judge(holder: RemoteHolder, place: str, host: str) -> Complaint:
    """Return the refusal's cause and fix; ``place`` is where the VM should listen, ``host`` what ssh is called with."""
    port = place.rpartition(":")[2]
    call = f"ssh {shlex.quote(host)}"
    if not holder.listens:
        look = f"{call} \"sudo sshd -T | grep -iE 'forwarding|gatewayports|permitlisten'\""
        permitted = f"AllowTcpForwarding yes, GatewayPorts clientspecified, PermitListen {place} for this user"
        what = f"the VM's sshd does not permit to listen on {place}"
        return Complaint("forward-prohibited", what, spoken(look, note=permitted), command=look)
    look = spoken(f"{call} \"sudo ss -Htlnp 'sport = :{port}'\"", note="then end that sshd by its pid")
    if holder.pid:
        look = f"{call} kill {holder.pid}"
    if holder.silent:
        what = (
            f"{place} on the VM is still held by a stale session: the one from {', '.join(holder.silent)} is silent, "
            "and keeps its ports until the VM's sshd gives it up"
        )
        return Complaint("stale-listener", what, look)
    by = "another computer's tunnel, or by a stale session of this one"
    if holder.pid and holder.name != "sshd":
        by = f"{holder.name} (pid {holder.pid})"
    return Complaint("forward-refused", f"{place} is taken on the VM by {by}", look)


def read_holder(told: str, host: str, port: int) -> RemoteHolder:
    """Return who has a port, from the answer to the question."""
    listeners, _, sessions = told.partition("--\n")
    places = {with_port(host, port), *(f"{any_}:{port}" for any_ in ("0.0.0.0", "*", "[::]", "127.0.0.1"))}  # noqa: S104 -- compared with
    lines = [line for line in listeners.splitlines() if len(line.split()) >= 4 and line.split()[3] in places]
    if not lines:
        return RemoteHolder(False)
    user = next((found for line in lines if (found := _USER.search(line))), None)
    if user is None:
        return RemoteHolder(True, silent=_silent(sessions))
    silent = _silent(sessions, user["pid"]) if user["name"] == "sshd" else ()
    return RemoteHolder(True, user["name"], user["pid"], silent)


def _silent(sessions: str, pid: str | None = None) -> tuple[str, ...]:
    """Return from where sessions come that acknowledge nothing any more, of one sshd if asked."""
    found = []
    for line in sessions.splitlines():
        words, user = line.split(), _USER.search(line)
        if _UNACKNOWLEDGED.search(line) and len(words) >= 4 and (pid is None or (user and user["pid"] == pid)):
            found.append(words[3].rpartition(":")[0].strip("[]"))
    return tuple(dict.fromkeys(found))


async def _ask(plan: TunnelPlan, environ: Mapping[str, str]) -> str | None:
    """Return what the VM says of its ports, None when it says nothing usable."""
    command = ssh_command(plan.gate, "-T", "-a", "-x", *ssh_options(["ClearAllForwardings=yes"]))
    process = await spawn_guarded([*command, _QUESTION], environ, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None  # noqa: S101 -- it was asked for
    told = b""
    try:
        async with asyncio.timeout(_DEADLINE_S):
            while len(told) < _MOST_BYTES and (chunk := await process.stdout.read(8192)):
                told += chunk
    except TimeoutError:
        return None
    finally:
        await asyncio.shield(end_process(process))
    text = told.decode(errors="replace")
    # Its own sshd listens: an answer without any listener comes from a VM without ss, and says nothing.
    listeners, separator, _ = text.partition("--\n")
    return text if separator and listeners.strip() else None
