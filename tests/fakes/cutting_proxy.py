"""A TCP proxy that breaks what it carries at seeded places: resets, clean closes, stalls and truncated ends.

``cuts`` times it ends a connection after so many bytes from the server, about ``mean_bytes`` apart; then, or after
`mend`, it only carries. ``cut_all`` and ``down`` are for tests that choose the moment themselves.
"""

import asyncio
import random
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from types import TracebackType
from typing import Literal, Self

Cut = Literal["reset", "close", "stall", "truncate"]
CUTS: tuple[Cut, ...] = ("reset", "close", "stall", "truncate")


class CuttingProxy:
    """``async with CuttingProxy(host, port) as proxy``: listens at ``proxy.url``."""

    def __init__(
        self,
        host: str,
        port: int,
        *,
        seed: int = 0,
        cuts: int = 0,
        mean_bytes: int = 10_000,
        kinds: tuple[Cut, ...] = CUTS,
    ) -> None:
        self.cuts_made = 0
        self.kinds_made: dict[Cut, int] = dict.fromkeys(kinds, 0)
        self.down = False
        self.carried_bytes = 0
        self.connections = 0
        self.refused = 0
        self._target = (host, port)
        self._random = random.Random(seed)
        self._cuts_left = cuts
        self._mean_bytes = mean_bytes
        self._kinds = kinds
        self._bytes_to_cut = self._distance()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        await self.cut_all()

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def mend(self) -> None:
        """From now on nothing breaks."""
        self._cuts_left = 0
        self.down = False

    async def cut_all(self) -> None:
        """End every connection now."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _distance(self) -> int:
        return 1 + int(self._random.expovariate(1 / self._mean_bytes))

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._carry(reader, writer))
        self._tasks.add(task)
        self.connections += 1
        task.add_done_callback(self._forget)

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self.connections -= 1

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with _closed_at_the_end(writer):
            if self.down:
                self.refused += 1
                return
            far_reader, far_writer = await asyncio.open_connection(*self._target)
            async with _closed_at_the_end(far_writer):
                upward = asyncio.create_task(_copy(reader, far_writer))
                downward = asyncio.create_task(self._copy_down(far_reader, writer))
                try:
                    await asyncio.wait({upward, downward}, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    upward.cancel()
                    downward.cancel()
                    await asyncio.gather(upward, downward, return_exceptions=True)

    async def _copy_down(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(65536):
            if self._cuts_left and len(chunk) >= self._bytes_to_cut:
                writer.write(chunk[: self._bytes_to_cut])
                self.carried_bytes += self._bytes_to_cut
                await self._cut(writer)
                return
            self._bytes_to_cut -= len(chunk)
            self.carried_bytes += len(chunk)
            writer.write(chunk)
            with suppress(ConnectionError):
                await writer.drain()

    async def _cut(self, writer: asyncio.StreamWriter) -> None:
        self._cuts_left -= 1
        self.cuts_made += 1
        self._bytes_to_cut = self._distance()
        kind = self._random.choice(self._kinds)
        self.kinds_made[kind] += 1
        if kind == "reset":
            # A linger time of 0 makes the close a reset; what is still unsent is thrown away.
            linger = struct.pack("ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            writer.transport.abort()
        elif kind == "truncate":
            writer.write_eof()
        if kind in {"stall", "truncate"}:
            await asyncio.sleep(3600)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(65536):
        writer.write(chunk)
        with suppress(ConnectionError):
            await writer.drain()


@asynccontextmanager
async def _closed_at_the_end(writer: asyncio.StreamWriter) -> AsyncIterator[None]:
    try:
        yield
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
    finally:
        # Who does not read must not hold up who was cancelled.
        writer.transport.abort()
