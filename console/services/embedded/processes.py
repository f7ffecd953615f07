"""Which processes belong to an embedded cluster, and how they are ended: exactly those, by pid and start time.

On Linux a guard is a *subreaper*: whatever its cluster forks, however often and with whatever title, stays its
descendant. Where that fails (no Linux, or the guard was killed) there are three other proofs: the list in the record;
the marker in the environment; and for processes that retitled themselves, which overwrites the environment, a title
of Ray's together with an open file in the cluster's folder. A reader's pager or shell in that folder has no such title.
"""

from __future__ import annotations

import ctypes
import os
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress

import psutil

from console.services.embedded.record import MARKER, Mark, Record

_PR_SET_CHILD_SUBREAPER = 36
_CLOCK_SLACK_S = 2.0  # psutil derives start times from the boot time, which moves when the clock is set
_ROUNDS = 20
_POLL_S = 0.05
_RETITLED = ("ray::", "ray-dashboard-")


def adopt_orphans() -> None:
    """Make this process the parent of every descendant that loses its own; does nothing where there is no such call."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def mark(pid: int) -> Mark | None:
    """Return the mark of a living process, None when there is none."""
    with suppress(psutil.Error):
        return Mark(pid, psutil.Process(pid).create_time())
    return None


def find(known: Mark) -> psutil.Process | None:
    """Return the living process that ``known`` means, None when it ended or the pid is another's by now."""
    with suppress(psutil.Error):
        process = psutil.Process(known.pid)
        same = abs(process.create_time() - known.created) < _CLOCK_SLACK_S
        if same and process.status() != psutil.STATUS_ZOMBIE:
            return process
    return None


def family(record: Record) -> list[psutil.Process]:
    """Return the living processes of a cluster, neither its guard nor the caller among them."""
    roots = [process for known in record.processes if (process := find(known))]
    roots += [process for process in psutil.process_iter() if _belongs(process, record)]
    guard = find(record.guard)
    found = set(roots)
    for process in [guard, *roots] if guard else roots:
        with suppress(psutil.Error):
            found.update(process.children(recursive=True))
    return [process for process in found if process.pid not in {os.getpid(), record.guard.pid} and _lives(process)]


def end(members: Callable[[], list[psutil.Process]], *, grace_s: float = 2.0) -> list[psutil.Process]:
    """End all of ``members()``, asked again at every step, and return what is left (nothing, unless it is stuck).

    The raylet goes first: it ends its workers and agents in order. The GCS goes last: others report to it when asked
    to end, and one of them waits for its answer. What is still there after ``grace_s`` a step is made to end.
    """
    steps: tuple[Callable[[str], bool], ...] = (
        lambda name: name == "raylet",
        lambda name: name != "gcs_server",
        lambda _: True,
    )
    asked: set[psutil.Process] = set()
    for concerns in steps:
        now = [process for process in members() if process not in asked and concerns(_name(process))]
        _signal(now, psutil.Process.terminate)
        _await_end(now, grace_s)
        asked.update(now)
    for _ in range(_ROUNDS):
        rest = members()
        if not rest:
            break
        _signal(rest, psutil.Process.kill)
        _await_end(rest, 0.5)
    return rest


def listening_ports(members: Iterable[psutil.Process]) -> set[int]:
    """Return the TCP ports on which any of ``members`` listens."""
    found: set[int] = set()
    for process in members:
        with suppress(psutil.Error, OSError):
            sockets = process.net_connections("tcp")
            found.update(s.laddr.port for s in sockets if s.status == psutil.CONN_LISTEN)
    return found


def wait_for_end(known: Mark, timeout_s: float, sleep: Callable[[float], None] = time.sleep) -> bool:
    """Return whether the process ended within ``timeout_s`` seconds."""
    for _ in range(max(1, int(timeout_s / _POLL_S))):
        if find(known) is None:
            return True
        sleep(_POLL_S)
    return find(known) is None


def _belongs(process: psutil.Process, record: Record) -> bool:
    with suppress(psutil.Error, OSError):
        if process.environ().get(MARKER) == record.marker:
            return True
    with suppress(psutil.Error, OSError):
        title = process.cmdline()[:1]
        if title and title[0].startswith(_RETITLED):
            return any(file.path.startswith(f"{record.folder}/") for file in process.open_files())
    return False


def _lives(process: psutil.Process) -> bool:
    with suppress(psutil.Error):
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    return False


def _await_end(members: Iterable[psutil.Process], timeout_s: float) -> None:
    # Not psutil.wait_procs: an orphan that the guard adopts meanwhile stays a zombie, for which it waits in vain.
    deadline = time.monotonic() + timeout_s
    living = list(members)
    while living and time.monotonic() < deadline:
        time.sleep(_POLL_S)
        living = [process for process in living if _lives(process)]


def _name(process: psutil.Process) -> str:
    with suppress(psutil.Error):
        return str(process.name())
    return ""


def _signal(processes: Iterable[psutil.Process], send: Callable[[psutil.Process], None]) -> None:
    for process in processes:
        # psutil compares the start time once more before it sends.
        with suppress(psutil.Error):
            send(process)
