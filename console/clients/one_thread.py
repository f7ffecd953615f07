"""One background thread for a library that blocks: calls one after the other, each awaited with a deadline.

A daemon thread, so that a server that accepts and never answers cannot keep the console from ending.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, TypeVar

from console.errors import SlowError

Result = TypeVar("Result")
_Call = tuple[Callable[[], Any], asyncio.AbstractEventLoop, asyncio.Future[Any]]


class OneThread:
    """Runs blocking calls in a thread of its own, which starts with the first call."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._calls: SimpleQueue[_Call | None] = SimpleQueue()
        self._thread: threading.Thread | None = None

    async def call(self, work: Callable[[], Result], timeout_s: float) -> Result:
        """Return what ``work`` returns, or raise what it raises; SlowError when it is not done in time.

        What is given up while it waits its turn is never begun; what has begun goes on, and holds up what comes next.
        """
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)
            self._thread.start()
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()
        self._calls.put((work, loop, future))
        try:
            async with asyncio.timeout(timeout_s):
                return await future
        except TimeoutError:
            raise SlowError(self.name, f"no answer within {timeout_s:g} s") from None

    def close(self) -> None:
        """End the thread after the call that it is in; nobody waits for that."""
        self._calls.put(None)

    def _run(self) -> None:
        while (item := self._calls.get()) is not None:
            work, loop, future = item
            if future.cancelled():
                continue
            try:
                result, error = work(), None
            except Exception as caught:
                result, error = None, caught
            with suppress(RuntimeError):  # the loop that asked has ended
                loop.call_soon_threadsafe(_settle, future, result, error)


def _settle(future: asyncio.Future[Any], result: object, error: Exception | None) -> None:
    if future.done():
        return
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(result)
