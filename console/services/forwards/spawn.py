"""Processes that end with this one, however it ends, and have no terminal on which they could ask anybody."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from console.clients.ending import send

_GUARD = str(Path(__file__).with_name("guard.py"))
_GRACE_S = 2.0


async def spawn_guarded(
    command: Sequence[str],
    environ: Mapping[str, str],
    *,
    stdout: int = asyncio.subprocess.DEVNULL,
    stderr: int = asyncio.subprocess.DEVNULL,
) -> asyncio.subprocess.Process:
    """Start a command that ends with this process. To be called on the main thread: the kernel ends it with its thread.

    On Linux its pid is the command's own.
    """
    # -I -S: nothing of this machine's Python settings matters, and it starts in a blink.
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-S", _GUARD, str(os.getpid()), *command),
        # The pipe is never written to: its end tells a guard that has to watch for it.
        stdin=asyncio.subprocess.DEVNULL if sys.platform == "linux" else asyncio.subprocess.PIPE,
        stdout=stdout,
        stderr=stderr,
        env=environ,
        start_new_session=True,  # Ctrl-C in our terminal is ours to handle
    )


async def end_process(process: asyncio.subprocess.Process) -> None:
    """End a process that may have ended already, by force if it does not want to."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.returncode is not None:
            return
        send(process, number)
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), _GRACE_S)
