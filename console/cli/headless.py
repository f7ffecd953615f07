"""The demo without a terminal: submit the bundled job, follow its log, print its four scatter plots."""

from __future__ import annotations

import click

from console.cli.attending import follow_to_end
from console.cli.output import print_plots
from console.cli.session import Session, say
from console.errors import DeadlineError
from console.model.cluster import State
from console.services.core import Core
from console.services.job_outputs import output_of
from console.services.sending import send_bundle

_JOB = "parallel_processing"
_SERVE_S = 5  # nobody calls the route but us, and we fetch it as soon as it is ready


async def run_headless(session: Session, cluster: str) -> None:
    """Run the bundled job on this cluster from submission to plots; raise a RaydeckError when it does not work."""
    core = session.core()
    core.load()
    await core.begin()
    try:
        await _run(core, session, cluster)
    finally:
        await core.close()


async def _run(core: Core, session: Session, cluster: str) -> None:
    snapshot = await core.fleet.poller(cluster).poll()
    if snapshot.state not in (State.UP, State.DEGRADED):
        raise DeadlineError(cluster, f"is {snapshot.state}")
    bundle = core.bundle(_JOB)
    document = bundle.defaults()
    document["process-parameters"]["serve-seconds"] = _SERVE_S
    job = await send_bundle(core, cluster, bundle, document, {}, ())
    say(f"submitted {job.id} to {cluster}")
    job = await follow_to_end(core, job, 1000, session)
    kept = await output_of(core, job)
    click.echo(f"output of {kept.submission_id}, from {kept.source}, kept in {core.shelf.path(kept)}")
    print_plots(core.shelf.parsed(kept), session.glyphs)
