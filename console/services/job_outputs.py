"""A job's output: the kept one, else fetched now and kept. Whatever touches the disk does so in a thread."""

from __future__ import annotations

import asyncio

from console.bundles import Output
from console.errors import NotFoundError
from console.model.job import Job
from console.model.kept import KeptOutput
from console.services.core import Core
from console.services.output_fetch import Attempts, fetch_output
from console.services.outputs import ReadyWatch

OUTPUT_TIMEOUT_S = 60.0  # of each page of an output: it may have tens of megabytes and a slow line


async def output_of(core: Core, job: Job) -> KeptOutput:
    """Return a job's output: the kept one, else fetched now and kept. Raise NotFoundError where none can be had."""
    if job.submission_id is None:
        raise NotFoundError(job.cluster, f"{job.id} was not submitted, so it has no output")
    kept = await asyncio.to_thread(core.shelf.find, job.submission_id)
    if kept is not None:
        return kept
    output = await asyncio.to_thread(_declared, core, job)
    dashboard = core.fleet.dashboard(job.cluster)
    async with core.serving(job.cluster, OUTPUT_TIMEOUT_S) as serve:
        attempts = await fetch_output(dashboard, serve, job, output)
    return await asyncio.to_thread(_kept, core, job, attempts)


def ready_watch(core: Core, job: Job) -> ReadyWatch | None:
    """Return what notices in a job's log that its output is ready, None for a job without one, or a kept one.

    Reads the disk: an event loop calls it in a thread.
    """
    bundle = core.bundles().get(job.bundle)
    if bundle is None or bundle.output is None or core.shelf.find(job.id) is not None:
        return None
    return ReadyWatch(bundle.output.ready)


def _declared(core: Core, job: Job) -> Output:
    output = core.bundle(job.bundle).output if job.bundle else None
    if output is None:
        raise NotFoundError(job.cluster, f"{job.id} is no bundled job with an output")
    return output


def _kept(core: Core, job: Job, attempts: Attempts) -> KeptOutput:
    """Keep aside what was spoilt, and keep what was fetched; raise NotFoundError where nothing was."""
    kept_aside = [str(core.shelf.keep_aside(job, spoilt)) for spoilt in attempts.spoilt]
    if attempts.fetched is not None:
        return core.shelf.keep_fetched(job, attempts.fetched)
    hint = f"what came is kept aside: {kept_aside[-1]}" if kept_aside else ""
    raise NotFoundError(job.cluster, f"no output of {job.id}: {'; '.join(attempts.reasons)}", hint)
