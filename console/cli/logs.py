"""``raydeck logs``: a job's log, several as one, and the copies that were kept of them."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence

import click

from console.cli.attending import follow_to_end
from console.cli.merged import print_merged
from console.cli.session import Session, pass_session, tell, write_bytes
from console.errors import NotFoundError, RaydeckError, SourceError
from console.model.job import Job
from console.render.copies_table import COPY_COLUMNS, copy_row
from console.render.log_text import LogText
from console.render.text_table import text_table
from console.render.why_lines import why_text
from console.services.core import Core
from console.services.jobs import find_job
from console.services.why import why

_LINES = 1000


@click.command()
@click.argument("job_ids", metavar="ID…", nargs=-1)
@click.option("--cluster", help="Where the job is; else it is looked for everywhere.")
@click.option("--follow", "follows", is_flag=True, help="Go on until the job has ended.")
@click.option("--lines", type=click.IntRange(1), default=_LINES, show_default=True, help="Start this far back.")
@click.option("--why", "asks_why", is_flag=True, help="Instead: why it is pending, or why it failed.")
@pass_session
def logs(session: Session, job_ids: tuple[str, ...], cluster: str | None, *, follows: bool, lines: int,
         asks_why: bool) -> None:  # fmt: skip
    """Print a job's log, never the whole file; of several, merged by time. With --follow, exits 1 unless all succeed.

    When its cluster does not answer, or the log is gone, the copy that was kept when it was read last. Without an ID,
    the list of these copies.
    """
    ids = tuple(dict.fromkeys(job_ids))
    if not ids:
        if follows or asks_why:
            raise click.UsageError("name a job: raydeck jobs lists them")
        _list_copies(session, cluster)
        return

    async def work(core: Core) -> None:
        try:
            jobs = [await find_job(core.fleet, job_id, cluster) for job_id in ids]
            if asks_why:
                for job in jobs:
                    click.echo(why_text(await why(core, job), session.glyphs))
            else:
                await _print(core, jobs, lines, session, follows=follows)
        except (SourceError, NotFoundError) as error:
            if len(ids) > 1 or asks_why or not _printed_copy(core, ids[0], lines, session):
                raise
            raise _only_copy(error, ids[0]) from error

    session.run(work)


async def _print(core: Core, jobs: Sequence[Job], lines: int, session: Session, *, follows: bool) -> None:
    if len(jobs) > 1:
        await print_merged(core, jobs, lines, session, follows=follows)
    elif follows:
        await follow_to_end(core, jobs[0], lines, session)
    else:
        tail = await core.fleet.dashboard(jobs[0].cluster).log_tail(jobs[0], lines)
        text = LogText(session.glyphs, to_terminal=sys.stdout.isatty())
        write_bytes(text.of(tail) + text.rest())
        await asyncio.to_thread(core.logs.keep, jobs[0], tail)


def _printed_copy(core: Core, job_id: str, lines: int, session: Session) -> bool:
    """Print the kept copy of a log; return False where there is none."""
    kept = core.logs.find(job_id)
    if kept is None:
        return False
    text = LogText(session.glyphs, to_terminal=sys.stdout.isatty())
    write_bytes(text.of(b"".join(kept[1].splitlines(keepends=True)[-lines:])) + text.rest())
    return True


def _only_copy(error: RaydeckError, job_id: str) -> RaydeckError:
    return NotFoundError(error.where, f"{error.what}; this is the kept copy of {job_id}", error.hint)


def _list_copies(session: Session, cluster: str | None) -> None:
    core = session.core()
    kept = [each for each in core.logs.listed() if cluster in {None, each.job.cluster}]
    if kept:
        now = core.clock()
        rows = [copy_row(each.job, each.kept_at, now, None, session.glyphs) for each in kept]
        click.echo(text_table(COPY_COLUMNS, rows, session.glyphs))
    else:
        tell("no logs are kept yet: each that is read is; raydeck jobs lists the jobs")
