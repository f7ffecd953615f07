"""Jobs of all clusters: find one by its id, or the newest of ours."""

from __future__ import annotations

import asyncio

from console.errors import NotFoundError, SourceError
from console.model.job import Job
from console.services.fleet import Fleet


async def find_job(fleet: Fleet, job_id: str, cluster: str | None = None) -> Job:
    """Find a job in the named cluster, else in whatever cluster has it.

    Raise NotFoundError when all that answered do not know it; it then also says who did not answer. Raise the
    SourceError of a cluster when none answered at all.
    """
    if cluster is not None:
        return await fleet.dashboard(cluster).job(job_id)
    dashboards = [fleet.dashboard(spec.name) for spec in fleet.specs]
    answers = await asyncio.gather(*(dashboard.job(job_id) for dashboard in dashboards), return_exceptions=True)
    for answer in answers:
        if isinstance(answer, Job):
            return answer
    errors = [error for error in answers if isinstance(error, SourceError)]
    if errors and len(errors) == len(answers):
        raise errors[0]
    silent = ", ".join(error.where for error in errors)
    hint = f"not answered: {silent}" if silent else "raydeck jobs lists what there is"
    raise NotFoundError(job_id, "no cluster knows this job", hint)


async def newest_bundled_job(fleet: Fleet, cluster: str | None = None) -> Job:
    """Return the job of ours that was started last, in one cluster or in all."""
    names = [cluster] if cluster is not None else [spec.name for spec in fleet.specs]
    answers = await asyncio.gather(*(fleet.dashboard(name).jobs() for name in names), return_exceptions=True)
    found = [job for jobs in answers if not isinstance(jobs, BaseException) for job in jobs if job.bundle]
    if not found:
        errors = [error for error in answers if isinstance(error, SourceError)]
        if errors:
            raise errors[0]
        raise NotFoundError(cluster or "raydeck", "no bundled job was submitted", "raydeck submit parallel_processing")
    return max(found, key=lambda job: job.start_time or 0.0)
