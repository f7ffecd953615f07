"""``raydeck jobs``, ``stop`` and ``rerun``."""

from __future__ import annotations

import asyncio

import click

from console.cli.attending import tell_shipped
from console.cli.session import Session, cluster_names, pass_session, say, write_json
from console.errors import DeadlineError, SourceError
from console.model.job import Job
from console.render.documents import jobs_document, submission_document
from console.render.jobs_table import columns_with_zone, job_row
from console.render.text_table import text_table
from console.services.core import Core
from console.services.jobs import find_job
from console.services.rerun import rerun as run_again
from console.services.stop import stop_job

_STOPS_WITHIN_S = 10.0  # Ray kills what does not end within 3 s of asking


@click.command()
@click.option("--cluster", multiple=True, help="Only this cluster; may be given again.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@pass_session
def jobs(session: Session, cluster: tuple[str, ...], *, as_json: bool) -> None:
    """All jobs of all clusters, the newest first. Exits 1 when a cluster did not answer."""

    async def work(core: Core) -> list[SourceError]:
        names = cluster_names(core, cluster)
        answers = await asyncio.gather(*(core.fleet.dashboard(name).jobs() for name in names), return_exceptions=True)
        found = [job for answer in answers if not isinstance(answer, BaseException) for job in answer]
        found.sort(key=lambda job: -(job.start_time or 0.0))
        if as_json:
            write_json(jobs_document(found))
        else:
            now = core.clock()
            rows = [job_row(job, now, None, session.glyphs).cells for job in found]
            click.echo(text_table(columns_with_zone(now, None), rows, session.glyphs))
        return _source_errors(answers)

    errors = session.run(work)
    for error in errors:
        say(f"raydeck: {error}")
    if errors:
        raise click.exceptions.Exit(1)


def _source_errors(answers: list[tuple[Job, ...] | BaseException]) -> list[SourceError]:
    errors = [answer for answer in answers if isinstance(answer, BaseException)]
    for error in errors:
        if not isinstance(error, SourceError):
            raise error
    return [error for error in errors if isinstance(error, SourceError)]


@click.command()
@click.argument("job_id", metavar="ID")
@click.option("--cluster", help="Where the job is; else it is looked for everywhere.")
@click.option("--wait", "waits", is_flag=True, help="Go on, and ask again, until it has ended.")
@click.option("--timeout", "timeout_s", type=float, default=60.0, show_default=True, help="Seconds, with --wait.")
@pass_session
def stop(session: Session, job_id: str, cluster: str | None, *, waits: bool, timeout_s: float) -> None:
    """Stop a job and see by its status that it ended; 124 when it has not in time: 10 s, more with --wait."""

    async def work(core: Core) -> None:
        core.refuse_if_read_only("stop")
        job = await find_job(core.fleet, job_id, cluster)
        limit_s = timeout_s if waits else _STOPS_WITHIN_S
        try:
            async with asyncio.timeout(limit_s):
                async for step in stop_job(core.fleet.dashboard(job.cluster), job):
                    job = step.job
                    say(f"{job.id} on {job.cluster} {step.text}")
        except TimeoutError:
            hint = "" if waits else "--wait goes on asking"
            what = f"{job.id} was asked to stop and is still {job.status} after {limit_s:g} s"
            raise DeadlineError(job.cluster, what, hint) from None

    session.run(work)


@click.command()
@click.argument("job_id", metavar="ID")
@click.option("--cluster", help="Where the job is; else it is looked for everywhere.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@pass_session
def rerun(session: Session, job_id: str, cluster: str | None, *, as_json: bool) -> None:
    """Run a job again where it ran: same entrypoint, runtime environment and parameters, linked to the first."""

    async def work(core: Core) -> Job:
        core.refuse_if_read_only("rerun")
        return await run_again(core, await find_job(core.fleet, job_id, cluster), tell_shipped(session.glyphs))

    job = session.run(work)
    say(f"submitted {job.id} to {job.cluster}, {job_id} again")
    if as_json:
        write_json(submission_document(job, job.bundle or "entrypoint", None))
    else:
        click.echo(job.id)
