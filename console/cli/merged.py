"""Several logs printed as one."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from contextlib import aclosing

from console.cli.attending import failure_of, words_for
from console.cli.session import Session, say, write_bytes
from console.errors import JobFailedError
from console.model.job import Job
from console.render.log_text import LogText
from console.render.merged_text import tagged, tags
from console.services.core import Core
from console.services.follow import FollowEnded, JobSeen
from console.services.merged_lines import LineMerger, MergedLine
from console.services.merged_logs import merged


async def print_merged(core: Core, jobs: Sequence[Job], lines: int, session: Session, *, follows: bool) -> None:
    """Print the logs of several jobs, merged by time; with ``follows`` until all have ended.

    Raise JobFailedError when one that was followed did not succeed.
    """
    text, names = LogText(session.glyphs, to_terminal=True), tags(jobs)
    plain = not sys.stdout.isatty()

    def write(line: MergedLine) -> None:
        shown = names[line.number].encode("utf-8", "replace") + b" " + line.line if plain else tagged(line, names)
        write_bytes(shown + b"\n" if plain else text.of(shown + b"\n"))

    if not follows:
        for line in await _tails(core, jobs, lines):
            write(line)
        return
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


async def _tails(core: Core, jobs: Sequence[Job], lines: int) -> list[MergedLine]:
    merger, now = LineMerger(len(jobs)), core.clock()
    tails = await asyncio.gather(*(core.fleet.dashboard(job.cluster).log_tail(job, lines) for job in jobs))
    for number, (job, tail) in enumerate(zip(jobs, tails, strict=True)):
        await asyncio.to_thread(core.logs.keep, job, tail)
        merger.feed(number, tail, now)
        merger.finish(number, now)
    return merger.flush()
