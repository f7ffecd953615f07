"""Following a job and keeping its output the moment it can be had, so that a result never vanishes with its job."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from msgspec import Struct

from console.errors import RaydeckError
from console.model.job import Job
from console.model.kept import KeptOutput
from console.services.core import Core
from console.services.follow import FollowEnded, JobSeen, LogData, LogEvent, follow
from console.services.kept_logs import LogCopy


class OutputKept(Struct, frozen=True):
    """The output was fetched and is on disk."""

    kept: KeptOutput


class OutputMissed(Struct, frozen=True):
    """The job succeeded, but its output could not be had; ``why`` is a sentence."""

    why: str


async def attend(core: Core, job: Job, lines: int) -> AsyncGenerator[LogEvent | OutputKept | OutputMissed, None]:
    """Yield what ``follow`` yields, and what became of the output, right after the event that made it possible.

    What was read of the log is kept when it ends or is left.
    Whoever stops before the end closes it (``aclosing``), which closes what was being read.
    """
    copy = LogCopy()
    try:
        async with aclosing(_attend(core, job, lines, copy)) as events:
            async for event in events:
                if isinstance(event, JobSeen):
                    job = event.job
                elif isinstance(event, FollowEnded):
                    job = event.job or job
                    core.logs.keep(job, copy.content())
                yield event
    finally:
        core.logs.keep(job, copy.content())


async def _attend(
    core: Core, job: Job, lines: int, copy: LogCopy
) -> AsyncGenerator[LogEvent | OutputKept | OutputMissed, None]:
    ready = core.ready_watch(job)
    kept = ready is None
    dashboard = core.fleet.dashboard(job.cluster)
    async with aclosing(follow(dashboard, job.id, lines=lines, clock=core.clock)) as events:
        async for event in events:
            if isinstance(event, JobSeen):
                job = event.job
            elif isinstance(event, FollowEnded):
                job = event.job or job
            elif isinstance(event, LogData):
                copy.add(event.data)
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
                yield event


async def _outcome(core: Core, job: Job, *, last_chance: bool) -> OutputKept | OutputMissed | None:
    """Try to keep the output; only the last failure of a job that succeeded is worth a word."""
    try:
        return OutputKept(await core.output_of(job))
    except RaydeckError as error:
        return OutputMissed(str(error)) if last_chance and job.status == "SUCCEEDED" else None
