"""The VM through the system's ssh: one connection for all that is asked there, ended with this process at the latest.

The connection is a master whose own session is a ``cat`` that reads from us: when this process ends, however it ends,
``cat`` sees the end of its input and ssh goes with it. What is asked on the VM is a fixed command; its answer is data.
"""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import signal
import stat
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from console.clients.ending import send
from console.clients.socket_folder import SocketFolder
from console.clients.ssh_command import ssh_command, ssh_options
from console.config import SshGate

ROUND_TRIP_S, CONNECT_S = 4.0, 5.0
MOST_BYTES = 256 * 1024
_ENDED = 255
_POLL_S = 0.02
_REMOTE_FORWARD = re.compile(
    r"^remoteforward (?:\[(?P<host>[^\]]*)\]:)?(?P<port>\d{1,5}) \[(?P<to>[^\]]+)\]:(?P<to_port>\d{1,5})$", re.MULTILINE
)


class Ran(Struct, frozen=True):
    """What a command on the VM gave; ``status`` None: it was not done in time. ``stderr`` in lines.

    ``first_ms`` is when its first output came: a round trip through ssh. None where nothing came.
    """

    status: int | None
    stdout: str
    stderr: tuple[str, ...]
    took_ms: float
    first_ms: float | None = None

    @property
    def is_lost(self) -> bool:
        """Return whether ssh itself failed, and not the command."""
        return self.status is None or self.status == _ENDED


class SshConfig(Struct, frozen=True):
    """What ``ssh -G`` says of the VM's Host, and what is wrong with its keys."""

    hostname: str
    is_direct: bool
    open_keys: tuple[str, ...] = ()
    missing_key: str = ""


class ReverseForward(Struct, frozen=True):
    """One ``RemoteForward`` as ``ssh -G`` tells it; an empty ``listen_host`` leaves the address to sshd."""

    listen_host: str
    listen_port: int
    target_host: str
    target_port: int


class SharedSsh:
    """The one connection to a VM. It is made when something is asked, and made again after it was lost."""

    def __init__(self, gate: SshGate) -> None:
        self.gate = gate
        self._folder: SocketFolder | None = None
        self._master: Process | None = None

    async def config(self) -> SshConfig | Ran:
        """Ask ``ssh -G``: no network, 11 ms; return what it printed where it fails."""
        command = ssh_command(self.gate, "-G")
        ran = await _run(command, timeout_s=ROUND_TRIP_S)
        if ran.status != 0:
            return ran
        return _config(ran.stdout, self.gate)

    async def reverse_forwards(self) -> tuple[ReverseForward, ...]:
        """Return what the computer's own Host for its tunnel (``rf-``) forwards here; nothing where there is none."""
        alias = self.gate.host.rpartition("@")[2]
        ran = await _run(
            ssh_command(msgspec.structs.replace(self.gate, host=f"rf-{alias}"), "-G"), timeout_s=ROUND_TRIP_S
        )
        return read_reverse_forwards(ran.stdout) if ran.status == 0 else ()

    async def run(self, *words: str, timeout_s: float) -> Ran:
        """Run a fixed command on the VM, its words quoted for the shell there; its first output is due within 4 s.

        That is a true round trip: ``-O check`` would ask this machine only.
        """
        loop = asyncio.get_running_loop()
        began = loop.time()
        failed = await self._connect()
        if failed is not None:
            return failed
        command = [
            *ssh_command(self.gate, *ssh_options(["ControlMaster=no"]), control_path=self._path),
            shlex.join(words),
        ]
        ran = await _run(command, timeout_s=max(0.5, timeout_s - (loop.time() - began)), first_s=ROUND_TRIP_S)
        if ran.is_lost:
            await self.close()
        return ran

    async def close(self) -> None:
        """End the connection."""
        master, self._master = self._master, None
        if master is not None:
            await _end(master)
        if self._folder is not None:
            self._folder.remove()
            self._folder = None

    @property
    def _path(self) -> str:
        self._folder = self._folder or SocketFolder()
        return f"{self._folder.path}/%C"

    async def _connect(self) -> Ran | None:
        if self._master is not None and self._master.returncode is None:
            return None
        await self.close()
        loop = asyncio.get_running_loop()
        began = loop.time()
        options = ssh_options(["ControlMaster=yes", "ControlPersist=no"])
        command = [*ssh_command(self.gate, "-T", *options, control_path=self._path), "cat"]
        try:
            self._master = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=DEVNULL, stderr=PIPE)
        except OSError as error:
            return Ran(_ENDED, "", (f"ssh: {error.strerror}",), 0.0)
        assert self._folder is not None  # noqa: S101 -- made by _path
        while not self._folder.has_socket and self._master.returncode is None:
            if loop.time() - began > CONNECT_S:
                break
            await asyncio.sleep(_POLL_S)
        took_ms = (loop.time() - began) * 1000
        if self._master.returncode is None and self._folder.has_socket:
            return None
        return await self._gone(took_ms)

    async def _gone(self, took_ms: float) -> Ran:
        master, self._master = self._master, None
        assert master is not None and master.stderr is not None  # noqa: S101, PT018 -- made with a pipe
        await _end(master)
        said = await master.stderr.read(MOST_BYTES)
        lines = tuple(said.decode("utf-8", "replace").splitlines()) or ("ssh: connect: Connection timed out",)
        return Ran(_ENDED, "", lines, took_ms)


