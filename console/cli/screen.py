"""Opening the full-screen console, alone or with clusters that live as long as it does."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
from collections.abc import Awaitable, Callable

from console.app import ConsoleApp
from console.cli.session import Session, say
from console.errors import RaydeckError, UsageError
from console.screens.modes import import_all
from console.services.crash import crashed

_SETTLED_S = 3.0  # by then the clients are imported, too
# How long another thread may keep the interpreter when the event loop wants it. Python's own 5 ms come again at each
# system call of the loop, and add up to 50 ms of a key's 50 while an answer of Prometheus is taken apart.
_SWITCH_S = 0.0005


def open_console(session: Session) -> None:
    """Run the console until it is left."""
    try:
        asyncio.run(run_console(session))
    finally:
        gc.enable()


async def run_console(session: Session, beside: Callable[[], Awaitable[object]] | None = None) -> None:
    """Run the console; ``beside`` is started once it paints, and its error is shown in it."""
    # Textual draws on standard error, so that one has to be the terminal, too.
    if not (sys.stdin.isatty() and sys.stdout.isatty() and sys.stderr.isatty()):
        raise UsageError("raydeck", "the console needs a terminal", "raydeck status prints the same once")
    if os.environ.get("TERM") == "dumb":
        raise UsageError(
            "raydeck", "this terminal is dumb: it cannot place text", "raydeck status prints the same once"
        )
    _take_the_terminal_s_own_size()
    sys.setswitchinterval(_SWITCH_S)
    core = session.core(starts_clusters=beside is not None)
    core.load()
    app = ConsoleApp(core, glyphs=session.glyphs)
    tasks = [asyncio.create_task(settle(app))]
    if beside is not None:
        tasks.append(asyncio.create_task(_beside(app, beside)))
    try:
        await app.run_async()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await core.close()
    for cluster, job_id in core.untold.left:
        say(f"raydeck: {job_id} may have been started: raydeck logs {job_id} --cluster {cluster} tells it")
    if app.failure is not None:
        raise crashed(session.state, app.failure, "ended")


def _take_the_terminal_s_own_size() -> None:
    """Have the terminal itself asked for its size: an exported COLUMNS or LINES would hold, even when it is resized."""
    for name in ("COLUMNS", "LINES"):
        os.environ.pop(name, None)


async def settle(app: ConsoleApp) -> None:
    """Keep what the start has made out of every later garbage collection: to walk it takes 65 ms of a key's 50."""
    await app.painted.wait()
    await asyncio.sleep(_SETTLED_S)
    await asyncio.to_thread(import_all)
    gc.freeze()
    gc.enable()


async def _beside(app: ConsoleApp, work: Callable[[], Awaitable[object]]) -> None:
    try:
        await app.painted.wait()
        await work()
    except RaydeckError as error:
        app.complain(error)
