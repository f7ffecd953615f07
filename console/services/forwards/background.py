"""The supervisor of ``raydeck tunnel up --background``: keeps open what ``wanted.json`` says, and ends when nothing is.

It is a process in a session of its own. SIGTERM ends it in order; whatever ends it ends its ssh.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

from console.services.forwards.forwards import Forwards
from console.services.forwards.record import read_wanted
from console.services.state_folder import StateFolder

_LOOK_EVERY_S = 0.3


async def supervise(state: StateFolder) -> None:
    """Keep open what is wanted until nothing is, or until asked to end."""
    asked_to_end = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, asked_to_end.set)
    forwards = Forwards(state, dict(os.environ), role="background")
    try:
        while not asked_to_end.is_set() and await _follow(forwards, state):
            try:
                await asyncio.wait_for(asked_to_end.wait(), _LOOK_EVERY_S)
            except TimeoutError:
                continue
    finally:
        await forwards.close()


async def _follow(forwards: Forwards, state: StateFolder) -> bool:
    """Make what is kept what is wanted; return whether anything is."""
    plans = await asyncio.to_thread(read_wanted, state)
    wanted = {plan.key for plan in plans}
    await forwards.down([tunnel.key for tunnel in forwards.tunnels if tunnel.key not in wanted])
    await forwards.up(plan for plan in plans if not _has_given_up(forwards, plan.key))
    return bool(plans)


def _has_given_up(forwards: Forwards, key: str) -> bool:
    tunnel = forwards.tunnel(key)
    return tunnel is not None and tunnel.state == "given-up"


def main() -> None:
    """Run the supervisor; the state folder is the first argument after the package's folder."""
    os.chdir("/")
    asyncio.run(supervise(StateFolder(Path(sys.argv[2]))))
