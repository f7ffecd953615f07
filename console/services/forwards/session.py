"""One ssh that carries the forwards of one tunnel: from its start to its end, whatever ends it.

It is open once ssh says that the listeners stand: locally it bound them, remotely the VM confirmed each. An ssh older
than 8.5 does not say so; its local listeners are looked for, remote ones believed after a while without a complaint.
"""

from __future__ import annotations

import asyncio
import re
import signal
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from msgspec import Struct

from console.clients.ending import send
from console.clients.ssh_command import ssh_command, ssh_options
from console.clients.ssh_complaints import MOST_LINES, cleaned
from console.model.forward import Forward
from console.services.forwards.plans import TunnelPlan
from console.services.forwards.spawn import end_process, spawn_guarded

# Of these functions ssh tells all it does, of everything else what LogLevel says; an older one ignores the option.
_TELLING = "*:ssh_init_forwarding():*,*:ssh_confirm_remote_forward():*"
_OPTIONS = ("ExitOnForwardFailure=yes", "IgnoreUnknown=LogVerbose,ForkAfterAuthentication",
            "ForkAfterAuthentication=no", f"LogVerbose={_TELLING}")  # fmt: skip
_EXPECTED = re.compile(r"expecting replies for (\d+) forwards")
_CONFIRMED = "remote forward success for: "
_DEBUG = re.compile(r"^debug\d: ")
_LOOK_EVERY_S = 0.5
_BELIEVED_AFTER_S = 12.0


class Ending(Struct, frozen=True):
    """How an ssh ended: its exit status, its last lines, and for how long its listeners stood (None: never)."""

    exit_status: int | None
    said: tuple[str, ...]
    open_for_s: float | None


def forwarding_command(plan: TunnelPlan, forwards: Sequence[Forward]) -> list[str]:
    """Return the ssh that carries these forwards of a plan."""
    flag = "-L" if plan.direction == "local" else "-R"
    words = [word for each in forwards for word in (flag, f"{each.listen}:{each.target}")]
    return ssh_command(plan.gate, "-N", "-T", "-a", "-x", *ssh_options(_OPTIONS), *words)


class SshSession:
    """One run of ssh. ``opened`` is set once the forwards stand; ``said`` is called with each line for people."""

    def __init__(
        self,
        plan: TunnelPlan,
        forwards: Sequence[Forward],
        environ: Mapping[str, str],
        *,
        said: Callable[[str], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._plan, self._forwards, self._environ, self._clock = plan, tuple(forwards), environ, clock
        self._tell_said = said
        self.opened = asyncio.Event()
        self._lines: deque[str] = deque(maxlen=MOST_LINES)
        self._open_at: float | None = None
        self._awaited: int | None = None
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int | None:
        """Return the pid of the ssh that runs."""
        return None if self._process is None else self._process.pid

    async def run(self) -> Ending:
        """Run ssh to its end; it ends with this call, whatever ends this call."""
        command = forwarding_command(self._plan, self._forwards)
        self._process = process = await spawn_guarded(command, self._environ, stderr=asyncio.subprocess.PIPE)
        looking = asyncio.create_task(self._look_for_listeners())
        try:
            await self._listen(process)
            await process.wait()
        finally:
            looking.cancel()
            await asyncio.shield(end_process(process))
        open_for_s = None if self._open_at is None else self._clock() - self._open_at
        return Ending(process.returncode, tuple(self._lines), open_for_s)

    def end(self) -> None:
        """Ask ssh to end; ``run`` returns then."""
        if self._process is not None:
            send(self._process, signal.SIGTERM)

    async def _listen(self, process: asyncio.subprocess.Process) -> None:
        assert process.stderr is not None  # noqa: S101 -- it was asked for
        rest = b""
        while chunk := await process.stderr.read(4096):
            *whole, rest = (rest + chunk).split(b"\n")
            rest = rest[-4096:]
            for line in whole:
                self._hear(line.decode(errors="replace"))
        if rest:
            self._hear(rest.decode(errors="replace"))

    def _hear(self, line: str) -> None:
        """Take what tells of the forwards out, and keep what is for people."""
        text = cleaned(line)
        if not _DEBUG.match(line.strip()):
            if text:
                self._lines.append(text)
                self._tell_said(text)
            return
        if found := _EXPECTED.search(text):
            self._awaited = int(found[1])
        elif _CONFIRMED in text and self._awaited is not None:
            self._awaited -= 1
        if self._awaited == 0:
            self._open()

    def _open(self) -> None:
        if self._open_at is None:
            self._open_at = self._clock()
            self.opened.set()

    async def _look_for_listeners(self) -> None:
        """Find out what an old ssh does not tell."""
        began = self._clock()
        while not self.opened.is_set():
            await asyncio.sleep(_LOOK_EVERY_S)
            if self._plan.direction == "reverse" or self.pid is None:
                stands = self._clock() - began > _BELIEVED_AFTER_S
            else:
                wanted = {forward.listen_port for forward in self._forwards}
                stands = wanted <= await asyncio.to_thread(listened_ports, self.pid)
            if stands and self._awaited is None:
                self._open()


def listened_ports(pid: int) -> set[int]:
    """Return the TCP ports on which a process listens."""
    import psutil  # noqa: PLC0415 -- the start of the console does not pay for it

    from console.services.embedded.processes import listening_ports  # noqa: PLC0415 -- it imports psutil

    with suppress(psutil.Error):
        return listening_ports([psutil.Process(pid)])
    return set()
