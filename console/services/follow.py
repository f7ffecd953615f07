"""Following a job's log to the job's end, through lost links and restarts, without losing or doubling a line.

A round asks for the job and then for what its log has new, so whatever a round reads after the job has ended is the
rest of the log. Everything is awaited in one place, so cancelling leaves no task and no connection behind.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from http import HTTPStatus

from msgspec import Struct

from console.clients.dashboard import DashboardClient
from console.errors import AuthError, NotFoundError, RaydeckError, ReplyError, SourceError
from console.model.job import Job
from console.services.log_reader import LogReader, LogReplacedError

_PATIENCE = 5
_SURPLUS_BYTES_PER_S = 1024 * 1024
_MOST_REST_S = 60.0
_PASTED_LOG = ", last available logs"  # Ray's own words, 2.49 to 2.60
_REASON_CHARACTERS = 300


class LogData(Struct, frozen=True):
    """Bytes of the log as they came: chunks cut lines and UTF-8 anywhere."""

    data: bytes


class JobSeen(Struct, frozen=True):
    """The job, at first and whenever its status or its message has changed."""

    job: Job


class LinkLost(Struct, frozen=True):
    """From ``at`` (Unix seconds) on nothing can be read; it is tried again until it works."""

    at: float
    reason: str


class LinkBack(Struct, frozen=True):
    """Reading goes on, ``after_s`` later; ``complete``: exactly behind the last byte that was given."""

    at: float
    after_s: float
    complete: bool


class FollowEnded(Struct, frozen=True):
    """The last event. ``job`` has its final status, or is the last that was known of it; None: it never was."""

    job: Job | None
    why: str


LogEvent = LogData | JobSeen | LinkLost | LinkBack | FollowEnded


class Pace(Struct, frozen=True):
    """How often what is asked, in seconds. ``stall_s`` is how long a log that is being sent may pause."""

    status_s: float = 1.0
    busy_s: float = 0.25
    idle_s: float = 1.0
    retry_first_s: float = 0.2
    retry_most_s: float = 5.0
    stall_s: float = 5.0


async def follow(
    dashboard: DashboardClient,
    job_id: str,
    *,
    lines: int = 1000,
    pace: Pace = Pace(),  # noqa: B008 -- frozen
    clock: Callable[[], float] = time.time,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    jitter: Callable[[], float] = random.random,
) -> AsyncGenerator[LogEvent, None]:
    """Yield a job's log from its last ``lines`` lines on (-1: from its beginning), and what happens to job and link.

    Raises no RaydeckError: what ends it is in the last event, FollowEnded. ``jitter`` gives 0 to 1.
    """
    reader = LogReader(dashboard, lines, stall_s=pace.stall_s, clock=asyncio.get_running_loop().time)
    attempt = _Follow(dashboard, job_id, reader, pace, clock)
    while True:
        async with aclosing(attempt.round()) as events:
            async for event in events:
                yield event
                if isinstance(event, FollowEnded):
                    return
        await sleep(attempt.rest_s(jitter()))


class _Follow:
    """What is known from round to round."""

    def __init__(
        self, dashboard: DashboardClient, job_id: str, reader: LogReader, pace: Pace, clock: Callable[[], float]
    ) -> None:
        self._dashboard = dashboard
        self._job_id = job_id
        self._reader = reader
        self._pace = pace
        self._clock = clock
        self._elapsed = asyncio.get_running_loop().time
        self._job: Job | None = None
        self._asked_at = 0.0
        self._read_after = 0.0
        self._was_busy = False
        self._lost_at: float | None = None
        self._failures = self._refusals = 0
        self._replaced = False

    def rest_s(self, jitter: float) -> float:
        """Return how long to wait before the next round; after failures longer and longer, never in step."""
        if self._failures:
            longest = min(self._pace.retry_most_s, self._pace.retry_first_s * 2.0 ** min(self._failures - 1, 10))
            return longest * (0.5 + jitter / 2)
        return self._pace.busy_s if self._was_busy else self._pace.idle_s

    async def round(self) -> AsyncGenerator[LogEvent, None]:
        """Look once at job and log; an error becomes an event."""
        try:
            async with aclosing(self._look()) as events:
                async for event in events:
                    yield event
        except (SourceError, NotFoundError) as error:
            self._failures += 1
            for event in self._failed(error):
                yield event

    async def _look(self) -> AsyncGenerator[LogEvent, None]:
        known = self._job
        job = self._job = await self._status()
        if known is not None and _is_another(known, job):
            yield FollowEnded(known, f"another job has the id {job.id} now: the head was restarted")
            return
        if known is None or (known.status, known.message) != (job.status, job.message):
            yield JobSeen(job)
        if job.submission_id is None:
            yield FollowEnded(job, "it was not submitted: Ray keeps no log of its driver that could be followed")
            return
        async with aclosing(self._read(job)) as events:
            async for event in events:
                yield event
        for event in self._back():
            yield event
        self._failures = self._refusals = 0
        if job.ended:
            uncounted = "" if self._reader.exact else "; its log repeats itself, repeated lines may be missing"
            yield FollowEnded(job, _outcome(job) + uncounted)

    async def _status(self) -> Job:
        """Ask for the job unless that was just done; a job that has ended stays so."""
        due = self._elapsed() - self._asked_at >= self._pace.status_s
        if self._job is not None and not self._failures and (self._job.ended or not due):
            return self._job
        job = await self._dashboard.job(self._job_id)
        self._asked_at = self._elapsed()
        return job

    async def _read(self, job: Job) -> AsyncGenerator[LogEvent, None]:
        self._was_busy = False
        if not job.driver_node_id or (self._elapsed() < self._read_after and not job.ended):
            return
        try:
            async with aclosing(self._reader.fresh(job)) as pieces:
                async for piece in pieces:
                    for event in self._back():
                        yield event
                    self._was_busy = True
                    yield LogData(piece)
        except ReplyError as error:
            self._refusals += error.http_status == HTTPStatus.INTERNAL_SERVER_ERROR
            raise
        self._read_after = self._elapsed() + min(
            _MOST_REST_S, max(0, self._reader.surplus_bytes) / _SURPLUS_BYTES_PER_S
        )

    def _back(self) -> list[LogEvent]:
        if self._lost_at is None:
            return []
        at, lost_at, complete = self._clock(), self._lost_at, self._reader.exact and not self._replaced
        self._lost_at, self._replaced = None, False
        return [LinkBack(at, at - lost_at, complete)]

    def _failed(self, error: RaydeckError) -> list[LogEvent]:
        if isinstance(error, AuthError):
            return [FollowEnded(self._job, str(error))]
        if isinstance(error, NotFoundError):
            return self._unknown(error)
        if isinstance(error, LogReplacedError):
            self._reader.restart()
            self._replaced = True
        if isinstance(error, ReplyError) and (refused := self._refused(error)) is not None:
            return refused
        return self._lost(str(error))

    def _unknown(self, error: NotFoundError) -> list[LogEvent]:
        """Believe it at once of a job never seen, else the second time: a head that starts may not know all yet."""
        if self._job is None:
            return [FollowEnded(None, str(error))]
        if self._failures < 2:
            return []
        return [FollowEnded(self._job, f"{error.where} does not know {self._job_id} any more: was its head restarted?")]

    def _refused(self, error: ReplyError) -> list[LogEvent] | None:
        """Tell a log that is not there yet, or never will be as its job has ended, from a lost link (None).

        Ray answers 500 for such a log; whatever else is no answer of Ray's but of something before it.
        """
        if self._job is None or not self._refusals or error.http_status != HTTPStatus.INTERNAL_SERVER_ERROR:
            return None
        if self._job.ended and self._refusals >= _PATIENCE:
            return [FollowEnded(self._job, f"{_outcome(self._job)}; its log cannot be had: {error.what}")]
        return None if self._reader.begun or self._refusals > _PATIENCE else []

    def _lost(self, reason: str) -> list[LogEvent]:
        if self._lost_at is not None:
            return []
        self._lost_at = self._clock()
        return [LinkLost(self._lost_at, reason)]


def _is_another(known: Job, job: Job) -> bool:
    """Tell another submission with the same id: Ray gives each one start time and one driver."""
    pairs = ((known.start_time, job.start_time), (known.driver_node_id, job.driver_node_id))
    return any(before is not None and now is not None and before != now for before, now in pairs)


def _outcome(job: Job) -> str:
    words = {"SUCCEEDED": "job succeeded", "FAILED": "job failed", "STOPPED": "job was stopped"}
    said = _reason(job.message)
    outcome = words.get(job.status, f"job ended: {job.status}")
    return f"{outcome}: {said}" if said and job.status == "FAILED" else outcome


def _reason(message: str) -> str:
    """Return a job's message in a line: where Ray pastes the end of the log behind it, only the last line of that."""
    said, _, log = message.strip().partition(_PASTED_LOG)
    last = next((line.strip() for line in reversed(log.splitlines()[1:]) if line.strip()), "")
    return ": ".join(part[:_REASON_CHARACTERS] for part in (said.partition("\n")[0], last) if part)
