"""Running a job again: same entrypoint with the resources reserved for it, runtime environment and parameters, linked.

Environment variables are read from the head at that moment and passed on: they are never shown, logged or kept. What
cannot be had again is said, and then nothing is submitted.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from console.errors import NotFoundError, UsageError
from console.model.job import Job
from console.services.core import Core
from console.services.packaging import look_at
from console.services.sending import send_request
from console.services.shipping import TellShipped, tell_nobody
from console.services.submit import Request

RERUN_OF = "raydeck_rerun_of"
_REDACTED = "<redacted>"


async def rerun(core: Core, job: Job, tell: TellShipped = tell_nobody) -> Job:
    """Submit a job once more, to the same cluster; raise a RaydeckError that says what cannot be had again."""
    core.refuse_if_read_only("rerun")
    if job.submission_id is None:
        raise UsageError(job.cluster, f"{job.id} was not submitted, so it cannot be run again", "start it as before")
    dashboard = core.fleet.dashboard(job.cluster)
    environment = (await dashboard.runtime_env(job.submission_id)).runtime_env or {}
    if _REDACTED in dict(environment.get("env_vars") or {}).values():
        raise UsageError(job.cluster, f"the environment of {job.id} is kept back by its head", "raydeck submit --env")
    reserved = await dashboard.reserved(job.submission_id)
    if reserved is None:
        what = f"which resources {job.id} has for its entrypoint is not known to its head any more"
        raise NotFoundError(job.cluster, what, "raydeck submit sends it without any")
    request = Request(
        job=job.bundle,
        command=job.entrypoint,
        working_dir=await _folder_to_send(core, job, environment),
        runtime_env=environment,
        reserved=reserved,
        metadata={**job.metadata, RERUN_OF: job.submission_id},
    )
    return await send_request(core, job.cluster, request, tell=tell)


async def _folder_to_send(core: Core, job: Job, environment: dict[str, Any]) -> Path | None:
    """Return the folder that has to be sent again; None where the head has the package still, or there was none."""
    for address in (environment.get("working_dir"), *(environment.get("py_modules") or ())):
        await _have(core, job, address, working_dir=address == environment.get("working_dir"))
    address = environment.get("working_dir")
    if not _packaged(address) or await core.fleet.dashboard(job.cluster).packages.has(str(address)):
        return None
    return await asyncio.to_thread(_folder, core, job)


async def _have(core: Core, job: Job, address: object, *, working_dir: bool) -> None:
    """Raise unless the head has this package, or the folder here still makes exactly it."""
    if not _packaged(address) or await core.fleet.dashboard(job.cluster).packages.has(str(address)):
        return
    what = "working dir" if working_dir else "module"
    gone = f"the {what} of {job.id} is gone from the head"
    folder = await asyncio.to_thread(_folder, core, job) if working_dir else None
    if folder is None:
        raise NotFoundError(job.cluster, f"{gone}, and its folder is not known here", "raydeck submit sends it")
    if not folder.is_dir():
        raise NotFoundError(job.cluster, f"{gone}, and so is {folder}", "nothing was submitted")
    if (await asyncio.to_thread(lambda: look_at(folder).address())) != address:
        raise NotFoundError(job.cluster, f"{gone}, and {folder} has changed since", "raydeck submit sends it as it is")


def _folder(core: Core, job: Job) -> Path | None:
    bundle = core.bundles().get(job.bundle)
    return bundle.folder if bundle is not None else core.sent.working_dir(job.id)


def _packaged(address: object) -> bool:
    return isinstance(address, str) and address.startswith("gcs://")
