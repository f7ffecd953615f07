"""Stopping a job and seeing by its status that it stopped; what goes on is asked again, and that is said in words."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from http import HTTPStatus

from msgspec import Struct

from console.clients.dashboard import DashboardClient
from console.errors import ReplyError, SlowError, SourceError, UnreachableError, UsageError
from console.model.job import Job

Sleep = Callable[[float], Awaitable[None]]
AGAIN_AFTER_S = (10.0, 30.0, 60.0)
AGAIN_WHEN_LOST_S = 2.0  # the answer to the first question: whether it arrived shows in the status
_POLL_S = 0.5
_MOST_SILENT_S = 60.0


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
    pursuit = _Pursuit(dashboard, job, elapsed)
    yield await pursuit.begin()
    while not pursuit.job.ended:
        await sleep(_POLL_S)
        step = await pursuit.look()
        if step is not None:
            yield step


class _Pursuit:
    """One job that is to end: how it stands, when it was asked, and since when its head is silent."""

    def __init__(self, dashboard: DashboardClient, job: Job, elapsed: Callable[[], float]) -> None:
        self.job = job
        self._dashboard = dashboard
        self._elapsed = elapsed
        self._begun = elapsed()
        self._times: Sequence[float] = AGAIN_AFTER_S
        self._asked_again = 0
        self._silent_since: float | None = None

    async def begin(self) -> Stopping:
        """Ask for the first time."""
        lost = await _ask_to_stop(self._dashboard, self.job)
        if lost is None:
            return Stopping(self.job, "asked to stop")
        self._times = (AGAIN_WHEN_LOST_S, *AGAIN_AFTER_S)
        return Stopping(self.job, f"asked to stop, and the answer was lost: {lost.what}")

    async def look(self) -> Stopping | None:
        """See how the job stands, and ask again where it is time to; return what there is to say."""
        waited_s = self._elapsed() - self._begun
        try:
            step = await self._seen(waited_s)
        except SourceError as error:
            if self._silent_since is None:
                self._silent_since = waited_s
                return Stopping(self.job, f"cannot be seen: {error.what}; asking on")
            if waited_s - self._silent_since > _MOST_SILENT_S:
                raise
            return None
        self._silent_since = None
        return step

    async def _seen(self, waited_s: float) -> Stopping | None:
        self.job = await self._dashboard.job(self.job.id)
        if self.job.ended:
            return Stopping(self.job, f"has ended: {self.job.status}")
        again_after_s = _again_after_s(self._times, self._asked_again)
        if waited_s < again_after_s:
            return None
        self._asked_again += 1
        await self._dashboard.stop(self.job.id)
        words = f"still {self.job.status} after {again_after_s:g} s, asked again{_why_still(self.job, waited_s)}"
        return Stopping(self.job, words)


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
