"""How long a broken tunnel rests before it is tried again: longer each time, and ended early when the network is back.

A session that held for a while starts the row anew. While nothing answers, the VM's ssh port is knocked at: a plain
connection, at most once a second, so that a tunnel is back soon after the network, however long it was away.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress

from console.clients.names import Names

LEAST_S, MOST_S = 1.0, 30.0
_LONGEST_WANTED_S = 20.0
MOST_UNKNOCKED_S = 4.0  # behind a jump host there is nothing to knock at
MOST_STALE_S = 4.0  # sshd gives a dead session up by itself, and somebody may end it at any time
HELD_S = 5.0
_KNOCK_TIMEOUT_S = 1.5
_KNOCK_EVERY_S = 0.5

Knock = Callable[[str, int], Awaitable[bool]]


class BackOff:
    """1 s, 2 s, 4 s … 20 s, each up to a half more, so that tunnels cut together do not come back together."""

    def __init__(self, jitter: Callable[[], float] = random.random) -> None:
        self._jitter = jitter
        self._failures = 0

    def next_rest_s(self, *, held_for_s: float | None, most_s: float = MOST_S) -> float:
        """Return how long to rest now, in seconds; ``held_for_s`` is how long the session had stood, None: never."""
        if has_held(held_for_s):
            self._failures = 0
        wanted_s = min(_LONGEST_WANTED_S, LEAST_S * 2.0 ** min(self._failures, 10))
        self._failures += 1
        return min(MOST_S, most_s, wanted_s * (1.0 + 0.5 * self._jitter()))


def has_held(open_for_s: float | None) -> bool:
    """Return whether a session stood long enough to be called one; None: it never opened."""
    return open_for_s is not None and open_for_s >= HELD_S


async def accepts(host: str, port: int, names: Names) -> bool:
    """Return whether something accepts a connection there; ``names`` resolves the host, which may take for ever."""
    found = await names.addresses(host, _KNOCK_TIMEOUT_S)
    for address in found if isinstance(found, tuple) else ():
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(_KNOCK_TIMEOUT_S):
                _, writer = await asyncio.open_connection(address, port)
            writer.close()
            return True
    return False


async def rest(
    rest_s: float,
    knock_at: tuple[str, int] | None,
    *,
    knock: Knock,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Rest for ``rest_s`` seconds, or until something accepts at ``knock_at``, but for a second at least."""
    if knock_at is None:
        await sleep(rest_s)
        return
    with suppress(TimeoutError):
        async with asyncio.timeout(rest_s):
            await sleep(LEAST_S)
            while not await knock(*knock_at):
                await sleep(_KNOCK_EVERY_S)
