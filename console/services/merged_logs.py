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
from console.services.follow import FollowEnded, JobSeen, LinkBack, LinkLost, LogData, LogEvent
from console.services.merged_lines import LineMerger, MergedLine

_FLUSH_S = 0.5
_FIRST_S = 5.0
_BATCH_LINES = 500

Happened = JobSeen | LinkLost | LinkBack | FollowEnded | OutputKept | OutputMissed


class MergedEvent(Struct, frozen=True):
    """What happened to job ``number`` or the way to it."""

    number: int
    event: Happened


async def merged(
    core: Core, jobs: Sequence[Job], lines: int, clock: Callable[[], float] = time.time
) -> AsyncGenerator[list[MergedLine] | MergedEvent, None]:
    """Follow several jobs to the last one's end; lines come some hundred at a time.

    Nothing is given before every log has been heard of, or some seconds have passed: what the slowest brings first may
    be the oldest of all. Whoever stops before the end closes it (``aclosing``).
    """
    logs = _Logs(len(jobs), clock)
    waits_until = asyncio.get_running_loop().time() + _FIRST_S
    async with asyncio.TaskGroup() as group:
        readers = [group.create_task(logs.read(number, attend(core, job, lines))) for number, job in enumerate(jobs)]
        try:
            while logs.running:
                await asyncio.sleep(_FLUSH_S)
                if logs.unheard and asyncio.get_running_loop().time() < waits_until:
                    continue
                waiting, happened = logs.take()
                for start in range(0, len(waiting), _BATCH_LINES):
                    yield waiting[start : start + _BATCH_LINES]
                    await asyncio.sleep(0)
                for each in happened:
                    yield each
        finally:
            for reader in readers:
                reader.cancel()


class _Logs:
    """What came of the logs and was not given yet; ``running`` counts those whose end was not given."""

    def __init__(self, count: int, clock: Callable[[], float]) -> None:
        self.running = count
        self.unheard = set(range(count))
        self._clock = clock
        self._merger = LineMerger(count)
        self._happened: list[MergedEvent] = []

    async def read(self, number: int, following: AsyncGenerator[LogEvent | OutputKept | OutputMissed, None]) -> None:
        """Take what comes of one log; one is heard of when it has brought something, or cannot now."""
        async with aclosing(following) as events:
            async for event in events:
                if isinstance(event, LogData):
                    self._merger.feed(number, event.data, self._clock())
                    await asyncio.sleep(0)
                else:
                    self._happened.append(MergedEvent(number, event))
                if not (isinstance(event, JobSeen) and event.job.driver_node_id):
                    self.unheard.discard(number)

    def take(self) -> tuple[list[MergedLine], list[MergedEvent]]:
        """Return the lines that wait, in order, and what happened meanwhile."""
        happened, self._happened = self._happened, []
        for each in happened:
            if isinstance(each.event, FollowEnded):
                self._merger.finish(each.number, self._clock())
                self.running -= 1
        return self._merger.flush(), happened
