"""All Prometheus servers at once: which cluster's figures come from which, and how they join the dashboards' own.

Owns two tasks a server, one for figures and one for targets, so that a hung one holds up no other; and the memory that
faults need to keep their beginning.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping

import msgspec

from console.clients.prometheus import PrometheusClient
from console.config import PrometheusServer
from console.model.cluster import ClusterSnapshot, ClusterSpec, Fault, State
from console.model.metrics import ClusterView, ServerState, Target, Trouble, stale_limit_s
from console.services.cross_check import CrossCheck
from console.services.reconcile import is_of_earlier_session, reconciled, troubles
from console.services.server_watch import ServerWatch

ServerOf = Callable[[ClusterSpec], PrometheusServer | None]
MakeClient = Callable[[PrometheusServer], PrometheusClient]
Changed = Callable[[Iterable[str]], Awaitable[None]]


class MetricsWatch:
    """The servers of the configured clusters; ``server_of`` and ``stale_after_s`` are asked anew when they matter."""

    def __init__(
        self,
        server_of: ServerOf,
        make_client: MakeClient,
        *,
        stale_after_s: Callable[[], float] = lambda: 15.0,
        clock: Callable[[], float] = time.time,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._server_of, self._make_client = server_of, make_client
        self._stale_after_s, self._clock, self._jitter = stale_after_s, clock, jitter
        self._watches: dict[str, ServerWatch] = {}
        self._of_cluster: dict[str, ServerWatch] = {}
        self._tasks: dict[str, tuple[asyncio.Task[None], ...]] = {}
        self._wake: dict[str, asyncio.Event] = {}
        self._wake_targets: dict[str, asyncio.Event] = {}
        self._on_screen: frozenset[str] = frozenset()
        self._cross_check = CrossCheck()
        self._since: dict[tuple[str, str], float] = {}
        self._begun: tuple[Callable[[], float], Changed] | None = None

    @property
    def servers(self) -> tuple[ServerState, ...]:
        """Return how each server is."""
        return tuple(watch.state for watch in self._watches.values())

    @property
    def targets(self) -> tuple[Target, ...]:
        """Return the scrape targets of all clusters, as last told."""
        return tuple(target for watch in self._watches.values() for target in watch.targets)

    def watch_of(self, cluster: str) -> ServerWatch | None:
        """Return the server that has a cluster's series, None without one."""
        return self._of_cluster.get(cluster)

    def take_over(self, specs: Iterable[ClusterSpec]) -> None:
        """Watch these clusters on their servers; a server whose clusters did not change goes on undisturbed."""
        wanted: dict[str, tuple[PrometheusServer, list[ClusterSpec]]] = {}
        for spec in specs:
            server = self._server_of(spec)
            if server is not None:
                wanted.setdefault(server.name, (server, []))[1].append(spec)
        for name in [name for name, watch in self._watches.items() if not _is_same(watch, wanted.get(name))]:
            self._end(name)
        for name, (server, ours) in wanted.items():
            if name not in self._watches:
                self._watches[name] = ServerWatch(self._make_client(server), ours, self._clock)
        self._of_cluster = {spec.name: watch for watch in self._watches.values() for spec in watch.specs}
        self._start_missing()

    def begin(self, refresh_s: Callable[[], float], changed: Changed) -> None:
        """Keep asking every server from now on; ``changed`` hears of which clusters there is something new."""
        if self._begun is None:
            self._begun = (refresh_s, changed)
            self._start_missing()

    def look_at(self, clusters: Iterable[str]) -> None:
        """Have the nodes and GPUs of these clusters asked for, too, from now on: they are on screen."""
        before, self._on_screen = self._on_screen, frozenset(clusters)
        if not self._on_screen <= before:
            self.wake()

    def want_targets(self, *, wanted: bool) -> None:
        """Have the targets asked for at once and every 5 s while somebody looks at them."""
        for watch in self._watches.values():
            watch.scraped.wanted = wanted
        for event in self._wake_targets.values() if wanted else ():
            event.set()

    async def ask_targets(self) -> tuple[Target, ...]:
        """Ask every server for its targets now; what a server that does not answer told before is returned."""
        await asyncio.gather(*(watch.scraped.refresh() for watch in self._watches.values()))
        return self.targets

    def wake(self) -> None:
        """Ask every server now."""
        for event in self._wake.values():
            event.set()

    async def refresh(self) -> None:
        """Ask every server once, all at the same time."""
        figures = (watch.refresh(self._on_screen) for watch in self._watches.values())
        due = (watch.scraped.refresh() for watch in self._watches.values() if watch.scraped.rest_s == 0)
        await asyncio.gather(*figures, *due)

    def can_stand_for(self, cluster: str) -> bool:
        """Return whether fresh figures spare the dashboard of a cluster whose nodes are not on screen."""
        if cluster in self._on_screen:
            return False
        watch = self._of_cluster.get(cluster)
        if watch is None:
            return False
        view = watch.view(cluster)
        oldest_at = self._clock() - stale_limit_s(self._stale_after_s(), view.interval_s)
        return any(sample.sampled_at >= oldest_at for sample in view.figures.samples.values())

    def joined(self, told: ClusterSnapshot) -> ClusterSnapshot:
        """Return a dashboard's snapshot with the figures of Prometheus, and the faults that follow from both."""
        cluster, now = told.spec.name, self._clock()
        watch = self._of_cluster.get(cluster)
        view = watch.view(cluster) if watch is not None else None
        snapshot = reconciled(told, view, now, self._stale_after_s())
        if watch is not None and view is not None:
            self._compare(told, watch, view, now)
        found = list(troubles(snapshot, view))
        if self._on_screen == {cluster}:
            found += self._cross_check.troubles()
        faults = self._faults(cluster, found, now)
        state = State.DEGRADED if faults and snapshot.state is State.UP else snapshot.state
        return msgspec.structs.replace(snapshot, state=state, faults=(*snapshot.faults, *faults))

    async def close(self) -> None:
        """End all tasks and give all connections up."""
        self._begun = None
        tasks = [task for pair in self._tasks.values() for task in pair]
        for name in list(self._watches):
            self._end(name)
        await asyncio.gather(*tasks, return_exceptions=True)

    def _compare(self, told: ClusterSnapshot, watch: ServerWatch, view: ClusterView, now: float) -> None:
        if is_of_earlier_session(told, view):
            watch.ask_sessions()
        elif self._on_screen == {told.spec.name}:
            self._cross_check.look(told, view, now)

    def _faults(self, cluster: str, found: list[Trouble], now: float) -> tuple[Fault, ...]:
        """Give each trouble the time at which it began; what is gone begins anew when it comes back."""
        present = {(cluster, trouble.kind) for trouble in found}
        self._since = {key: at for key, at in self._since.items() if key[0] != cluster or key in present}
        return tuple(
            Fault("prometheus", one.message, one.hint, self._since.setdefault((cluster, one.kind), now), one.kind)
            for one in found
        )

    def _start_missing(self) -> None:
        if self._begun is None:
            return
        for name, watch in self._watches.items():
            if name not in self._tasks:
                self._wake[name], self._wake_targets[name] = asyncio.Event(), asyncio.Event()
                self._tasks[name] = (
                    asyncio.create_task(self._run(watch, self._wake[name], *self._begun)),
                    asyncio.create_task(self._run_targets(watch, self._wake_targets[name], self._begun[1])),
                )

    async def _run(
        self, watch: ServerWatch, wake: asyncio.Event, refresh_s: Callable[[], float], changed: Changed
    ) -> None:
        while True:
            wake.clear()
            await watch.refresh(self._on_screen)
            await changed(spec.name for spec in watch.specs)
            await _until(wake, watch.rest_s(refresh_s(), self._jitter()))

    async def _run_targets(self, watch: ServerWatch, wake: asyncio.Event, changed: Changed) -> None:
        while True:
            wake.clear()
            before = watch.targets
            await watch.scraped.refresh()
            if watch.targets != before:
                await changed(spec.name for spec in watch.specs)
            await _until(wake, watch.scraped.rest_s)

    def _end(self, name: str) -> None:
        watch = self._watches.pop(name)
        watch.client.close()
        for task in self._tasks.pop(name, ()):
            task.cancel()
        self._wake.pop(name, None)
        self._wake_targets.pop(name, None)


async def _until(wake: asyncio.Event, rest_s: float) -> None:
    waiting: Awaitable[bool] = wake.wait()
    try:
        async with asyncio.timeout(rest_s):
            await waiting
    except TimeoutError:
        return


def _is_same(watch: ServerWatch, wanted: tuple[PrometheusServer, list[ClusterSpec]] | None) -> bool:
    return wanted is not None and watch.client.server == wanted[0] and _matched(watch.specs) == _matched(wanted[1])


def _matched(specs: Iterable[ClusterSpec]) -> list[tuple[str, Mapping[str, str]]]:
    return [(spec.name, spec.series) for spec in specs]
