"""Bringing a working dir to a head: looked at, its size told first, sent unless it is there already."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from console.clients.packages import PackageStore
from console.errors import SlowError, UnreachableError, UsageError
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
        except (UnreachableError, SlowError):  # a package that is sent twice is there once
            if not left:
                raise
    return address


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
