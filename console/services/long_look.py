"""Connections that are waited for longer than a walk may: whether nobody has the address at all.

A host that does not answer the network's own question for it (ARP) is told by the kernel after some 3 s, as errno 113;
a walk has given up by then and only knows that nothing came. So where nothing came, one connection is tried beside the
walks, and what it found explains the next.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import msgspec

from console.clients.wire import Exchanged, Limits, exchange_bytes
from console.model.failure import Failure
from console.services.walk import Step, Walked

LONG_S = 3.8
_LATE = frozenset({Failure.TIMED_OUT, Failure.TIMED_OUT_TOO})
Connect = Callable[[str, int], Awaitable[Exchanged]]


async def connect_patiently(address: str, port: int) -> Exchanged:
    """Connect, and take nothing but the news."""
    return await exchange_bytes(address, port, b"", lambda _: True, Limits(LONG_S, 0.0))


class LongLooks:
    """What longer looks at the addresses of one path found; at most one goes on at each."""

    def __init__(self, connect: Connect = connect_patiently) -> None:
        self._connect = connect
        self._found: dict[str, Failure | None] = {}
        self._looking: dict[str, asyncio.Task[None]] = {}

    def note(self, walked: Walked) -> None:
        """Look longer where a walk ended without an answer; an address that answered is no riddle any more."""
        failed = walked.failure
        if failed is None or failed.failure not in _LATE:
            for step in walked.steps:
                self._found.pop(step.words.get("address", ""), None)
            return
        address, port = failed.words.get("address", ""), failed.hop.rpartition(":")[2]
        running = self._looking.get(address)
        if address and port.isdecimal() and (running is None or running.done()):
            self._looking[address] = asyncio.create_task(self._look(address, int(port)))

    def explained(self, walked: Walked) -> Walked:
        """Return a walk whose end is named for what it is, where a longer look told."""
        failed = walked.failure
        if failed is None or failed.failure not in _LATE:
            return walked
        if self._found.get(failed.words.get("address", "")) is not Failure.NO_HOST:
            return walked
        told = msgspec.structs.replace(failed, failure=Failure.NO_HOST, detail="the host is unreachable")
        steps: tuple[Step, ...] = (*walked.steps[:-1], told)
        return msgspec.structs.replace(walked, steps=steps)

    async def settle(self) -> None:
        """Wait for what is being looked at."""
        await asyncio.gather(*self._looking.values(), return_exceptions=True)

    def close(self) -> None:
        """Look no more."""
        for task in self._looking.values():
            task.cancel()

    async def _look(self, address: str, port: int) -> None:
        self._found[address] = (await self._connect(address, port)).failure
