"""Packages on a head: whether one is there, and sending one with progress.

Over the dashboard's own HTTP API (``/api/packages/gcs/NAME``, read in Ray 2.49.2 and 2.60), which Ray's client uses,
too. Asking for a package keeps the head from throwing it away for the next ten minutes.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

from console.clients.http import Reply, explained, status_error

if TYPE_CHECKING:
    import httpx

_CHUNK_BYTES = 256 * 1024
_SHORT_S = 10.0
Progress = Callable[[int], None]


class PackageStore:
    """The packages of one head. ``where`` names its cluster; errors are SourceErrors."""

    def __init__(self, http: httpx.AsyncClient, where: str) -> None:
        self._http = http
        self._where = where

    async def has(self, address: str) -> bool:
        """Return whether the package with this ``gcs://`` address is there."""
        with explained(self._where, _SHORT_S):
            async with asyncio.timeout(_SHORT_S):
                response = await self._http.get(_path(address))
        if response.status_code == HTTPStatus.NOT_FOUND:
            return False
        self._check(response)
        return True

    async def send(self, address: str, file: Path, size_bytes: int, progress: Progress, timeout_s: float) -> None:
        """Send a package; ``progress`` is told the bytes sent so far. Sending it twice does no harm."""
        headers = {"Content-Length": str(size_bytes), "Content-Type": "application/octet-stream"}
        with explained(self._where, timeout_s):
            async with asyncio.timeout(timeout_s):
                content = _pieces(file, progress)
                response = await self._http.put(_path(address), content=content, headers=headers)
        self._check(response)

    def _check(self, response: httpx.Response) -> None:
        if response.status_code != HTTPStatus.OK:
            raise status_error(self._where, Reply(response.status_code, response.content[:4096], "", 0.0))


def _path(address: str) -> str:
    protocol, _, name = address.partition("://")
    return f"/api/packages/{protocol}/{name}"


async def _pieces(path: Path, progress: Progress) -> AsyncIterator[bytes]:
    sent = 0
    with await asyncio.to_thread(path.open, "rb") as file:
        while piece := await asyncio.to_thread(file.read, _CHUNK_BYTES):
            yield piece
            sent += len(piece)
            progress(sent)
