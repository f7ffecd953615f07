"""Following several logs at once, merged by time: what comes within half a second is put in order."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing

from msgspec import Struct

from console.model.job import Job
from console.services.attend import OutputKept, OutputMissed, attend
from console.services.core import Core
from console.services.follow import FollowEnded, JobSeen, LinkBack, LinkLost, LogData
from console.services.merged_lines import LineMerger, MergedLine

_FLUSH_S = 0.5

Happened = JobSeen | LinkLost | LinkBack | FollowEnded | OutputKept | OutputMissed


class MergedEvent(Struct, frozen=True):
    """What happened to job ``number`` or the way to it."""

    number: int
    event: Happened


async def merged(
    core: Core, jobs: Sequence[Job], lines: int, clock: Callable[[], float] = time.time
) -> AsyncGenerator[MergedLine | MergedEvent, None]:
    """Follow several jobs to the last one's end. Whoever stops before closes it (``aclosing``)."""
    merger = LineMerger(len(jobs))
    queue: asyncio.Queue[MergedEvent] = asyncio.Queue()
    done = 0

    async def read(number: int, job: Job) -> None:
        async with aclosing(attend(core, job, lines)) as events:
            async for event in events:
                if isinstance(event, LogData):
                    merger.feed(number, event.data, clock())
                else:
                    await queue.put(MergedEvent(number, event))

    async with asyncio.TaskGroup() as group:
        readers = [group.create_task(read(number, job)) for number, job in enumerate(jobs)]
        try:
            while done < len(jobs):
                await asyncio.sleep(_FLUSH_S)
                happened = [queue.get_nowait() for _ in range(queue.qsize())]
                ended = [each for each in happened if isinstance(each.event, FollowEnded)]
                for each in ended:
                    merger.finish(each.number, clock())
                done += len(ended)
                for line in merger.flush():
                    yield line
                for each in happened:
                    yield each
        finally:
            for reader in readers:
                reader.cancel()
