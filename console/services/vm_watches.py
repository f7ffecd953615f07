"""All VMs on which tunnels end, and what ssh saw last of each."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress

from console.clients.names import Names
from console.clients.vm_script import Asked
from console.services.evidence import Evidence, VmWatch
from console.services.paths import Path

MakeVmWatch = Callable[[Path, Names], VmWatch]


class VmWatches:
    """One watch a VM. Evidence explains and decides nothing: that there is none is no more than told."""

    def __init__(self, names: Names, clock: Callable[[], float], make: MakeVmWatch | None = None) -> None:
        self._names, self._clock = names, clock
        self._make = make or _vm_watch
        self._watches: dict[str, VmWatch] = {}
        self._evidence: dict[str, Evidence] = {}

    def __iter__(self) -> Iterator[str]:
        """Return the names of the VMs."""
        return iter(tuple(self._watches))

    def take_over(self, paths: Iterable[Path]) -> tuple[str, ...]:
        """Make the VMs of these paths the ones to watch; return those that are not watched as before."""
        gates = {path.gate.name: path for path in paths if path.gate is not None}
        gone = tuple(via for via, vm in self._watches.items() if via not in gates or gates[via].gate != vm.gate)
        for via in gone:
            self._evidence.pop(via, None)
            watch = self._watches.pop(via)
            with suppress(RuntimeError):  # nothing is open where no loop runs
                asyncio.get_running_loop().create_task(watch.close())
        for via, path in gates.items():
            if via not in self._watches:
                self._watches[via] = self._make(path, self._names)
        return gone

    def seen(self, path: Path) -> Evidence | None:
        """Return what ssh saw last of the VM of a path, None where nothing."""
        return None if path.gate is None else self._evidence.get(path.gate.name)

    async def look(self, via: str, ports: Iterable[Asked]) -> None:
        """Have ssh look at a VM, which may be gone from the configuration by then, or when it answers."""
        watch = self._watches.get(via)
        if watch is None:
            return
        try:
            seen = await watch.ask(ports)
        except Exception as error:  # whatever it is, it is the reason why nothing was seen
            seen = Evidence(asked_at=self._clock(), unasked=f"raydeck failed there: {type(error).__name__}: {error}")
        if self._watches.get(via) is watch:
            self._evidence[via] = seen

    def forget(self) -> None:
        """Forget what was seen."""
        self._evidence.clear()

    async def forget_connections(self) -> None:
        """End the shared connections to the VMs; the next question makes them anew."""
        await asyncio.gather(*(watch.close() for watch in self._watches.values()))

    async def close(self) -> None:
        """End the connections for good, and watch nothing."""
        await self.forget_connections()
        self._watches.clear()


def _vm_watch(path: Path, names: Names) -> VmWatch:
    assert path.gate is not None  # noqa: S101 -- asked for paths with a VM only
    return VmWatch(path.gate, names)
