"""Ending embedded clusters from outside their guards: what ``raydeck down`` does, and the clean-up of dead records."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

import psutil

from console.errors import EmbeddedError
from console.services.embedded import processes
from console.services.embedded.files import remove_traces
from console.services.embedded.record import FOLDER, Record
from console.services.embedded.registry import read_records
from console.services.state_folder import StateFolder

GUARD_DEADLINE_S = 20.0


async def down(state: StateFolder, progress: Callable[[str], None]) -> list[str]:
    """End every cluster that ``up`` handed over, and what was left by starters that died; return their names.

    Clusters that live as long as a console that runs now are left to it. Raise EmbeddedError when a process cannot
    be ended.
    """
    async with state.locked():
        records = [record for record in read_records(state) if not _told_off(record, progress)]
        # Prometheus goes last, so that its targets do not seem to fail.
        clusters = [record for record in records if record.role == "ray"]
        others = [record for record in records if record.role != "ray"]
        for group in (clusters, others):
            await asyncio.gather(*(take_down(state, record, progress) for record in group))
        _remove_logs(state)
    return [record.name for record in records]


async def take_down(state: StateFolder, record: Record, progress: Callable[[str], None]) -> None:
    """End one recorded group, through its guard if that lives. Raise EmbeddedError for processes that stay."""
    progress(f"{record.name}: taking it down")
    left = await asyncio.to_thread(_end, record)
    if left:
        pids = ", ".join(str(process.pid) for process in left)
        raise EmbeddedError(record.name, f"these processes do not end: {pids}", "look at them with ps, end them by pid")
    remove_traces(state, record.name, record.folder)
    progress(f"{record.name}: down")


def _end(record: Record) -> list[psutil.Process]:
    guard = processes.find(record.guard)
    if guard:
        with suppress(psutil.Error):
            guard.terminate()
        if not processes.wait_for_end(record.guard, GUARD_DEADLINE_S):
            with suppress(psutil.Error):
                guard.kill()
    return processes.end(lambda: processes.family(record))


def _told_off(record: Record, progress: Callable[[str], None]) -> bool:
    """Return whether a console that lives now owns it, and say so."""
    owned = not record.kept and record.starter is not None
    if not owned or record.starter is None or not (processes.find(record.guard) and processes.find(record.starter)):
        return False
    progress(f"{record.name}: belongs to the console with pid {record.starter.pid} and ends with it")
    return True


def _remove_logs(state: StateFolder) -> None:
    """Remove what failed starts left to be read."""
    living = {record.name for record in read_records(state)}
    for path in list(state.at(FOLDER).glob("*.log")):
        if path.stem not in living:
            state.remove(FOLDER, path.name)
