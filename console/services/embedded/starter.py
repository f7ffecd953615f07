"""Starting embedded clusters: choose names and ports, start a guard for each, wait until their dashboards answer."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from importlib.metadata import PackageNotFoundError, version
from types import TracebackType
from typing import Self

from console.errors import EmbeddedError
from console.services.embedded.plans import Planner
from console.services.embedded.ports import ports_are_free
from console.services.embedded.prometheus import prometheus_binary
from console.services.embedded.record import FOLDER, Plan, Record, log_file
from console.services.embedded.registry import EmbeddedCluster, describe, read_records
from console.services.embedded.spawn import SpawnedGuard
from console.services.embedded.survey import Survey, survey
from console.services.embedded.takedown import GUARD_DEADLINE_S, take_down
from console.services.state_folder import StateFolder

_TRIES = 3
_POLL_S = 0.05
DEFAULT_CPUS = 6

Progress = Callable[[str], None]


async def up(
    state: StateFolder, clusters: int, cpus: int, progress: Progress, *, environ: Mapping[str, str] | None = None
) -> list[EmbeddedCluster]:
    """Have at least ``clusters`` clusters that outlive this process; see ``Starter.up``."""
    return await Starter(state, progress, keep=True, environ=environ).up(clusters, cpus)


class Starter:
    """Starts clusters and, with ``keep=False``, owns them: they end with this object, or with this process.

    ``keep=True`` hands them over once all of them run. Used as ``async with`` when they shall end with the block.
    """

    def __init__(
        self,
        state: StateFolder,
        progress: Progress,
        *,
        keep: bool,
        environ: Mapping[str, str] | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._state, self._progress, self._keep, self._sleep = state, progress, keep, sleep
        self._environ = os.environ if environ is None else environ
        self._guards: dict[str, SpawnedGuard] = {}

    async def up(self, clusters: int = 1, cpus: int = DEFAULT_CPUS) -> list[EmbeddedCluster]:
        """Have at least ``clusters`` running clusters with ``cpus`` logical CPUs each, and return all that run.

        What runs is kept as it is. A record whose head is gone is started anew, with the same name, ports and token.
        Raise EmbeddedError when one does not start; what this call had started is down again by then.
        """
        earlier = set(self._guards.values())
        try:
            async with self._state.locked(self._sleep):
                found = await asyncio.to_thread(survey, read_records(self._state), set(self._guards))
                started = await self._spawn_missing(found, clusters, cpus)
            waits = [self._watch_up(g) if g.plan.role == "prometheus" else self._bring_up(g) for g in started]
            await _all_good(*waits, *(self._joined(record) for record in found.joinable))
        except BaseException:
            await self._call_off({name for name, guard in self._guards.items() if guard not in earlier})
            raise
        if self._keep:
            self._hand_over()
        return self._describe({record.name for record in found.usable})

    async def down(self) -> None:
        """End what this object started and did not hand over."""
        await self._call_off(set(self._guards))

    async def _call_off(self, names: set[str]) -> None:
        guards = [self._guards.pop(name) for name in sorted(names)]
        for guard in guards:
            self._progress(f"{guard.plan.name}: taking it down")
            guard.let_go()
        await asyncio.gather(*(self._ended(guard) for guard in guards))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        await self.down()

    async def _clear(self, found: Survey) -> None:
        for record in found.usable:
            self._progress(f"{record.name}: runs already")
        for record in found.dead:
            self._progress(f"{record.name}: does not live any more")
        await asyncio.gather(*(take_down(self._state, record, self._progress) for record in found.dead))

    async def _spawn_missing(self, found: Survey, clusters: int, cpus: int) -> list[SpawnedGuard]:
        planner = Planner(self._state, self._environ, found, keep=self._keep)
        await self._clear(found)
        plans = planner.clusters(clusters, cpus)
        for plan in plans:
            self._progress(f"{plan.name}: starting Ray {_ray_version()}, dashboard 127.0.0.1:{plan.ports.dashboard}")
        binary = prometheus_binary(self._environ)
        if binary is None:
            self._progress("prometheus: no binary on PATH or in $PROMETHEUS_BIN, so figures come from the dashboards")
        elif watcher := planner.prometheus(binary):
            self._progress(f"{watcher.name}: starting on 127.0.0.1:{watcher.ports.dashboard}")
            plans.append(watcher)
        return list(await asyncio.gather(*(self._spawn(plan) for plan in plans)))

    async def _spawn(self, plan: Plan) -> SpawnedGuard:
        """Start a guard and return once its record is written, so that others see the name and the ports."""
        guard = self._guards[plan.name] = SpawnedGuard(plan, self._environ)
        while not guard.said:
            guard.listen()
            await self._sleep(_POLL_S)
        return guard

    async def _watch_up(self, guard: SpawnedGuard) -> None:
        """Wait for Prometheus; without it the console still works, so its failure is only told."""
        try:
            await self._bring_up(guard)
        except EmbeddedError as error:
            self._guards.pop(guard.plan.name, None)
            self._progress(str(error))

    async def _bring_up(self, guard: SpawnedGuard) -> None:
        name, began = guard.plan.name, time.monotonic()
        for attempt in range(_TRIES):
            error = await self._outcome(guard)
            if not error:
                self._progress(f"{name}: up after {time.monotonic() - began:.1f} s")
                return
            # Between our look at the ports and their use another program may have taken one.
            if ports_are_free(guard.plan.ports) or attempt == _TRIES - 1:
                raise EmbeddedError(name, error, f"see {self._state.at(FOLDER, log_file(name))}")
            self._progress(f"{name}: another program took one of its ports, trying others")
            async with self._state.locked(self._sleep):
                guard = await self._spawn(Planner.with_other_ports(guard.plan, read_records(self._state)))

    async def _outcome(self, guard: SpawnedGuard) -> str:
        """Return an empty text once the guard says that its cluster runs, else why it does not."""
        while True:
            guard.listen()
            for event in guard.said:
                if event.event == "running":
                    return ""
                if event.event == "failed" and guard.ended():
                    return event.error
            await self._sleep(_POLL_S)

    async def _joined(self, record: Record) -> None:
        """Wait for a cluster that another ``up`` is starting right now."""
        self._progress(f"{record.name}: another raydeck is starting it")
        while True:
            now = next((r for r in read_records(self._state) if r.name == record.name), None)
            if now is None:
                raise EmbeddedError(record.name, "the raydeck that was starting it gave up", "raydeck up")
            if now.phase == "running":
                return
            await self._sleep(_POLL_S)

    async def _ended(self, guard: SpawnedGuard) -> None:
        deadline = time.monotonic() + GUARD_DEADLINE_S
        while not guard.ended() and time.monotonic() < deadline:
            await self._sleep(_POLL_S)
        record = next((r for r in read_records(self._state) if r.marker == guard.plan.marker), None)
        if record is not None:  # its guard was killed, or is stuck
            await take_down(self._state, record, lambda _: None)
        self._progress(f"{guard.plan.name}: down")

    def _hand_over(self) -> None:
        guards, self._guards = self._guards, {}
        for guard in guards.values():
            guard.keep()

    def _describe(self, found: set[str]) -> list[EmbeddedCluster]:
        records = read_records(self._state)
        names = found | set(self._guards)
        watched = any(record.role == "prometheus" for record in records)
        return [
            describe(self._state, record, watched=watched, found=record.name in found)
            for record in records
            if record.role == "ray" and (record.name in names or (self._keep and record.kept))
        ]


async def _all_good(*waits: Coroutine[None, None, None]) -> None:
    """Wait for all, then raise the first error: one failed cluster must not leave another half started."""
    for outcome in await asyncio.gather(*waits, return_exceptions=True):
        if outcome is not None:
            raise outcome


def _ray_version() -> str:
    try:
        return version("ray")
    except PackageNotFoundError as error:
        raise EmbeddedError(
            "embedded", "Ray is not installed in this Python", "pip install 'ray[default,serve]'"
        ) from error
