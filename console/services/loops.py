"""Endless tasks by name, each with a rest that can be ended early: one a path, one a VM."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable


class Loops:
    """The tasks that run. ``sleep`` is a parameter, so that a test decides what time it is."""

    def __init__(self, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self._sleep = sleep
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._wake: dict[str, asyncio.Event] = {}

    def start(self, key: str, round_: Callable[[], Awaitable[float]]) -> None:
        """Run ``round_`` again and again unless it does already; it returns how long to rest, in seconds."""
        if key not in self._tasks:
            wake = self._wake[key] = asyncio.Event()
            self._tasks[key] = asyncio.ensure_future(self._run(round_, wake))

    def wake(self, key: str) -> None:
        """End a rest; what does not run is not woken."""
        if key in self._wake:
            self._wake[key].set()

    def end(self, key: str) -> None:
        """End a task; one that does not run has ended."""
        if (task := self._tasks.pop(key, None)) is not None:
            task.cancel()
        self._wake.pop(key, None)

    def end_all(self) -> tuple[asyncio.Task[None], ...]:
        """End every task; return them for who wants to wait until they have."""
        tasks = tuple(self._tasks.values())
        for key in list(self._tasks):
            self.end(key)
        return tasks

    async def _run(self, round_: Callable[[], Awaitable[float]], wake: asyncio.Event) -> None:
        while True:
            wake.clear()
            await self._rest(await round_(), wake)

    async def _rest(self, rest_s: float, wake: asyncio.Event) -> None:
        waking = asyncio.ensure_future(wake.wait())
        sleeping = asyncio.ensure_future(self._sleep(rest_s))
        try:
            await asyncio.wait({waking, sleeping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waking.cancel()
            sleeping.cancel()
