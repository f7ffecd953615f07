"""Several logs printed as one."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Sequence
from contextlib import aclosing

from console.cli.attending import failure_of, words_for
from console.cli.session import Session, say, write_bytes
from console.errors import JobFailedError, NotFoundError, RaydeckError, SourceError
from console.model.job import Job
from console.render.log_text import LogText
from console.render.merged_text import tagged, tags
from console.services.core import Core
from console.services.follow import FollowEnded, JobSeen
from console.services.jobs import find_job
from console.services.merged_lines import LineMerger, MergedLine
from console.services.merged_logs import merged


async def follow_merged(core: Core, jobs: Sequence[Job], lines: int, session: Session) -> None:
    """Print the logs of several jobs, merged by time, until all have ended.

    Raise JobFailedError when one did not succeed.
    """
    write, names = _writer(jobs, session), tags(jobs)
    failures: list[JobFailedError] = []
    async with aclosing(merged(core, jobs, lines)) as pieces:
        async for piece in pieces:
            if isinstance(piece, list):
                for line in piece:
                    write(line)
            elif isinstance(piece.event, FollowEnded):
                say(f"{names[piece.number].strip()}: {piece.event.why}")
                failure = failure_of(piece.event.job or jobs[piece.number], piece.event.why)
                failures += [] if failure is None else [failure]
            elif not isinstance(piece.event, JobSeen):
                say(f"raydeck: {names[piece.number].strip()}: {words_for(piece.event)}")
    for failure in failures:
        raise failure


async def print_ends(core: Core, ids: Sequence[str], cluster: str | None, lines: int, session: Session) -> None:
    """Print the ends of several jobs' logs, merged by time, and of those that cannot be had the kept copies.

    Raise the RaydeckError of what could not be had, before anything is printed where there is no copy, either.
    """
    had = await asyncio.gather(*(_end_of(core, job_id, cluster, lines) for job_id in ids))
    write = _writer([job for job, _, _ in had], session)
    for line in _in_order([end for _, end, _ in had], core.clock()):
        write(line)
    errors = [error for _, _, error in had if error is not None]
    for error in errors[1:]:
        say(f"raydeck: {error}")
    for error in errors[:1]:
        raise error


async def _end_of(core: Core, job_id: str, cluster: str | None, lines: int) -> tuple[Job, bytes, RaydeckError | None]:
    try:
        job = await find_job(core.fleet, job_id, cluster)
        end = await core.fleet.dashboard(job.cluster).log_tail(job, lines)
    except (SourceError, NotFoundError) as error:
        kept = await asyncio.to_thread(core.logs.find, job_id)
        if kept is None:
            raise
        about, content = kept
        return about.job, last_lines(content, lines), only_copy(error, job_id)
    await asyncio.to_thread(core.logs.keep, job, end)
    return job, end, None


def last_lines(copy: bytes, lines: int) -> bytes:
    """Return the last lines of a kept copy."""
    return b"".join(copy.splitlines(keepends=True)[-lines:])


def only_copy(error: RaydeckError, job_id: str) -> RaydeckError:
    """Return the error of a log of which the kept copy was printed instead."""
    return NotFoundError(error.where, f"{error.what}; this is the kept copy of {job_id}", error.hint)


def _writer(jobs: Sequence[Job], session: Session) -> Callable[[MergedLine], None]:
    """Return what prints a line behind its job's name, in a terminal with a colour for each."""
    text, names = LogText(session.glyphs, to_terminal=True), tags(jobs)
    plain = not sys.stdout.isatty()

    def write(line: MergedLine) -> None:
        shown = names[line.number].encode("utf-8", "replace") + b" " + line.line if plain else tagged(line, names)
        write_bytes(shown + b"\n" if plain else text.of(shown + b"\n"))

    return write


def _in_order(ends: Sequence[bytes], now: float) -> list[MergedLine]:
    merger = LineMerger(len(ends))
    for number, end in enumerate(ends):
        merger.feed(number, end, now)
        merger.finish(number, now)
    return merger.flush()