def read_reverse_forwards(text: str) -> tuple[ReverseForward, ...]:
    """Return the remote forwards in what ``ssh -G`` printed."""
    return tuple(
        ReverseForward(found["host"] or "", int(found["port"]), found["to"], int(found["to_port"]))
        for found in _REMOTE_FORWARD.finditer(text)
    )


async def _run(command: Sequence[str], *, timeout_s: float, first_s: float | None = None) -> Ran:
    loop = asyncio.get_running_loop()
    began = loop.time()
    try:
        process = await asyncio.create_subprocess_exec(*command, stdin=DEVNULL, stdout=PIPE, stderr=PIPE)
    except OSError as error:
        return Ran(_ENDED, "", (f"ssh: {error.strerror}",), 0.0)
    assert process.stdout is not None and process.stderr is not None  # noqa: S101, PT018 -- made with pipes
    status, first, out, err, first_ms = None, b"", b"", b"", None
    try:
        async with asyncio.timeout(timeout_s):
            async with asyncio.timeout(first_s):
                first = await process.stdout.read(65536)
            first_ms = (loop.time() - began) * 1000 if first else None
            out, err = await asyncio.gather(_bounded(process.stdout), _bounded(process.stderr))
            status = await process.wait()
    except TimeoutError:
        pass
    finally:
        await _end(process)
    lines = tuple(err.decode("utf-8", "replace").splitlines())
    return Ran(status, (first + out).decode("utf-8", "replace"), lines, (loop.time() - began) * 1000, first_ms)


async def _bounded(stream: asyncio.StreamReader) -> bytes:
    """Read to the end, and keep the beginning."""
    kept = b""
    while chunk := await stream.read(65536):
        kept = (kept + chunk)[:MOST_BYTES]
    return kept


async def _end(process: Process) -> None:
    send(process, signal.SIGKILL)
    await process.wait()


def _config(text: str, gate: SshGate) -> SshConfig:
    """Read ``ssh -G``; a key that does not exist is only missed where clusters.toml names it: ssh lists defaults."""
    fields = [line.partition(" ")[::2] for line in text.splitlines()]
    named = dict(fields)
    keys = [Path(value).expanduser() for name, value in fields if name == "identityfile"]
    wanted = gate.identity_file
    missing = str(wanted) if wanted is not None and not wanted.exists() else ""
    is_direct = named.get("proxyjump", "none") == "none" and named.get("proxycommand", "none") == "none"
    return SshConfig(named.get("hostname", ""), is_direct, tuple(str(key) for key in keys if _is_open(key)), missing)


def _is_open(key: Path) -> bool:
    try:
        status = key.stat()
    except OSError:
        return False
    return status.st_uid == os.getuid() and bool(stat.S_IMODE(status.st_mode) & 0o077)
