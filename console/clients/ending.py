"""How a child process is ended, such that what it ended with by itself is not lost."""

from __future__ import annotations

import os
import signal
from asyncio.subprocess import Process
from contextlib import suppress


def send(process: Process, number: signal.Signals) -> None:
    """Send a signal to a child that may have ended already.

    Not by asyncio's own ``kill``: before Python 3.14 that reaps a child which has just ended, and asyncio then knows
    nothing of its exit status, says "Unknown child process" and makes it 255, as if ssh had failed.
    """
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.kill(process.pid, number)
