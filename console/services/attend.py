"""Following a job and keeping its output the moment it can be had, so that a result never vanishes with its job."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from msgspec import Struct

from console.errors import RaydeckError
from console.model.job import Job
from console.model.kept import KeptOutput
from console.services.core import Core
from console.services.follow import FollowEnded, JobSeen, LogData, LogEvent, follow
from console.services.job_outputs import output_of, ready_watch
from console.services.kept_logs import LogCopy


class OutputKept(Struct, frozen=True):
    """The output was fetched and is on disk."""

    kept: KeptOutput


class OutputMissed(Struct, frozen=True):
    """The job succeeded, but its output could not be had; ``why`` is a sentence."""

    why: str


async def attend(core: Core, job: Job, lines: int) -> AsyncGenerator[LogEvent | OutputKept | OutputMissed, None]:
    """Yield what ``follow`` yields, and what became of the output, right after the event that made it possible.

    What was read of the log is kept now and then, and when it ends or is left.
    Whoever stops before the end closes it (``aclosing``), which closes what was being read.
    """
    copy = LogCopy(core.logs, job)
    keeping = asyncio.create_task(copy.keep_now_and_then())
    try:
        async with aclosing(_attend(core, job, lines, copy)) as events:
            async for event in events:
                yield event
    finally:
        keeping.cancel()
        await asyncio.to_thread(copy.keep)


async def _attend(
    core: Core, job: Job, lines: int, copy: LogCopy
) -> AsyncGenerator[LogEvent | OutputKept | OutputMissed, None]:
    ready = await asyncio.to_thread(ready_watch, core, job)
    kept = ready is None
    dashboard = core.fleet.dashboard(job.cluster)
    async with aclosing(follow(dashboard, job.id, lines=lines, clock=core.clock)) as events:
        async for event in events:
            job = _noted(copy, event, job)
            said_ready = ready is not None and isinstance(event, LogData) and ready.saw(event.data)
            ended = isinstance(event, FollowEnded)
            if not ended:
                yield event
            if not kept and (said_ready or ended):
                outcome = await _outcome(core, job, last_chance=ended)
                kept = isinstance(outcome, OutputKept)
                if outcome is not None:
                    yield outcome
            if ended:
                await asyncio.to_thread(copy.keep)
                await asyncio.to_thread(core.shelf.note_end, job)
                yield event


def _noted(copy: LogCopy, event: LogEvent, job: Job) -> Job:
    """Let the copy have what an event brings; return the job as it stands after it."""
    match event:
        case LogData(data):
            copy.add(data)
        case JobSeen(seen):
            copy.saw(job := seen)
        case FollowEnded(last, _) if last is not None:
            copy.saw(job := last)
    return job


async def _outcome(core: Core, job: Job, *, last_chance: bool) -> OutputKept | OutputMissed | None:
    """Try to keep the output; only the last failure of a job that succeeded is worth a word."""
    try:
        return OutputKept(await output_of(core, job))
    except RaydeckError as error:
        return OutputMissed(str(error)) if last_chance and job.status == "SUCCEEDED" else None
