"""Following several logs at once, merged by time: what comes within half a second is put in order."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing

from msgspec import Struct

from console.errors import RaydeckError
from console.model.job import Job
from console.services.attend import OutputKept, OutputMissed, attend
from console.services.core import Core
from console.services.earlier_lines import EarlierLines
from console.services.earlier_merged import EarlierMerged
from console.services.follow import FollowEnded, JobSeen, LinkBack, LinkLost, LogData, LogEvent
from console.services.kept_logs import KeptLog, behind
from console.services.merged_lines import LineMerger, MergedLine

_FLUSH_S = 0.5
_FIRST_S = 5.0
_BATCH_LINES = 500


class CopyGiven(Struct, frozen=True):
    """Nothing can be had of the log: the lines are those of its kept copy."""

    about: KeptLog


Happened = JobSeen | LinkLost | LinkBack | FollowEnded | OutputKept | OutputMissed | CopyGiven
Attended = LogEvent | OutputKept | OutputMissed


class MergedEvent(Struct, frozen=True):
    """What happened to job ``number`` or the way to it."""

    number: int
    event: Happened


def earlier_lines_of(core: Core, jobs: Sequence[Job], lines: int) -> EarlierMerged:
    """Return what reads these logs backwards, when ``merged`` began with so many lines of each."""
    known = {spec.name for spec in core.fleet.specs}
    logs = [EarlierLines(core.fleet.dashboard(job.cluster)) if job.cluster in known else None for job in jobs]
    return EarlierMerged(logs, lines)


async def merged(
    core: Core,
    jobs: Sequence[Job],
    lines: int,
    earlier: EarlierMerged | None = None,
    clock: Callable[[], float] = time.time,
) -> AsyncGenerator[list[MergedLine] | MergedEvent, None]:
    """Follow several jobs to the last one's end; lines come some hundred at a time.

    Nothing is given before every log has been heard of, or some seconds have passed: what the slowest brings first may
    be the oldest of all. With ``earlier`` it starts where all logs are known. Whoever stops before the end closes it
    (``aclosing``).
    """
    logs = _Logs(core, jobs, earlier, clock)
    waits_until = asyncio.get_running_loop().time() + _FIRST_S
    async with asyncio.TaskGroup() as group:
        readers = [group.create_task(logs.read(number, lines)) for number in range(len(jobs))]
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

    def __init__(
        self, core: Core, jobs: Sequence[Job], earlier: EarlierMerged | None, clock: Callable[[], float]
    ) -> None:
        self.running = len(jobs)
        self.unheard = set(range(len(jobs)))
        self._core = core
        self._jobs = jobs
        self._earlier = earlier
        self._clock = clock
        self._merger = LineMerger(len(jobs))
        self._happened: list[MergedEvent] = []
        self._read = set[int]()
        self._copies: dict[int, bytes] = {}

    async def read(self, number: int, lines: int) -> None:
        """Take what comes of one log; what cannot be followed ends, and the others go on."""
        try:
            async with aclosing(attend(self._core, self._jobs[number], lines)) as events:
                async for event in events:
                    await self._take_event(number, event)
        except RaydeckError as error:
            await self._take_event(number, FollowEnded(None, error.what))

    async def _take_event(self, number: int, event: Attended) -> None:
        """Take what came; a log is heard of when it has brought something, or cannot now."""
        if isinstance(event, LogData):
            self._feed(number, event.data)
            await asyncio.sleep(0)
        else:
            if isinstance(event, LinkLost | FollowEnded) and number not in self._read:
                await self._give_copy(number)
            if isinstance(event, LinkBack) and not event.complete and self._earlier is not None:
                self._earlier.stop(number)
            self._happened.append(MergedEvent(number, event))
        if not (isinstance(event, JobSeen) and event.job.driver_node_id):
            self.unheard.discard(number)

    def _feed(self, number: int, content: bytes) -> None:
        self._read.add(number)
        if number in self._copies:
            content = behind(self._copies.pop(number), content)
        elif self._earlier is not None:
            self._earlier.saw(number, content)
        self._merger.feed(number, content, self._clock())

    async def _give_copy(self, number: int) -> None:
        """Give what was kept of a log, once; what comes of the log itself later goes on behind it."""
        job = self._jobs[number]
        kept = None if number in self._copies else await asyncio.to_thread(self._core.logs.find, job.id)
        if kept is None or kept[0].job.cluster != job.cluster:
            return
        about, self._copies[number] = kept
        if self._earlier is not None:
            self._earlier.stop(number)
        self._merger.feed(number, self._copies[number], self._clock())
        self._happened.append(MergedEvent(number, CopyGiven(about)))

    def take(self) -> tuple[list[MergedLine], list[MergedEvent]]:
        """Return the lines that wait, in order, and what happened meanwhile."""
        happened, self._happened = self._happened, []
        for each in happened:
            if isinstance(each.event, FollowEnded):
                self._merger.finish(each.number, self._clock())
                self.running -= 1
        waiting = self._merger.flush()
        return waiting if self._earlier is None else self._earlier.hold(waiting), happened
