"""All clusters at once: one dashboard client and one poller each, what they last said, and their history.

The owner of every connection to a dashboard. A front end runs one task per cluster over ``watch(name)``; what it gets
has the figures of Prometheus in it where there is one.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from typing import TypeVar

import msgspec

from console.clients.dashboard import DashboardClient
from console.errors import NotFoundError
from console.model.check import ClusterChecks
from console.model.cluster import ClusterSnapshot, ClusterSpec, State
from console.services.history import CpuHistory
from console.services.metrics_watch import MetricsWatch
from console.services.path_faults import joined
from console.services.poller import ClusterPoller
from console.services.seen import SeenHistory

Value = TypeVar("Value")
MakeDashboard = Callable[[ClusterSpec], DashboardClient]
# How often nodes are asked for of a cluster whose figures Prometheus has and nobody looks at. What a head tells of them
# is up to 8 s old: with longer rests their rows would be stale at the end of each.
NODES_REST_S = 5.0
_TURNS_BETWEEN = 4  # of the event loop, between two clusters: a key takes a dozen from the terminal to the screen


class Fleet:
    """Clusters by name, in configuration order."""

    def __init__(
        self,
        make_dashboard: MakeDashboard,
        *,
        refresh_s: float,
        metrics: MetricsWatch | None = None,
        observe: Callable[[ClusterSnapshot], None] = lambda _: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._make_dashboard = make_dashboard
        self._refresh_s = refresh_s
        self._clock = clock
        self._dashboards: dict[str, DashboardClient] = {}
        self._pollers: dict[str, ClusterPoller] = {}
        self._jobs_wanted = False
        self._observe = observe
        self._shown: dict[str, ClusterSnapshot] = {}
        self._changed: dict[str, asyncio.Event] = {}
        self._paths: dict[str, ClusterChecks] = {}
        self.metrics = metrics
        self.history = CpuHistory()
        self.seen = SeenHistory()

    @property
    def refresh_s(self) -> float:
        """How often everything is asked for, in seconds."""
        return self._refresh_s

    @refresh_s.setter
    def refresh_s(self, refresh_s: float) -> None:
        self._refresh_s = refresh_s
        for poller in self._pollers.values():
            poller.refresh_s = refresh_s

    @property
    def specs(self) -> tuple[ClusterSpec, ...]:
        """Return the clusters as they stand."""
        return tuple(poller.last.spec for poller in self._pollers.values())

    @property
    def snapshots(self) -> tuple[ClusterSnapshot, ...]:
        """Return what is known of each cluster, from all sources."""
        return tuple(self._shown.get(name, poller.last) for name, poller in self._pollers.items())

    def poller(self, name: str) -> ClusterPoller:
        """Return a cluster's poller; raise NotFoundError for a name that is not configured."""
        return self._found(self._pollers, name)

    def dashboard(self, name: str) -> DashboardClient:
        """Return a cluster's dashboard; raise NotFoundError for a name that is not configured."""
        return self._found(self._dashboards, name)

    def differing(self, specs: Iterable[ClusterSpec]) -> frozenset[str]:
        """Return the names that are new, gone or changed against these."""
        wanted = {spec.name: spec for spec in specs}
        known = {spec.name: spec for spec in self.specs}
        return frozenset(name for name in wanted | known if wanted.get(name) != known.get(name))

    async def take_over(self, specs: Iterable[ClusterSpec]) -> tuple[str, ...]:
        """Make these the clusters; return the names whose polling has to start (new or changed ones).

        A cluster that is gone or has another address has its connections closed, which ends what was under way on them.
        """
        wanted = {spec.name: spec for spec in specs}
        differing = self.differing(wanted.values())
        changed = tuple(name for name in wanted if name in differing)
        closing: list[Awaitable[None]] = [self._dashboards.pop(name).close() for name in differing - wanted.keys()]
        closing += [left_over for name in changed for left_over in self._connect(wanted[name])]
        before = self._pollers
        self._pollers = {}
        for name, spec in wanted.items():
            self._pollers[name] = self._replaced(spec, before.get(name)) if name in changed else before[name]
        self._shown = {name: shown for name, shown in self._shown.items() if name not in differing}
        self._paths = {name: path for name, path in self._paths.items() if name not in differing}
        self.seen.keep_only(set(wanted))
        if self.metrics is not None:
            self.metrics.take_over(wanted.values())
        await asyncio.gather(*closing)
        return changed

    async def watch(self, name: str) -> AsyncIterator[ClusterSnapshot]:
        """Poll one cluster for ever; yield what is known whenever its dashboard or Prometheus has said something."""
        changed = self._changed[name] = asyncio.Event()
        polling = asyncio.create_task(self._poll(self.poller(name), changed))
        polling.add_done_callback(lambda _: changed.set())
        if self.metrics is not None:
            self.metrics.begin(lambda: self.refresh_s, self._figures_changed)
        try:
            while True:
                await changed.wait()
                changed.clear()
                if polling.done():
                    polling.result()
                snapshot = self._joined(name)
                self.history.record(snapshot)
                self.seen.record(snapshot)
                self._observe(snapshot)
                yield snapshot
        finally:
            polling.cancel()

    def take_path(self, checks: ClusterChecks) -> None:
        """Take in what a walk over a cluster's path found: while no way leads there, its polling rests."""
        name = checks.cluster
        if name not in self._pollers:
            return
        before, self._paths[name] = self._paths.get(name), checks
        poller = self._pollers[name]
        poller.hold(held=checks.dark is not None and not poller.last.spec.starting)
        if poller.last.state is State.DOWN and checks.ok and checks.dark is None:
            self._refresh_older(poller, checks.checked_at or 0.0)
        # While no way leads there nothing else renews what is known, and a state is told once it was found twice.
        if name in self._changed and (before is None or checks.dark is not None or _told(before) != _told(checks)):
            self._changed[name].set()

    @staticmethod
    def _refresh_older(poller: ClusterPoller, walked_at: float) -> None:
        """Have a cluster asked at once that a walk reached: its poller had not, and may rest for half a minute."""
        if poller.last.taken_at < walked_at:
            poller.refresh()

    def look_at(self, *names: str) -> None:
        """Have everything asked for, at every refresh, of the clusters that are on screen with their nodes."""
        if self.metrics is not None:
            self.metrics.look_at(names)
        for name in names:
            if name in self._pollers and self._pollers[name].nodes_every_s:
                self._pollers[name].nodes_every_s = 0.0
                self._pollers[name].refresh()

    def refresh(self) -> None:
        """Ask every cluster now."""
        for poller in self._pollers.values():
            poller.refresh()
        if self.metrics is not None:
            self.metrics.wake()

    def want_jobs(self, *, wanted: bool) -> None:
        """Have the lists of jobs asked for at every refresh while somebody looks at them."""
        self._jobs_wanted = wanted
        for poller in self._pollers.values():
            poller.jobs_wanted = wanted
        if wanted:
            self.refresh()

    async def ask_all(self) -> tuple[ClusterSnapshot, ...]:
        """Ask every cluster once, all at the same time; none can hold up another longer than its deadline."""
        return await self.ask(self._pollers)

    async def ask(self, names: Iterable[str]) -> tuple[ClusterSnapshot, ...]:
        """Ask these clusters once, and every Prometheus, all at the same time; not those to which no way leads."""
        pollers = {name: self.poller(name) for name in names}
        figures = (self.metrics.refresh(),) if self.metrics is not None else ()
        asking = (poller.poll() for poller in pollers.values() if not poller.is_held)
        await asyncio.gather(*asking, *figures)
        return tuple(self._joined(name) for name in pollers)

    async def close(self) -> None:
        """Close all connections."""
        await self.take_over(())
        if self.metrics is not None:
            await self.metrics.close()

    async def _poll(self, poller: ClusterPoller, changed: asyncio.Event) -> None:
        async for _ in poller.snapshots():
            changed.set()

    async def _figures_changed(self, names: Iterable[str]) -> None:
        """Have these clusters joined anew, one after the other: fifty at once would hold up a key for 80 ms."""
        for name in names:
            if name in self._changed:
                self._changed[name].set()
                for _ in range(_TURNS_BETWEEN):
                    await asyncio.sleep(0)

    def _joined(self, name: str) -> ClusterSnapshot:
        poller = self.poller(name)
        told = poller.last
        if self.metrics is not None:
            told = self.metrics.joined(told)
            poller.nodes_every_s = NODES_REST_S if self.metrics.can_stand_for(name) else 0.0
        path = self._paths.get(name)
        if path is not None and path.dark is not None:
            told = msgspec.structs.replace(told, dark_at=path.checked_at)
        self._shown[name] = joined(told, path)
        return self._shown[name]

    def _connect(self, spec: ClusterSpec) -> Iterator[Awaitable[None]]:
        """Make this cluster's dashboard, or lead the one that there is to its new place; yield what closes the rest."""
        fresh = self._make_dashboard(spec)
        if spec.name in self._dashboards:
            yield self._dashboards[spec.name].become(fresh)
        else:
            self._dashboards[spec.name] = fresh

    def _replaced(self, spec: ClusterSpec, before: ClusterPoller | None) -> ClusterPoller:
        last = None
        if before is not None and before.last.spec.dashboard == spec.dashboard:
            last = msgspec.structs.replace(before.last, spec=spec)  # the same head: what it said still holds
        poller = ClusterPoller(self._dashboards[spec.name], refresh_s=self.refresh_s, last=last, clock=self._clock)
        poller.jobs_wanted = self._jobs_wanted
        return poller

    @staticmethod
    def _found(values: dict[str, Value], name: str) -> Value:
        if name not in values:
            known = ", ".join(values) or "none is configured"
            raise NotFoundError(name, "no such cluster", f"known: {known}")
        return values[name]


def _told(checks: ClusterChecks) -> tuple[object, ...]:
    """Return what of a path's checks stands on a cluster's row."""
    broken = checks.dark or checks.broken
    words = None if broken is None else (broken.probe, broken.service, broken.detail, broken.cause, broken.hint)
    return checks.checked_at is None, checks.ok, checks.total, checks.first_broken, words
