"""Attending a job from a command: its log printed, its output kept, and what its end means."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import aclosing

from msgspec import Struct

from console.cli.session import Session, say, tell, write_bytes
from console.errors import JobFailedError, NotFoundError, RaydeckError
from console.model.job import Job
from console.model.shipped import Shipped
from console.render.glyphs import Glyphs
from console.render.log_text import LogText
from console.render.shipped import shipped_words
from console.services.attend import OutputKept, OutputMissed, attend
from console.services.core import Core
from console.services.follow import FollowEnded, JobSeen, LinkBack, LinkLost, LogData
from console.services.merged_logs import CopyGiven

_LINES = 1000


class Outcome(Struct, frozen=True):
    """A submission as far as was waited for it: the job, where its output is kept, and what makes the exit status 1."""

    job: Job
    output: str | None
    failure: RaydeckError | None = None


async def follow_to_end(core: Core, job: Job, lines: int, session: Session) -> Job:
    """Print a job's log as it comes, keep its output; raise JobFailedError when it did not succeed."""
    job, why = await print_log(core, job, lines, session)
    if (failure := failure_of(job, why)) is not None:
        raise failure
    say(why)
    return job


async def print_log(core: Core, job: Job, lines: int, session: Session) -> tuple[Job, str]:
    """Print a job's log as it comes and keep its output; return the job as it ended, and why it did."""
    text = LogText(session.glyphs, to_terminal=sys.stdout.isatty())
    why, was_read = "", False
    async with aclosing(attend(core, job, lines)) as events:
        async for event in events:
            match event:
                case LogData(data):
                    was_read = True
                    write_bytes(text.of(data))
                case JobSeen(seen):
                    job = seen
                    tell(f"{job.id} on {job.cluster}: {job.status}")
                case FollowEnded(last, why):
                    job = last or job
                    write_bytes((b"" if was_read else text.of(_copy_of(core, job))) + text.rest())
                case _:
                    say(f"raydeck: {job.cluster}: {words_for(event)}")
    return job, why


def _copy_of(core: Core, job: Job) -> bytes:
    """Return the kept copy of a log that could not be read, nothing without one."""
    if content := core.logs.content_of(job):
        say(f"raydeck: {job.cluster}: this is the kept copy of {job.id}")
    return content


def failure_of(job: Job, why: str) -> JobFailedError | None:
    """Return the error of a job that ended, for this reason, without success."""
    if job.status == "SUCCEEDED":
        return None
    return JobFailedError(job.cluster, f"{job.id}: {why}", f"raydeck logs {job.id} --why")


def words_for(event: LinkLost | LinkBack | OutputKept | OutputMissed | CopyGiven) -> str:
    """Return what happened beside the log, in words."""
    match event:
        case CopyGiven(about):
            return f"this is the kept copy of {about.job.id}"
        case LinkLost(_, reason):
            return f"link lost: {reason}"
        case LinkBack(_, after_s, complete):
            return f"link back after {after_s:.1f} s, {'nothing' if complete else 'lines may be'} missing"
        case OutputKept(kept):
            return f"output of {kept.submission_id} kept, from {kept.source}"
        case OutputMissed(why):
            return why


async def followed(core: Core, job: Job, session: Session) -> Outcome:
    """Print a job's log to its end."""
    job, why = await print_log(core, job, _LINES, session)
    failure = failure_of(job, why)
    if failure is None:
        say(why)
    return Outcome(job, kept_path(core, job), failure)


async def waited(core: Core, job: Job, *, until_output: bool, tell_job: Callable[[Job], None]) -> Outcome:
    """Wait until the output is kept, or for the job's end; an output that was waited for and missed is a failure."""
    missed: RaydeckError | None = None
    why = ""
    async with aclosing(attend(core, job, _LINES)) as events:
        async for event in events:
            match event:
                case JobSeen(job):
                    tell_job(job)
                case FollowEnded(last, why):
                    job = last or job
                case OutputKept() if until_output:
                    job = await core.fleet.dashboard(job.cluster).job(job.id)
                    return Outcome(job, kept_path(core, job))
                case OutputMissed(said) if until_output:
                    missed = NotFoundError(job.cluster, said)
                case LinkLost() | LinkBack() | OutputKept() | OutputMissed():
                    say(f"raydeck: {job.cluster}: {words_for(event)}")
    return Outcome(job, kept_path(core, job), failure_of(job, why) or missed)


def kept_path(core: Core, job: Job) -> str | None:
    """Return where the job's output is kept."""
    kept = core.shelf.find(job.id)
    return None if kept is None else str(core.shelf.path(kept))


def tell_status(job: Job) -> None:
    """Tell a person how a job stands."""
    tell(f"{job.id} on {job.cluster}: {job.status}")


def tell_shipped(glyphs: Glyphs) -> Callable[[Shipped], None]:
    """Return what tells a person how far the working dir is: its size first, then tenths of it."""
    told: set[str] = set()

    def told_once(shipped: Shipped) -> None:
        if (words := shipped_words(shipped, glyphs)) not in told:
            told.add(words)
            tell(words)

    return told_once
