"""``raydeck logs``: a job's log, several as one, and the copies that were kept of them."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence

import click

from console.cli.attending import follow_to_end
from console.cli.merged import follow_merged, last_lines, only_copy, print_ends
from console.cli.session import Session, pass_session, tell, write_bytes
from console.errors import NotFoundError, SourceError
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
        if asks_why:
            for job_id in ids:
                job = await find_job(core.fleet, job_id, cluster)
                click.echo(why_text(await why(core, job), session.glyphs))
        elif len(ids) == 1:
            await _print_one(core, ids[0], cluster, lines, session, follows=follows)
        elif follows:
            await _follow_several(core, ids, cluster, lines, session)
        else:
            await print_ends(core, ids, cluster, lines, session)

    session.run(work)


async def _print_one(
    core: Core, job_id: str, cluster: str | None, lines: int, session: Session, *, follows: bool
) -> None:
    try:
        job = await find_job(core.fleet, job_id, cluster)
        if follows:
            await follow_to_end(core, job, lines, session)
            return
        tail = await core.fleet.dashboard(job.cluster).log_tail(job, lines)
    except (SourceError, NotFoundError) as error:
        if not _printed_copy(core, job_id, lines, session):
            raise
        raise only_copy(error, job_id) from error
    text = LogText(session.glyphs, to_terminal=sys.stdout.isatty())
    write_bytes(text.of(tail) + text.rest())
    await asyncio.to_thread(core.logs.keep, job, tail)


async def _follow_several(core: Core, ids: Sequence[str], cluster: str | None, lines: int, session: Session) -> None:
    try:
        jobs = [await find_job(core.fleet, job_id, cluster) for job_id in ids]
    except (SourceError, NotFoundError):
        await print_ends(core, ids, cluster, lines, session)
        raise
    await follow_merged(core, jobs, lines, session)


def _printed_copy(core: Core, job_id: str, lines: int, session: Session) -> bool:
    """Print the kept copy of a log; return False where there is none."""
    kept = core.logs.find(job_id)
    if kept is None:
        return False
    text = LogText(session.glyphs, to_terminal=sys.stdout.isatty())
    write_bytes(text.of(last_lines(kept[1], lines)) + text.rest())
    return True


def _list_copies(session: Session, cluster: str | None) -> None:
    core = session.core()
    kept = [each for each in core.logs.listed() if cluster in {None, each.job.cluster}]
    if kept:
        now = core.clock()
        rows = [copy_row(each.job, each.kept_at, now, None, session.glyphs) for each in kept]
        click.echo(text_table(COPY_COLUMNS, rows, session.glyphs))
    else:
        tell("no logs are kept yet: each that is read is; raydeck jobs lists the jobs")
