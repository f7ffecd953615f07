"""Submissions of which nobody could tell whether they were started: looked for once their cluster answers again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from msgspec import Struct

from console.clients.dashboard import DashboardClient
from console.errors import NotFoundError, SourceError
from console.model.cluster import ClusterSnapshot, State
from console.model.event import Event, Level

MISSED_AFTER_S = 30.0  # a head takes what was under way inside it within its own deadlines, mostly
GIVE_UP_AFTER_S = 600.0


class _Untold(Struct):
    cluster: str
    since: float
    missed: bool = False
    asking: bool = False


class UntoldJobs:
    """``tell`` hears what became of each, once: that it is there after all, or that it is not."""

    def __init__(self, tell: Callable[[Event], None], clock: Callable[[], float] = time.time) -> None:
        self._tell = tell
        self._clock = clock
        self._untold: dict[str, _Untold] = {}
        self._asking: set[asyncio.Task[None]] = set()

    def remember(self, cluster: str, submission_id: str) -> None:
        """Look for this submission from now on."""
        self._untold[submission_id] = _Untold(cluster, self._clock())

    def of(self, cluster: str) -> tuple[str, ...]:
        """Return the submissions that may be jobs on this cluster, for all that is known."""
        return tuple(each for each, untold in self._untold.items() if untold.cluster == cluster and not untold.missed)

    @property
    def left(self) -> tuple[tuple[str, str], ...]:
        """Return the submissions of which nothing was found out, each after its cluster."""
        return tuple((untold.cluster, each) for each, untold in self._untold.items() if not untold.missed)

    def observe(self, snapshot: ClusterSnapshot, dashboard: DashboardClient) -> None:
        """Ask a cluster that answers for its untold submissions, without waiting for it."""
        if snapshot.state not in {State.UP, State.DEGRADED}:
            return
        for submission_id, untold in self._untold.items():
            if untold.cluster == snapshot.spec.name and not untold.asking:
                untold.asking = True
                task = asyncio.create_task(self._ask(dashboard, submission_id, untold))
                self._asking.add(task)
                task.add_done_callback(self._asking.discard)

    async def close(self) -> None:
        """End what is being asked."""
        for task in self._asking:
            task.cancel()
        await asyncio.gather(*self._asking, return_exceptions=True)

    async def _ask(self, dashboard: DashboardClient, submission_id: str, untold: _Untold) -> None:
        try:
            job = await dashboard.job(submission_id)
        except NotFoundError:
            self._missed(submission_id, untold)
        except SourceError:
            pass  # asked again with the next snapshot
        else:
            self._over(submission_id, untold, "ok", f"was started after all: {job.status}")
        finally:
            untold.asking = False

    def _missed(self, submission_id: str, untold: _Untold) -> None:
        waited_s = self._clock() - untold.since
        if waited_s > GIVE_UP_AFTER_S:
            self._untold.pop(submission_id, None)
        if waited_s > MISSED_AFTER_S and not untold.missed:
            untold.missed = True
            self._say(submission_id, untold, "warn", f"was not started, as {untold.cluster} answers now")

    def _over(self, submission_id: str, untold: _Untold, level: Level, message: str) -> None:
        self._untold.pop(submission_id, None)
        self._say(submission_id, untold, level, message)

    def _say(self, submission_id: str, untold: _Untold, level: Level, message: str) -> None:
        words = f"{submission_id} {message}"
        self._tell(Event(self._clock(), untold.cluster, "", "job", submission_id, level, words))
