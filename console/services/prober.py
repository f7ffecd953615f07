"""All clusters' paths, walked hop by hop for ever: each cluster on its own schedule, so that a hung one delays none.

A front end reads ``checks(name)``, hears of news through ``listen``, and asks ahead of the schedule with ``ask_now``.
A command that wants one answer awaits ``ask(names)``. What ssh can tell of a VM comes by a schedule of its own, one
connection a VM, and may follow the verdict.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress

from console.clients.names import Names
from console.config import Config
from console.errors import NotFoundError
from console.model.check import ClusterChecks, Ladder, Outcome
from console.model.cluster import ClusterSpec
from console.model.metrics import Target
from console.services.cluster_walk import Around, ClusterWalk
from console.services.evidence import Evidence, VmWatch
from console.services.identity import IdentityMemory, Known
from console.services.paths import Path, path_of

# With walks of at most 3 s, a break and a repair are seen within 5 s.
REST_S, REST_BROKEN_S = 1.4, 1.0
EVIDENCE_REST_S, EVIDENCE_BROKEN_S = 20.0, 3.0
Listener = Callable[[ClusterChecks], None]
TargetsOf = Callable[[str], tuple[Target, ...] | None]
TokenOf = Callable[[ClusterSpec], str | None]
MakeVmWatch = Callable[[Path, Names], VmWatch]


class Prober:
    """What is known of every cluster's path."""

    def __init__(
        self,
        config: Callable[[], Config],
        memory: IdentityMemory,
        *,
        token_of: TokenOf = lambda _: None,
        targets_of: TargetsOf = lambda _: None,
        make_vm_watch: MakeVmWatch | None = None,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._config, self._memory = config, memory
        self._token_of, self._targets_of = token_of, targets_of
        self._make_vm_watch = make_vm_watch or _vm_watch
        self._clock, self._sleep = clock, sleep
        self._names = Names()
        self._walks: dict[str, ClusterWalk] = {}
        self._checks: dict[str, ClusterChecks] = {}
        self._vms: dict[str, VmWatch] = {}
        self._evidence: dict[str, Evidence] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._wake: dict[str, asyncio.Event] = {}
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
        for key in (f"path {cluster}", f"vm {via.name}" if via is not None else ""):
            if key in self._wake:
                self._wake[key].set()

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
        await asyncio.gather(*(walk.walk() for walk in self._walks.values()))
        await asyncio.gather(*(self._walks[name].settle() for name in wanted))
        if with_ssh:
            vias = {walk.path.gate.name for name in wanted if (walk := self._walks[name]).path.gate is not None}
            await asyncio.gather(*(self._look_at_vm(via, wanted) for via in vias))
        for name in self._walks:
            self._conclude(name)
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
        gates = {walk.path.gate.name: walk.path for walk in self._walks.values() if walk.path.gate is not None}
        self._take_over_vms(gates)
        for name in changed:
            before[name].close()
            self._end(f"path {name}")
        self._start_missing()

    def begin(self) -> None:
        """Walk for ever from now on."""
        self.is_begun = True
        self._start_missing()

    def rest(self) -> None:
        """Walk no more, until ``begin``; what is known stays."""
        self.is_begun = False
        for key in list(self._tasks):
            self._end(key)

    async def close(self) -> None:
        """End all tasks and connections."""
        tasks = list(self._tasks.values())
        self.rest()
        for walk in self._walks.values():
            walk.close()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.forget_connections()
        self._vms.clear()
        self._names.close()

    def _new(self, path: Path) -> ClusterWalk:
        return ClusterWalk(path, self._names, self._memory, lambda: self._token_of(path.spec), self._clock)

    def _take_over_vms(self, gates: Mapping[str, Path]) -> None:
        for via in [via for via, vm in self._vms.items() if via not in gates or gates[via].gate != vm.gate]:
            self._end(f"vm {via}")
            self._evidence.pop(via, None)
            vm = self._vms.pop(via)
            with suppress(RuntimeError):  # nothing is open where no loop runs
                asyncio.get_running_loop().create_task(vm.close())
        for via, path in gates.items():
            if via not in self._vms:
                self._vms[via] = self._make_vm_watch(path, self._names)

    def _start_missing(self) -> None:
        if not self.is_begun:
            return
        for name in self._walks:
            self._start(f"path {name}", lambda name=name: self._walk_for_ever(name))  # type: ignore[misc]
        for via in self._vms:
            self._start(f"vm {via}", lambda via=via: self._look_for_ever(via))  # type: ignore[misc]

    def _start(self, key: str, work: Callable[[], Awaitable[None]]) -> None:
        if key not in self._tasks:
            self._wake[key] = asyncio.Event()
            self._tasks[key] = asyncio.ensure_future(work())

    def _end(self, key: str) -> None:
        if (task := self._tasks.pop(key, None)) is not None:
            task.cancel()
        self._wake.pop(key, None)

    async def _walk_for_ever(self, name: str) -> None:
        walk = self._walks[name]
        while True:
            self._wake[f"path {name}"].clear()
            await walk.walk()
            self._conclude(name)
            self._wake_vm_for(walk)
            is_broken = self._checks[name].broken is not None
            await self._rest(f"path {name}", REST_BROKEN_S if is_broken else REST_S)

    def _wake_vm_for(self, walk: ClusterWalk) -> None:
        """Have ssh look at once where a break is younger than what it saw last."""
        gate = walk.path.gate
        since = walk.broken_since()
        if gate is None or not since:
            return
        seen = self._evidence.get(gate.name)
        if seen is None or seen.asked_at < since:
            self._wake[f"vm {gate.name}"].set()

    async def _look_for_ever(self, via: str) -> None:
        while True:
            self._wake[f"vm {via}"].clear()
            ours = [name for name, walk in self._walks.items() if _gate_name(walk) == via]
            await self._look_at_vm(via, ours)
            for name in ours:
                if self._checks[name].checked_at is not None:
                    self._conclude(name)
            is_wanted = any(self._walks[name].wanted_ports() for name in ours if name in self._walks)
            await self._rest(f"vm {via}", EVIDENCE_BROKEN_S if is_wanted else EVIDENCE_REST_S)

    async def _look_at_vm(self, via: str, clusters: Iterable[str]) -> None:
        ports = [port for name in clusters if name in self._walks for port in self._walks[name].wanted_ports()]
        self._evidence[via] = await self._vms[via].ask(ports)

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
        if walk.judge(others, self._remembered(name, walk)):
            for tell in self._restart_listeners:
                tell(name, walk.judgement.restarted_at or self._clock())
        gate = walk.path.gate
        around = Around(
            others,
            {other: self._walks[other].versions for other in others},
            self._targets_of(name),
        )
        self._checks[name] = checks = walk.checks(self._evidence.get(gate.name) if gate is not None else None, around)
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

    async def forget_connections(self) -> None:
        """End the shared connections to the VMs; the next question makes them anew."""
        await asyncio.gather(*(vm.close() for vm in self._vms.values()))

    async def _rest(self, key: str, rest_s: float) -> None:
        waking = asyncio.ensure_future(self._wake[key].wait())
        sleeping = asyncio.ensure_future(self._sleep(rest_s))
        try:
            await asyncio.wait({waking, sleeping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waking.cancel()
            sleeping.cancel()


def _gate_name(walk: ClusterWalk) -> str | None:
    return walk.path.gate.name if walk.path.gate is not None else None


def _vm_watch(path: Path, names: Names) -> VmWatch:
    assert path.gate is not None  # noqa: S101 -- asked for paths with a VM only
    return VmWatch(path.gate, names)


def unasked(path: Path) -> ClusterChecks:
    """Return what is known of a cluster before the first walk: which services there are, and nothing of them."""
    ladders = tuple(map(Ladder, path.services))
    return ClusterChecks(cluster=path.spec.name, reach=path.spec.reach, ladders=ladders)


def is_whole(checks: ClusterChecks) -> bool:
    """Return whether nothing is broken and everything that has to answer did."""
    return checks.broken is None and all(ladder.outcome in {Outcome.OK, Outcome.SKIPPED} for ladder in checks.ladders)
