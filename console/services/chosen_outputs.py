"""Outputs that were chosen to be looked at, read beside the event loop: a document can be tens of megabytes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from msgspec import Struct

from console.model.kept import KeptOutput
from console.model.output import JobOutput
from console.services.outputs import OutputShelf


class Chosen(Struct, frozen=True):
    """A kept output with what it holds."""

    kept: KeptOutput
    output: JobOutput


async def read_chosen(shelf: OutputShelf, kept: Sequence[KeptOutput]) -> tuple[Chosen, ...]:
    """Read these outputs; raise NotFoundError for the first that is gone or is not what was kept."""
    return await asyncio.to_thread(lambda: tuple(Chosen(each, shelf.parsed(each)) for each in kept))
