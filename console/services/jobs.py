"""Jobs of all clusters: find one by its id, stop one and see that it stopped, wait for an end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from http import HTTPStatus

from msgspec import Struct

from console.clients.dashboard import DashboardClient
from console.errors import NotFoundError, ReplyError, SlowError, SourceError, UnreachableError, UsageError
from console.model.job import Job
from console.services.fleet import Fleet

Sleep = Callable[[float], Awaitable[None]]
AGAIN_AFTER_S = (10.0, 30.0, 60.0)
AGAIN_WHEN_LOST_S = 2.0  # the answer to the first question: whether it arrived shows in the status
_POLL_S = 0.5
_MOST_SILENT_S = 60.0


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


class Stopping(Struct, frozen=True):
    """One step of a stop, in words; ``job`` is its status as last verified."""

    job: Job
    text: str


async def stop_job(
    dashboard: DashboardClient,
    job: Job,
    sleep: Sleep = asyncio.sleep,
    elapsed: Callable[[], float] = time.monotonic,
) -> AsyncIterator[Stopping]:
    """Ask for a stop and follow the job's status until it has ended; what Ray answers to the request proves nothing.

    Endless while the job lives: the caller sets the deadline. Asks again, and says so, after 10 s, 30 s and then every
    minute; after 2 s, too, when the first answer was lost. A head that does not answer for a minute raises its
    SourceError; raise UsageError for a driver that was not submitted: Ray cannot stop it.
    """
    if job.submission_id is None:
        hint = "end its process on its node"
        raise UsageError(job.cluster, f"{job.id} was not submitted, so Ray cannot stop it", hint)
    job = await dashboard.job(job.id)
    if job.ended:
        yield Stopping(job, f"has already ended: {job.status}")
        return
    begun, asked_again, silent_since = elapsed(), 0, None
    lost = await _ask_to_stop(dashboard, job)
    times = AGAIN_AFTER_S if lost is None else (AGAIN_WHEN_LOST_S, *AGAIN_AFTER_S)
    yield Stopping(job, f"asked to stop, and the answer was lost: {lost.what}" if lost else "asked to stop")
    while True:
        await sleep(_POLL_S)
        waited_s = elapsed() - begun
        try:
            job = await dashboard.job(job.id)
            if job.ended:
                yield Stopping(job, f"has ended: {job.status}")
                return
            if waited_s >= (again_after_s := _again_after_s(times, asked_again)):
                words = f"still {job.status} after {again_after_s:g} s, asked again{_why_still(job, waited_s)}"
                asked_again += 1
                await dashboard.stop(job.id)
                yield Stopping(job, words)
            silent_since = None
        except SourceError as error:
            if silent_since is None:
                silent_since = waited_s
                yield Stopping(job, f"cannot be seen: {error.what}; asking on")
            elif waited_s - silent_since > _MOST_SILENT_S:
                raise


async def _ask_to_stop(dashboard: DashboardClient, job: Job) -> SourceError | None:
    """Ask for a stop; return what kept the answer from us. Raise the SourceError of a head that refuses."""
    try:
        await dashboard.stop(job.id)
    except (UnreachableError, SlowError) as error:
        return error
    except ReplyError as error:
        if error.http_status < HTTPStatus.INTERNAL_SERVER_ERROR:
            raise
        return error
    return None


def _again_after_s(times: Sequence[float], asked: int) -> float:
    """Return after how long a job is asked to stop once more, when it was so ``asked`` times."""
    return times[asked] if asked < len(times) else times[-1] * (asked - len(times) + 2)


def _why_still(job: Job, waited_s: float) -> str:
    if job.status == "PENDING":
        return ": its driver has not started, and Ray stops nothing before it has"
    return (
        ": Ray kills what does not end within 3 s of asking, so is its node alive? raydeck nodes"
        if waited_s > AGAIN_AFTER_S[1] - 1
        else ""
    )
