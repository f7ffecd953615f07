"""Forwards: all tunnels that this process keeps open. They end with it, however it ends."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import partial

import msgspec

from console.errors import NotFoundError, RaydeckError
from console.model.forward import KeeperRole, KeptTunnel, tunnel_key
from console.services.forwards.keeper import Keeper
from console.services.forwards.plans import TunnelPlan
from console.services.forwards.record import KeeperRecord, kept_elsewhere, remove_record, write_record
from console.services.state_folder import StateFolder

Listener = Callable[[KeptTunnel], None]
MakeKeeper = Callable[[TunnelPlan, Mapping[str, str], Listener], Keeper]


async def _kept(keeper: Keeper) -> None:
    """Run a keeper; one that fails in a way nobody foresaw must not go on to be shown as up."""
    try:
        await keeper.run()
    except Exception as error:  # what it was is told with its state; its ssh has ended by now
        keeper.give_up(f"ended by an error of raydeck's own: {type(error).__name__}: {error}")


class Forwards:
    """The keepers of one process; what they keep is written into the state folder for other processes to read."""

    def __init__(
        self,
        state: StateFolder,
        environ: Mapping[str, str],
        *,
        role: KeeperRole = "console",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._state, self._environ, self._clock = state, environ, clock
        self.role = role
        self._keepers: dict[str, Keeper] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._listeners: list[Listener] = []
        self._changed = asyncio.Event()
        self._writer: asyncio.Task[None] | None = None
        self._write: asyncio.Future[None] | None = None

    @property
    def tunnels(self) -> tuple[KeptTunnel, ...]:
        """Return how each tunnel stands that this process keeps, or kept until it gave up."""
        return tuple(keeper.tunnel for keeper in self._keepers.values())

    def tunnel(self, key: str) -> KeptTunnel | None:
        """Return how one tunnel stands, None where this process does not keep it."""
        return None if key not in self._keepers else self._keepers[key].tunnel

    def of_cluster(self, cluster: str) -> KeptTunnel | None:
        """Return how a cluster's forwards stand, in whichever direction this process keeps them; None: in neither."""
        return self.tunnel(cluster) or self.tunnel(tunnel_key(cluster, "reverse"))

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Have ``listener`` called with each new state of a tunnel; return what ends that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    async def up(self, plans: Iterable[TunnelPlan]) -> None:
        """Keep these tunnels open from now on; one that is kept already, and has not given up, goes on as it is."""
        for plan in plans:
            known = self._keepers.get(plan.key)
            if known is not None and known.plan == plan and known.tunnel.state != "given-up":
                continue
            await self.down([plan.key])
            keeper = self._keepers[plan.key] = Keeper(
                plan,
                self._environ,
                self._publish,
                clock=self._clock,
                kept_elsewhere=partial(kept_elsewhere, self._state),
            )
            self._tasks[plan.key] = asyncio.create_task(_kept(keeper), name=f"tunnel {plan.key}")
            self._publish(keeper.tunnel)
        if self._writer is None and self._keepers:
            self._writer = asyncio.create_task(self._keep_written())

    async def down(self, keys: Iterable[str]) -> tuple[str, ...]:
        """Close these tunnels; return the keys of those that this process kept."""
        ended = tuple(key for key in keys if key in self._tasks)
        tasks = [self._tasks.pop(key) for key in ended]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for key in ended:
            closed = self._keepers.pop(key).tunnel
            self._publish(msgspec.structs.replace(closed, state="closed", since=self._clock(), ssh_pid=None))
        return ended

    async def follow(self, plans: Iterable[TunnelPlan]) -> None:
        """Close what is kept for a cluster that is gone or leads elsewhere now; ``plans`` are all there could be."""
        wanted = {plan.key: plan for plan in plans}
        for key, keeper in tuple(self._keepers.items()):
            if wanted.get(key) != keeper.plan:
                await self.down([key])
                await self.up([wanted[key]] if key in wanted else ())

    async def settled(self, key: str) -> KeptTunnel:
        """Return how a tunnel stands once it has been tried; raise NotFoundError when it is closed meanwhile."""
        changed = asyncio.Event()
        end_listening = self.listen(lambda _: changed.set())
        try:
            while (tunnel := self.tunnel(key)) is not None and tunnel.state == "connecting":
                changed.clear()
                await changed.wait()
        finally:
            end_listening()
        if tunnel is None:
            raise NotFoundError(key, "its forwards were closed meanwhile")
        return tunnel

    async def close(self) -> None:
        """Close all tunnels, and remove what was written down."""
        await self.down(tuple(self._tasks))
        if self._writer is not None:
            self._writer.cancel()
            await asyncio.gather(self._writer, return_exceptions=True)
            # A thread goes on when its task is cancelled: a write under way would bring back what is removed here.
            if self._write is not None:
                await asyncio.gather(self._write, return_exceptions=True)
            self._writer = self._write = None
            with suppress(OSError):
                await asyncio.to_thread(lambda: remove_record(self._state, self._record()))

    def _publish(self, tunnel: KeptTunnel) -> None:
        self._changed.set()
        for listener in tuple(self._listeners):
            listener(tunnel)

    async def _keep_written(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            with suppress(OSError, RaydeckError):  # a full disk is no reason to close a tunnel
                self._write = asyncio.ensure_future(
                    asyncio.to_thread(lambda: write_record(self._state, self._record()))
                )
                await asyncio.shield(self._write)

    def _record(self) -> KeeperRecord:
        from console.services.embedded.processes import mark  # noqa: PLC0415 -- psutil costs the start 20 ms

        own = mark(os.getpid())
        assert own is not None  # noqa: S101 -- this process lives
        return KeeperRecord(self.role, own, self.tunnels)
