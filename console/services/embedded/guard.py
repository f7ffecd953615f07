"""The guard: starts one cluster (or the Prometheus), watches over it, and takes it down to the last process and file.

It reads its plan, and later the word ``keep``, from its standard input, whose other end only the starter holds. An
end of input without that word means that the starter is gone, in whatever way: then all of it is taken down. So it is
on SIGTERM, which is how ``raydeck down`` asks. Standard output carries events to the starter, one JSON line each.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import msgspec
import psutil

from console.errors import RaydeckError
from console.services.embedded import processes
from console.services.embedded.answer import ask
from console.services.embedded.files import ClusterFiles
from console.services.embedded.ports import needed
from console.services.embedded.record import Event, Mark, Phase, Plan, Record

_STARTING_TICK_S, _RUNNING_TICK_S = 0.1, 2.0
_COMPLETE_WITHIN_S = 10.0
KEEP = b"keep\n"


class Guard:
    """One guarded group of processes. ``words`` is the descriptor that the starter writes to."""

    def __init__(self, plan: Plan, words: int, wake: socket.socket) -> None:
        self.plan = plan
        self.files = ClusterFiles(plan)
        self.phase: Phase = "starting"
        self.starter: Mark | None = plan.starter
        self.stopping = False
        self._words: int | None = words
        self._wake = wake
        self._launcher: subprocess.Popen[bytes] | None = None
        self._launched: int | None = None
        self._family: tuple[Mark, ...] = ()
        self._answered_at: float | None = None
        self._deadline = time.monotonic() + plan.deadline_s
        own = processes.mark(os.getpid())
        assert own is not None  # noqa: S101 -- this process lives
        self._own = own

    def run(self) -> None:
        """Start, watch until it is time to stop, take down."""
        error = ""
        try:
            self.files.write_record(self._record())
            tell(Event("starting"))
            self._launch()
            error = self._bring_up()
            while not self.stopping and not error:
                self._listen(_RUNNING_TICK_S)
                self._reap()
                self._note_family()
        except OSError as problem:
            error = str(problem)
        finally:
            processes.end(self._members)
            self.files.clear(failed=bool(error))
            if error:
                tell(Event("failed", error))

    def _launch(self) -> None:
        argv, environ = self.files.furnish(os.environ)
        with self.files.open_log() as log:
            # Kept, and only `_reap` asks for its end: a Popen that is thrown away may collect its child itself, and
            # then nobody learns with what the program ended.
            self._launcher = subprocess.Popen(
                argv, env=environ, cwd=self.plan.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def _bring_up(self) -> str:
        """Return an empty text once it runs or is to stop, else what went wrong."""
        while not self.stopping:
            self._reap()
            over = time.monotonic() > self._deadline
            if self._launched or over or (self._launched is not None and self.plan.role == "prometheus"):
                return self.files.complaint(self._overdue() if over else f"ended with {self._launched}")
            if self._ready():
                self.phase = "running"
                self._note_family()
                self._write()
                tell(Event("running"))
                return ""
            self._listen(_STARTING_TICK_S)
        return ""

    def _ready(self) -> bool:
        # `ray start` returns once all parts of the head were started; Prometheus stays.
        started = self._launched == 0 or self.plan.role == "prometheus"
        if not started or ask(self.plan.role, self.plan.ports, self.plan.token) != "answers":
            return False
        # `ray start` also succeeds when a part of the head found its port taken: the others do not wait for it.
        if self._answered_at is None:
            self._answered_at = time.monotonic()
            self._deadline = min(self._deadline, self._answered_at + _COMPLETE_WITHIN_S)
        return not self._missing_ports()

    def _missing_ports(self) -> list[int]:
        return sorted(needed(self.plan.ports, self.plan.role) - processes.listening_ports(self._members()))

    def _overdue(self) -> str:
        if self._answered_at is None:
            return "did not answer in time"
        return f"nothing of it listens on {', '.join(map(str, self._missing_ports()))}"

    def _listen(self, timeout_s: float) -> None:
        """Wait for a word, the end of the starter, or a signal."""
        wake = self._wake.fileno()
        sources = [wake] if self._words is None else [wake, self._words]
        readable, _, _ = select.select(sources, [], [], timeout_s)
        if wake in readable:
            received = self._wake.recv(64)
            self.stopping |= bool({signal.SIGTERM, signal.SIGINT} & set(received))
        if self._words is not None and self._words in readable:
            self._hear(os.read(self._words, 64))

    def _hear(self, word: bytes) -> None:
        self._words = None
        if word == KEEP:
            self.starter = None
            self._write()
        else:
            self.stopping = True

    def _reap(self) -> None:
        """Collect ended children; adopted orphans are among them."""
        with suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                if self._launcher and ended[0] == self._launcher.pid:
                    self._launched = os.waitstatus_to_exitcode(ended[1])

    def _members(self) -> list[psutil.Process]:
        self._reap()
        return processes.family(self._record())

    def _note_family(self) -> None:
        """Keep the list in the record current, in case that this process is killed."""
        descendants = psutil.Process().children(recursive=True)
        family = tuple(sorted((m for p in descendants if (m := processes.mark(p.pid))), key=lambda m: m.pid))
        if family != self._family:
            self._family = family
            self._write()

    def _record(self) -> Record:
        plan = self.plan
        return Record(
            name=plan.name,
            role=plan.role,
            phase=self.phase,
            guard=self._own,
            starter=self.starter,
            kept=plan.kept,
            marker=plan.marker,
            folder=plan.folder,
            ports=plan.ports,
            processes=self._family,
        )

    def _write(self) -> None:
        # A full disk is no reason to take a running cluster down.
        with suppress(OSError, RaydeckError):
            self.files.write_record(self._record())


def tell(event: Event) -> None:
    """Tell the starter, if it still listens."""
    with suppress(OSError):
        os.write(1, msgspec.json.encode(event) + b"\n")


def read_plan(words: int) -> Plan | None:
    """Return the plan that comes as the first line, None when the starter is gone before the line is complete."""
    line = b""
    while not line.endswith(b"\n"):
        byte = os.read(words, 1)
        if not byte:
            return None
        line += byte
    return msgspec.json.decode(line, type=Plan)


def wake_on_signals() -> socket.socket:
    """Return a socket that becomes readable, with the signal's number, when this process is asked to end."""
    wake, wakened = socket.socketpair()
    wake.setblocking(False)
    wakened.setblocking(False)
    # A handler, not SIG_IGN: what is ignored stays ignored in every process that is started from here.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(number, lambda *_: None)
    signal.set_wakeup_fd(wakened.detach(), warn_on_full_buffer=False)
    return wake


def main() -> None:
    """Run a guard; the starter gives it a session of its own."""
    wake = wake_on_signals()
    plan = read_plan(0)
    if plan is None:
        return
    os.chdir(Path("/"))
    processes.adopt_orphans()
    Guard(plan, 0, wake).run()
