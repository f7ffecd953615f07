"""All clusters' paths, walked hop by hop for ever: each cluster on its own schedule, so that a hung one delays none.

A front end reads ``checks(name)``, hears of news through ``listen``, and asks ahead of the schedule with ``ask_now``.
A command that wants one answer awaits ``ask(names)``. What ssh can tell of a VM comes by a schedule of its own, one
connection a VM, and may follow the verdict.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from functools import partial

from console.clients.names import Names
from console.config import Config
from console.errors import NotFoundError
from console.model.check import ClusterChecks, Ladder
from console.model.cluster import ClusterSpec
from console.services.cluster_walk import Around, ClusterWalk
from console.services.identity import IdentityMemory, Known
from console.services.loops import Loops
from console.services.path_states import unasked, with_own_error
from console.services.paths import Path, path_of
from console.services.scrape import Scraped
from console.services.vm_watches import MakeVmWatch, VmWatches

# With walks of at most 3 s, a break and a repair are seen within 5 s.
REST_S, REST_BROKEN_S = 1.4, 1.0
EVIDENCE_REST_S, EVIDENCE_BROKEN_S = 20.0, 3.0
Listener = Callable[[ClusterChecks], None]
ScrapedOf = Callable[[str], Scraped | None]
TokenOf = Callable[[ClusterSpec], str | None]


class Prober:
    """What is known of every cluster's path."""

    def __init__(
        self,
        config: Callable[[], Config],
        memory: IdentityMemory,
        *,
        token_of: TokenOf = lambda _: None,
        scraped_of: ScrapedOf = lambda _: None,
        make_vm_watch: MakeVmWatch | None = None,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._config, self._memory = config, memory
        self._token_of, self._scraped_of = token_of, scraped_of
        self._clock, self._loops = clock, Loops(sleep)
        self._names = Names()
        self.vms = VmWatches(self._names, clock, make_vm_watch)
        self._walks: dict[str, ClusterWalk] = {}
        self._checks: dict[str, ClusterChecks] = {}
        self._listeners: list[Listener] = []
        self._restart_listeners: list[Callable[[str, float], None]] = []
        self.is_begun = False

    @property
    def clusters(self) -> tuple[ClusterChecks, ...]:
        """Return what is known of each cluster, in configuration order."""
        return tuple(self._checks.values())

    def checks(self, cluster: str) -> ClusterChecks:
        """Return what is known of one cluster; raise NotFoundError for a name that is not configured."""
        if cluster not in self._checks:
            known = ", ".join(self._checks) or "none is configured"
            raise NotFoundError(cluster, "no such cluster", f"known: {known}")
        return self._checks[cluster]

    def ladders(self, cluster: str) -> tuple[Ladder, ...]:
        """Return the ladders of one cluster, one a service that its path has."""
        return self.checks(cluster).ladders

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Have ``listener`` called after each round of a cluster; return what ends that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def listen_for_restarts(self, listener: Callable[[str, float], None]) -> None:
        """Have ``listener`` called with a cluster whose head was restarted, and when (Unix seconds)."""
        self._restart_listeners.append(listener)

    def ask_now(self, cluster: str) -> None:
        """Walk one cluster's path at once, what ssh can tell included."""
        self.checks(cluster)
        via = self._walks[cluster].path.gate
        self._loops.wake(f"path {cluster}")
        if via is not None:
            self._loops.wake(f"vm {via.name}")

    async def check(self, cluster: str) -> ClusterChecks:
        """Walk one cluster's path once, wait for what ssh can tell, and return all of it."""
        return (await self.ask([cluster]))[0]

    async def ask(self, clusters: Iterable[str], *, with_ssh: bool = True) -> tuple[ClusterChecks, ...]:
        """Walk the paths of these clusters once and return their checks.

        All others are walked, too, without ssh: who answers there tells whether the right one answers here.
        """
        wanted = tuple(clusters)
        for cluster in wanted:
            self.checks(cluster)
        self._names.forget()
        walks = dict(self._walks)
        failed = await asyncio.gather(*map(_walked_once, walks.values()))
        gates = {gate.name for name in wanted if with_ssh and (gate := walks[name].path.gate) is not None}
        looking = (self._look_at_vm(via, wanted) for via in gates)
        await asyncio.gather(*looking, *(walks[name].settle() for name in wanted))
        doubtful = (walk for walk in walks.values() if with_ssh and walk.disagrees(self.vms.seen(walk.path)))
        await asyncio.gather(*map(_walked_once, doubtful))
        for name, error in zip(walks, failed, strict=True):
            if error is not None:
                self._take_error(name, error)
            else:
                self._conclude_safely(name)
        return tuple(self._checks[name] for name in wanted)

    def take_over(self, specs: Iterable[ClusterSpec]) -> None:
        """Make these the clusters; what is known of one whose path did not change is kept."""
        config = self._config()
        before, self._walks = self._walks, {}
        for spec in specs:
            path, known = path_of(spec, config), before.get(spec.name)
            self._walks[spec.name] = known if known is not None and known.path == path else self._new(path)
        changed = {name for name, walk in before.items() if self._walks.get(name) is not walk}
        self._checks = {
            name: self._checks[name] if name in self._checks and name not in changed else unasked(walk.path)
            for name, walk in self._walks.items()
        }
        for via in self.vms.take_over(walk.path for walk in self._walks.values()):
            self._loops.end(f"vm {via}")
        for name in changed:
            before[name].close()
            self._loops.end(f"path {name}")
        self._start_missing()

    def begin(self) -> None:
        """Walk for ever from now on."""
        self.is_begun = True
        self._start_missing()

    def rest(self) -> None:
        """Walk no more, until ``begin``; what is known stays."""
        self.is_begun = False
        self._loops.end_all()

    async def close(self) -> None:
        """End all tasks and connections."""
        self.is_begun = False
        tasks = self._loops.end_all()
        for walk in self._walks.values():
            walk.close()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.vms.close()
        self._names.close()

    def _new(self, path: Path) -> ClusterWalk:
        return ClusterWalk(path, self._names, self._memory, lambda: self._token_of(path.spec), self._clock)

    def _start_missing(self) -> None:
        if not self.is_begun:
            return
        for name in self._walks:
            self._loops.start(f"path {name}", partial(self._walk_one, name, self._walks[name]))
        for via in self.vms:
            self._loops.start(f"vm {via}", partial(self._look_at_one, via))

    async def _walk_one(self, name: str, walk: ClusterWalk) -> float:
        try:
            await self._round(name, walk)
        except Exception as error:  # whatever it is: this path is looked at again, and its row says what it was
            self._take_error(name, error)
        known = self._checks.get(name)
        return REST_S if known is None or known.broken is None else REST_BROKEN_S

    async def _round(self, name: str, walk: ClusterWalk) -> None:
        """Walk one path and tell; a head that is new is told of before it has said who it is."""
        await walk.walk()
        if walk.has_to_learn:
            self._conclude(name)
        await walk.learn()
        self._conclude(name)
        self._wake_vm_for(walk)

    def _take_error(self, name: str, error: Exception) -> None:
        if name in self._walks:
            self._checks[name] = checks = with_own_error(self._checks[name], error, self._clock())
            for listener in tuple(self._listeners):
                with suppress(Exception):  # it may be what failed
                    listener(checks)

    def _wake_vm_for(self, walk: ClusterWalk) -> None:
        """Have ssh look at once where a break is younger than what it saw last."""
        gate = walk.path.gate
        since = walk.broken_since()
        if gate is None or not since:
            return
        seen = self.vms.seen(walk.path)
        if seen is None or seen.asked_at < since:
            self._loops.wake(f"vm {gate.name}")

    async def _look_at_one(self, via: str) -> float:
        ours = [name for name, walk in self._walks.items() if _gate_name(walk) == via]
        await self._look_at_vm(via, ours)
        for name in ours:
            if name in self._checks and self._checks[name].checked_at is not None:
                self._conclude_safely(name)
        is_wanted = any(self._walks[name].wants_evidence for name in ours if name in self._walks)
        return EVIDENCE_BROKEN_S if is_wanted else EVIDENCE_REST_S

    async def _look_at_vm(self, via: str, clusters: Iterable[str]) -> None:
        """Have ssh look at a VM, at what these clusters want to know of it."""
        walks = [self._walks[name] for name in clusters if name in self._walks]
        await self.vms.look(via, [port for walk in walks for port in walk.wanted_ports()])

    def _conclude_safely(self, name: str) -> None:
        try:
            self._conclude(name)
        except Exception as error:
            self._take_error(name, error)

    def _conclude(self, name: str) -> None:
        """Judge what was found on one path, keep it, and tell."""
        walk = self._walks.get(name)
        if walk is None:
            return
        others = {
            other: known
            for other, its in self._walks.items()
            if other != name and (known := its.known) is not None and known.dashboard != walk.path.spec.dashboard
        }
        if walk.judge(others, self._remembered(name, walk), self.vms.seen(walk.path)):
            for tell in self._restart_listeners:
                tell(name, walk.judgement.restarted_at or self._clock())
        around = Around(
            others,
            {other: self._walks[other].versions for other in others},
            self._scraped_of(name),
        )
        self._checks[name] = checks = walk.checks(self.vms.seen(walk.path), around)
        for listener in tuple(self._listeners):
            listener(checks)

    def _remembered(self, name: str, walk: ClusterWalk) -> dict[str, Known]:
        """Return who answered, rightly, as the other clusters."""
        found = {}
        for other in self._walks:
            known = self._memory.get(other) if other != name else None
            if known is not None and known.dashboard != walk.path.spec.dashboard:
                found[other] = known
        return found


def _gate_name(walk: ClusterWalk) -> str | None:
    return walk.path.gate.name if walk.path.gate is not None else None


async def _walked_once(walk: ClusterWalk) -> Exception | None:
    """Walk one path for somebody who waits for it; return what went wrong in raydeck itself."""
    try:
        await walk.walk()
        await walk.learn()
    except Exception as error:
        return error
    return None
