"""A guard seen from its starter: how it is started, what it says, how it is let go or called off."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import msgspec

import console
from console.services.embedded.record import Event, Plan

_BOOT = "import sys; sys.path.insert(0, sys.argv[1]); from console.services.embedded.guard import main; main()"


class SpawnedGuard:
    """A guard that this process started.

    A plain Popen on purpose: asyncio's subprocess transport kills its child when its event loop is closed, and a
    guard must outlive the loop, or even this process.
    """

    def __init__(self, plan: Plan, environ: Mapping[str, str]) -> None:
        self.plan = plan
        # -P and an explicit folder: neither the current folder nor PYTHONPATH decides what the guard imports.
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", _BOOT, str(Path(console.__file__).parents[1])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environ,
            start_new_session=True,
        )
        assert self._process.stdin and self._process.stdout  # noqa: S101, PT018 -- both were asked for
        self._words, self._events = self._process.stdin, self._process.stdout
        os.set_blocking(self._events.fileno(), False)
        self._heard = b""
        self._last_words = ""
        self.said: list[Event] = []
        self._say(msgspec.json.encode(plan) + b"\n")

    def listen(self) -> None:
        """Append what the guard told since the last call to ``said``, without waiting; its end is a ``failed``."""
        ended = self.ended()
        self._heard += self._events.read() or b""
        whole, newline, self._heard = self._heard.rpartition(b"\n")
        for line in (whole + newline).splitlines():
            if line.startswith(b'{"event"'):
                self.said.append(msgspec.json.decode(line, type=Event))
            else:
                self._last_words = line.decode(errors="replace").strip() or self._last_words
        if ended:
            self.said.append(Event("failed", self._why()))

    def keep(self) -> None:
        """Hand the cluster over: from now on it outlives this process."""
        self._say(b"keep\n")
        self.let_go()

    def let_go(self) -> None:
        """Close the line; a guard that was not told to keep takes everything down."""
        with suppress(BrokenPipeError):
            self._words.close()

    def ended(self) -> bool:
        """Return whether the guard has ended, and so has cleared everything away."""
        return self._process.poll() is not None

    def _say(self, words: bytes) -> None:
        # A broken pipe is the guard's end, and listen() tells why.
        with suppress(BrokenPipeError):
            self._words.write(words)
            self._words.flush()

    def _why(self) -> str:
        status = self._process.returncode
        told = self._last_words if status else "it was taken down from outside"
        return f"its guard ended with {status}: {told}"
