"""Bringing a working dir to a head: looked at, its size told first, sent unless it is there already."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import TypeVar

from console.clients.packages import PackageStore
from console.errors import ReplyError, SlowError, SourceError, UnreachableError, UsageError
from console.model.shipped import Shipped
from console.services.packaging import Package, look_at

_ATTEMPTS = 3

Read = TypeVar("Read")
TellShipped = Callable[[Shipped], None]


def tell_nobody(shipped: Shipped) -> None:
    """Tell nobody how far it is."""
    del shipped


async def ship(store: PackageStore, folder: Path, tell: TellShipped, timeout_s: float) -> str:
    """Bring a folder to the head and return its ``gcs://`` address. Raise UsageError, or SourceError when cut off."""
    package = await _read(folder, lambda: look_at(folder))
    count = await _read(folder, lambda: package.file_count)
    tell(Shipped(package.size_bytes, count))
    address = await _read(folder, package.address)
    for left in reversed(range(_ATTEMPTS)):
        try:
            if not await store.has(address):
                await _send(store, package, address, tell, count, timeout_s)
            break
        except SourceError as error:  # a package that is sent twice is there once
            if not left or not _may_pass(error):
                raise
    return address


def _may_pass(error: SourceError) -> bool:
    """Return whether the next attempt may do better: a connection that was lost, or an answer of a gateway's own."""
    if isinstance(error, ReplyError):
        return error.http_status >= HTTPStatus.INTERNAL_SERVER_ERROR
    return isinstance(error, UnreachableError | SlowError)


async def _read(folder: Path, work: Callable[[], Read]) -> Read:
    """Run what reads a folder beside the event loop; raise UsageError where it cannot be read to its end."""
    try:
        return await asyncio.to_thread(work)
    except OSError as error:
        raise UsageError(str(error.filename or folder), f"cannot be packed: {error.strerror or error}") from error


async def _send(
    store: PackageStore, package: Package, address: str, tell: TellShipped, count: int, timeout_s: float
) -> None:
    with tempfile.TemporaryDirectory(prefix="raydeck-") as folder:
        archive = Path(folder, "package.zip")
        total = await _read(package.folder, lambda: package.write(archive))

        def progress(sent_bytes: int) -> None:
            tell(Shipped(total, count, sent_bytes))

        await store.send(address, archive, total, progress, timeout_s)
