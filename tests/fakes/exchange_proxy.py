"""A TCP proxy that spoils one connection after so many bytes of a whole exchange, counted in both directions together.

It is reset or closed; or it stalls, open and silent; or a gateway answers with 502, 503 or 504, in the place of what
the server was about to say, or while the request is still on its way.
``boundaries`` are the counts after each piece that was carried, so that a first run tells where the messages end.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from contextlib import suppress
from types import TracebackType
from typing import Literal, Self

Kind = Literal["reset", "close", "stall", "502", "503", "504"]
KINDS: tuple[Kind, ...] = ("reset", "close", "502", "503", "504")


GATEWAY = (
    "HTTP/1.1 {} upstream\r\nContent-Type: text/plain\r\nContent-Length: 22\r\nConnection: close\r\n\r\n"
    "upstream request error"
)


class ExchangeProxy:
    """``cut_at`` None only carries. With ``dead_after`` nothing is carried any more once it has cut."""

    def __init__(self, url: str, cut_at: int | None = None, kind: Kind = "reset", *, dead_after: bool = False) -> None:
        host, _, port = url.removeprefix("http://").partition(":")
        self._target = (host, int(port))
        self._cut_at = cut_at
        self._kind = kind
        self._dead_after = dead_after
        self._tasks: set[asyncio.Task[None]] = set()
        self.carried_bytes = 0
        self.boundaries: list[int] = []
        self.has_cut = False
        self.url = ""

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._server.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        if self.has_cut and self._dead_after:
            writer.transport.abort()
            return
        far_reader, far_writer = await asyncio.open_connection(*self._target)
        ways = [
            asyncio.create_task(self._copy(reader, far_writer, writer)),
            asyncio.create_task(self._copy(far_reader, writer, writer)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            far_writer.transport.abort()
            self._end(writer)

    async def _copy(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, client: asyncio.StreamWriter
    ) -> None:
        while chunk := await reader.read(4096):
            left = None if self._cut_at is None or self.has_cut else self._cut_at - self.carried_bytes
            if left is not None and len(chunk) >= left:
                await self._cut(writer, chunk[:left], client)
                return
            self.carried_bytes += len(chunk)
            self.boundaries.append(self.carried_bytes)
            await _written(writer, chunk)

    async def _cut(self, writer: asyncio.StreamWriter, last: bytes, client: asyncio.StreamWriter) -> None:
        self.has_cut = True
        if self._kind.isdigit():
            if writer is not client:
                await _written(writer, last)
            await _written(client, GATEWAY.format(self._kind).encode())
            return
        await _written(writer, last)
        if self._kind == "stall":
            await asyncio.Event().wait()

    def _end(self, writer: asyncio.StreamWriter) -> None:
        if self._kind == "reset":
            linger = struct.pack("ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            writer.transport.abort()
        else:
            writer.close()


async def _written(writer: asyncio.StreamWriter, chunk: bytes) -> None:
    writer.write(chunk)
    with suppress(ConnectionError):
        await writer.drain()
