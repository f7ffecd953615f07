"""Runs a command that ends with the process that started it, however that ends. Run as a file of its own.

``python guard.py PARENT_PID COMMAND…``. On Linux the kernel ends it (PR_SET_PDEATHSIG, kept over exec), so nothing
stays between. Elsewhere this process stays, and watches a pipe on its standard input whose other end only the parent
has. It imports nothing of raydeck: it is on the way of each restart.
"""

import ctypes
import os
import select
import signal
import subprocess
import sys
from typing import NoReturn

_PR_SET_PDEATHSIG = 1
_LOOK_EVERY_S = 0.2


def run(parent_pid: int, command: list[str]) -> NoReturn:
    """Become the command, to be ended by the kernel when the parent is gone."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent_pid:  # it ended before the kernel was asked
        sys.exit(0)
    try:
        os.execvp(command[0], command)  # noqa: S606 -- an argument list, never through a shell
    except OSError as error:
        sys.exit(f"{command[0]}: {error.strerror}")


def watch(command: list[str]) -> NoReturn:
    """Run the command as a child, and end it when the pipe on standard input closes."""
    try:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    except OSError as error:
        sys.exit(f"{command[0]}: {error.strerror}")
    signal.signal(signal.SIGTERM, lambda *_: child.terminate())
    while child.poll() is None:
        readable, _, _ = select.select([0], [], [], _LOOK_EVERY_S)
        if readable and not os.read(0, 64):
            child.terminate()
            child.wait()
    sys.exit(child.returncode if child.returncode >= 0 else 128 - child.returncode)


if __name__ == "__main__":
    if sys.platform == "linux":
        run(int(sys.argv[1]), sys.argv[2:])
    watch(sys.argv[2:])
