"""The supervisor in the background seen from outside: started, given work, asked how it stands, ended.

Several commands at once take turns: whoever changes what is wanted holds the state folder's lock.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import console
from console.errors import RaydeckError
from console.model.forward import KeptTunnel
from console.services.forwards.plans import TunnelPlan
from console.services.forwards.record import (
    FOLDER,
    LOG,
    KeeperRecord,
    background_of,
    read_records,
    read_wanted,
    write_wanted,
)
from console.services.state_folder import StateFolder

_BOOT = "import sys; sys.path.insert(0, sys.argv[1]); from console.services.forwards.background import main; main()"
_POLL_S = 0.1
_ENDS_WITHIN_S, _STARTS_WITHIN_S = 15.0, 15.0
_SETTLED = frozenset({"up", "held", "given-up", "waiting"})


class BackgroundSupervisor:
    """What a command does with the one supervisor that may run in the background."""

    def __init__(
        self,
        state: StateFolder,
        environ: Mapping[str, str],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._state, self._environ, self._sleep = state, environ, sleep

    async def up(self, plans: Sequence[TunnelPlan], timeout_s: float) -> tuple[KeptTunnel, ...]:
        """Have these tunnels kept open in the background; return how they stand once each has been tried.

        Raise RaydeckError when the supervisor does not start, or is gone before it has told of each.
        """
        keys = {plan.key for plan in plans}
        async with self._state.locked(self._sleep):
            failed = {tunnel.key for tunnel in await self._tunnels() if tunnel.state == "given-up"} & keys
            if failed:
                await self._without(failed)
            runs = await self.record() is not None  # what a dead one was to keep is not wanted any more
            others = tuple(plan for plan in await self._wanted() if plan.key not in keys) if runs else ()
            await asyncio.to_thread(write_wanted, self._state, (*others, *plans))
            if not runs:
                await self._start()
        tunnels = await self._tried(keys, timeout_s)
        if {tunnel.key for tunnel in tunnels} != keys:
            await self._refuse_what_ended(keys)
        return tunnels

    async def _refuse_what_ended(self, keys: set[str]) -> None:
        """Raise what is to be said of a supervisor that has not told of these: it ended, or is too busy."""
        log = self._state.at(FOLDER, LOG)
        if await self.record() is not None:
            missing = ", ".join(sorted(keys))
            raise RaydeckError("tunnel", f"the supervisor in the background has not taken up {missing}", f"see {log}")
        async with self._state.locked(self._sleep):
            await asyncio.to_thread(write_wanted, self._state, ())
        raise RaydeckError("tunnel", "the supervisor in the background has ended, and keeps nothing open", f"see {log}")

    async def down(self, keys: Collection[str] | None = None) -> tuple[str, ...]:
        """Have these tunnels closed, all without any; the supervisor ends with its last one. Return what it had."""
        async with self._state.locked(self._sleep):
            had = tuple(plan.key for plan in await self._wanted() if keys is None or plan.key in keys)
            record = await self.record()
            if record is not None or had:
                await self._without(set(had))
            return had if record is not None else ()

    async def record(self) -> KeeperRecord | None:
        """Return what the supervisor wrote down, None when none runs."""
        return background_of(await asyncio.to_thread(read_records, self._state))

    async def _tunnels(self) -> tuple[KeptTunnel, ...]:
        record = await self.record()
        return () if record is None else record.tunnels

    async def _wanted(self) -> tuple[TunnelPlan, ...]:
        return await asyncio.to_thread(read_wanted, self._state)

    async def _without(self, keys: set[str]) -> None:
        """Take these out of what is wanted, and wait until they are closed."""
        record = await self.record()
        left = tuple(plan for plan in await self._wanted() if plan.key not in keys)
        await asyncio.to_thread(write_wanted, self._state, left)
        if not left:
            if record is not None:
                await asyncio.to_thread(_end, record)
            await asyncio.to_thread(self._state.remove, FOLDER, LOG)
        elif record is not None:
            await self._until(lambda now: not {tunnel.key for tunnel in now} & keys, _ENDS_WITHIN_S)

    async def _tried(self, keys: set[str], timeout_s: float) -> tuple[KeptTunnel, ...]:
        return tuple(
            tunnel
            for tunnel in await self._until(
                lambda now: {tunnel.key for tunnel in now if tunnel.state in _SETTLED} >= keys, timeout_s
            )
            if tunnel.key in keys
        )

    async def _until(
        self, condition: Callable[[tuple[KeptTunnel, ...]], bool], timeout_s: float
    ) -> tuple[KeptTunnel, ...]:
        """Return the tunnels as soon as the condition holds for them, or as they are when the time is over."""
        tunnels = await self._tunnels()
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while not condition(tunnels) and await self.record() is not None:
                    await self._sleep(_POLL_S)
                    tunnels = await self._tunnels()
        return tunnels

    async def _start(self) -> None:
        log = await asyncio.to_thread(self._state.write, b"", FOLDER, LOG)
        process = await asyncio.to_thread(self._spawn, log)
        with suppress(TimeoutError):
            async with asyncio.timeout(_STARTS_WITHIN_S):
                while process.poll() is None:
                    if await self.record() is not None:
                        return
                    await self._sleep(_POLL_S)
        process.kill()
        process.wait()
        await asyncio.to_thread(write_wanted, self._state, ())
        raise RaydeckError("tunnel", "the supervisor in the background does not start", f"see {log}")

    def _spawn(self, log: Path) -> subprocess.Popen[bytes]:
        # -P and an explicit folder: neither the current folder nor PYTHONPATH decides what it imports.
        package = str(Path(console.__file__).parents[1])
        with log.open("ab") as told:
            return subprocess.Popen(
                [sys.executable, "-P", "-c", _BOOT, package, str(self._state.path)],
                stdin=subprocess.DEVNULL,
                stdout=told,
                stderr=told,
                env=self._environ,
                start_new_session=True,
            )


def _end(record: KeeperRecord) -> None:
    """End the supervisor by pid and start time, by force if it does not want to; its ssh end with it."""
    import psutil  # noqa: PLC0415 -- psutil costs the start of the console 20 ms

    from console.services.embedded.processes import find, wait_for_end  # noqa: PLC0415 -- it imports psutil

    process = find(record.process)
    if process is None:
        return
    with suppress(psutil.Error):
        process.terminate()
    if not wait_for_end(record.process, _ENDS_WITHIN_S):
        with suppress(psutil.Error):
            process.kill()
        wait_for_end(record.process, _ENDS_WITHIN_S)
