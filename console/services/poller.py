"""One endless poll of one cluster: ask, make a snapshot, rest. To fail is a snapshot too, with its fault."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress

import msgspec

from console.clients.dashboard import DashboardClient
from console.errors import NotFoundError, SourceError, UnreachableError
from console.model.cluster import ClusterSnapshot, Fault, Identity, State
from console.model.job import Job, count_jobs
from console.services.back_off import rest_after

JOBS_EVERY_S = 10.0  # the list has no pages: slowly, unless somebody looks at it
SHORT_LIST, MOST_ASKED_AGAIN = 200, 20
RECENT_DEATH_S = 600.0
# A refused connection costs the other side nothing, so a head that comes back is seen soon; what answers wrongly or
# late gets more and more rest.
REST_REFUSED_S, REST_TROUBLED_S = 4.0, 30.0


class ClusterPoller:
    """Polls one cluster; at most one request is in flight."""

    def __init__(
        self,
        dashboard: DashboardClient,
        *,
        refresh_s: float,
        last: ClusterSnapshot | None = None,
        clock: Callable[[], float] = time.time,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._dashboard = dashboard
        self.refresh_s = refresh_s
        self._clock = clock
        self._jitter = jitter
        self._wake = asyncio.Event()
        self._free = asyncio.Event()
        self._free.set()
        self._failures = 0
        self._is_in_step = True  # with the other clusters: all were asked at the same moment
        self._longest_rest_s = REST_TROUBLED_S
        self._jobs_at = self._nodes_at = self._free_at = float("-inf")
        self.jobs_wanted = False  # somebody looks at the list of jobs: ask for it at each refresh
        # More while Prometheus has the figures: the list costs the head 13 KB a node, and every question us its time.
        self.nodes_every_s = 0.0
        self.last = last or ClusterSnapshot(spec=dashboard.spec, taken_at=clock())

    async def snapshots(self) -> AsyncIterator[ClusterSnapshot]:
        """Yield a snapshot at each refresh, for ever."""
        while True:
            await self._free.wait()
            yield await self.poll()
            await self._rest()

    def refresh(self) -> None:
        """End the present rest: ask again at once, the nodes and the jobs too."""
        self._jobs_at = self._nodes_at = self._free_at = float("-inf")
        self._is_in_step = True
        self._wake.set()

    @property
    def is_held(self) -> bool:
        """Return whether it rests because the path to its cluster is broken."""
        return not self._free.is_set()

    def hold(self, *, held: bool) -> None:
        """Rest while the path to the cluster is broken, and ask at once when it is whole again."""
        if held:
            self._free.clear()
        elif self.is_held:
            self._free.set()
            self._failures = 0
            self.refresh()

    async def poll(self) -> ClusterSnapshot:
        """Ask once. Whatever the cluster does, this returns within the deadlines of its requests."""
        try:
            identity = await self._dashboard.identity()
        except SourceError as error:
            self.last = self._unanswered(error)
            self._longest_rest_s = REST_REFUSED_S if isinstance(error, UnreachableError) else REST_TROUBLED_S
            self._failures += 1
        else:
            self._longest_rest_s = REST_TROUBLED_S
            self.last = await self._answered(identity)
        return self.last

    async def _answered(self, identity: Identity) -> ClusterSnapshot:
        last = self.last
        if last.identity is not None and identity != last.identity:
            last = ClusterSnapshot(spec=last.spec, taken_at=last.taken_at)  # another session: nothing of it holds on
            self._jobs_at = self._nodes_at = self._free_at = float("-inf")
        snapshot = msgspec.structs.replace(
            last, taken_at=self._clock(), answered_at=self._clock(), identity=identity, faults=()
        )
        for part in (self._with_nodes, self._with_free, self._with_jobs):
            try:
                snapshot = await part(snapshot)
            except SourceError as error:
                self._failures += 1
                fault = self._fault(error.what, error.hint)
                return msgspec.structs.replace(snapshot, state=State.DEGRADED, faults=(fault,))
        self._failures = 0
        faults = tuple(self._fault(*words) for words in node_troubles(snapshot))
        return msgspec.structs.replace(snapshot, state=State.DEGRADED if faults else State.UP, faults=faults)

    async def _with_nodes(self, snapshot: ClusterSnapshot) -> ClusterSnapshot:
        if self._clock() - self._nodes_at < self.nodes_every_s:
            return snapshot
        nodes = await self._dashboard.nodes()
        self._nodes_at = self._clock()
        return msgspec.structs.replace(snapshot, nodes=nodes)

    async def _with_free(self, snapshot: ClusterSnapshot) -> ClusterSnapshot:
        if self._clock() - self._free_at < self.nodes_every_s:
            return snapshot
        free = await self._dashboard.free()
        self._free_at = self._clock()
        return msgspec.structs.replace(snapshot, free=free)

    async def _with_jobs(self, snapshot: ClusterSnapshot) -> ClusterSnapshot:
        """Ask for the whole list now and then; in between, while somebody looks, only for what has not ended."""
        known = snapshot.jobs
        if known is None or self._clock() - self._jobs_at >= self._jobs_every_s(len(known)):
            jobs = await self._dashboard.jobs()
            self._jobs_at = self._clock()
        elif self.jobs_wanted:
            jobs = await self._asked_again(known)
        else:
            return snapshot
        if jobs == known:  # the same objects: nobody need look through thousands of them
            return snapshot
        return msgspec.structs.replace(snapshot, jobs=jobs, job_counts=count_jobs(jobs))

    def _jobs_every_s(self, count: int) -> float:
        """Return how often the whole list is asked for: it has no pages, and what has ended does not change."""
        if self.jobs_wanted:
            return 0.0 if count <= SHORT_LIST else count / 500
        return max(JOBS_EVERY_S, count / 200)

    async def _asked_again(self, jobs: tuple[Job, ...]) -> tuple[Job, ...]:
        unfinished = [job for job in jobs if not job.ended and job.submission_id is not None]
        newest = sorted(unfinished, key=lambda job: job.start_time or 0.0)[-MOST_ASKED_AGAIN:]
        now: dict[str, Job] = {}
        for job in newest:
            with suppress(NotFoundError):  # the next whole list leaves it out
                now[job.id] = await self._dashboard.job(job.id)
        return tuple(now.get(job.id, job) for job in jobs)

    def _unanswered(self, error: SourceError) -> ClusterSnapshot:
        spec, now = self.last.spec, self._clock()
        if spec.starting and isinstance(error, UnreachableError):
            return msgspec.structs.replace(self.last, taken_at=now)
        fault = self._fault(error.what, error.hint)
        return msgspec.structs.replace(self.last, taken_at=now, state=State.DOWN, faults=(fault,))

    def _fault(self, message: str, hint: str) -> Fault:
        """Keep the time a fault began as long as it stays the same one."""
        known = next((fault for fault in self.last.faults if fault.message == message), None)
        return Fault("dashboard", message, hint, known.since if known else self._clock())

    async def _rest(self) -> None:
        rest_s = self._rest_s()
        if self._is_in_step:  # one shorter rest, so that fifty clusters do not answer at once for ever
            self._is_in_step, rest_s = False, rest_s * (0.1 + 0.9 * self._jitter())
        try:
            async with asyncio.timeout(rest_s):
                await self._wake.wait()
        except TimeoutError:
            pass
        self._wake.clear()

    def _rest_s(self) -> float:
        return rest_after(self._failures, self.refresh_s, self._longest_rest_s, self._jitter())


def node_troubles(snapshot: ClusterSnapshot) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with the nodes of a cluster that answers, each with its hint."""
    alive, expected = len(snapshot.alive_nodes), snapshot.spec.expected_nodes
    if alive == 0:
        yield "no node is alive", "is the head still starting?"
    elif expected is not None and alive < expected:
        yield f"{alive} of {expected} expected nodes alive", "start the missing ones, or correct `nodes`"
    for node in snapshot.nodes:
        if not node.alive and node.died_at is not None and snapshot.taken_at - node.died_at < RECENT_DEATH_S:
            words = f": {node.death_message}" if node.death_message else ""
            yield f"{node.role} node {node.ip or node.node_id[:12]} died{words}", ""
