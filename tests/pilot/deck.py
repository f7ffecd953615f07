"""The console under test: the real app and core on small servers, with a clock of the test's own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from console.app import ConsoleApp
from console.render.glyphs import UNICODE, Glyphs
from console.screens.choose import ChooseScreen
from console.screens.submit import SubmitScreen
from console.services.core import Core, Options
from console.widgets.resource_table import ResourceTable

NOON = 1_795_384_800.0  # 2026-11-22 22:00:00 UTC
PATIENCE_S = 30.0


class Clock:
    """Stands still until a test moves it."""

    def __init__(self, now: float = NOON) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class Deck:
    """What a test does with a console: press, wait for what it shows, read its cells."""

    def __init__(self, app: ConsoleApp, pilot: Pilot[None], clock: Clock) -> None:
        self.app = app
        self.core = app.core
        self.pilot = pilot
        self.clock = clock
        self._told: list[str] = []
        show = app.notify

        def notify(message: str, **how: Any) -> None:
            self._told.append(message)
            show(message, **how)

        app.notify = notify  # type: ignore[method-assign]

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()

    def lines(self) -> list[str]:
        """Return what the screen shows, as a terminal would get it."""
        return [strip.text for strip in self.app.screen._compositor.render_strips()]

    @property
    def text(self) -> str:
        return "\n".join(self.lines())

    def line(self, *words: str) -> str:
        """Return the first line that holds all these words."""
        found = [line for line in self.lines() if all(word in line for word in words)]
        assert found, f"no line with {words} in\n{self.text}"
        return found[0]

    async def until(self, condition: Callable[[], object], what: str = "") -> None:
        """Wait for a condition to become true."""
        give_up_at = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < give_up_at, f"waited in vain {what} on\n{self.text}"
            await asyncio.sleep(0.02)
        await self.pilot.pause()

    async def shows(self, *texts: str) -> None:
        """Wait until the screen shows all these texts."""
        await self.until(lambda: all(text in self.text for text in texts), f"for {texts}")

    async def asked(self) -> None:
        """Wait until every cluster has said something, or has a fault."""
        await self.until(lambda: all(s.state != "unknown" for s in self.core.fleet.snapshots), "for all clusters")
        await self.tick()

    async def no_walks(self) -> None:
        """Have no path walked: a head that hangs is down for it after seconds of real time, sooner than for a poll."""
        await self.until(lambda: self.core.prober.is_begun, "for the first walk")
        self.core.prober.rest()

    async def open_form(self, job: str = "parallel_processing") -> None:
        """Open the form of a job for the cluster under the cursor, by way of the list where there are several."""
        await self.press("s")
        await self.until(lambda: isinstance(self.app.screen, (ChooseScreen, SubmitScreen)))
        if isinstance(self.app.screen, ChooseScreen):
            self.table.go_to(job)
            await self.press("enter")
        await self.shows(f"submit {job}")

    async def tick(self, seconds: float = 0.0) -> None:
        """Let time pass, and the screen notice it."""
        self.clock.now += seconds
        self.app.ticked.publish(None)
        await self.pilot.pause()

    @property
    def messages(self) -> list[str]:
        """Return all passing messages so far; Textual forgets its own after seconds of real time."""
        return self._told.copy()

    @property
    def table(self) -> ResourceTable:
        """Return the table that has the focus."""
        assert isinstance(self.app.focused, ResourceTable)
        return self.app.focused


def configuration(clusters: Mapping[str, Mapping[str, Any]], before: str = "") -> str:
    """Return a clusters.toml; values are written as TOML."""
    tables = [
        "\n".join(["[[clusters]]", f'name = "{name}"', *(f"{key} = {_toml(value)}" for key, value in keys.items())])
        for name, keys in clusters.items()
    ]
    return before + "\n\n".join(tables) + "\n"


def _toml(value: object) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_toml(each)}" for key, each in value.items()) + " }"
    return str(value).lower() if isinstance(value, bool) else repr(value) if isinstance(value, int) else f'"{value}"'


@asynccontextmanager
async def deck(
    folder: Path,
    clusters: Mapping[str, Mapping[str, Any]],
    *,
    size: tuple[int, int] = (120, 36),
    glyphs: Glyphs = UNICODE,
    clock: Clock | None = None,
    environ: Mapping[str, str] | None = None,
    before: str = "",
    read_only: bool = False,
    prepare: Callable[[Core], None] = lambda _: None,
) -> AsyncIterator[Deck]:
    """Run the console on these clusters; ``folder`` holds configuration, state and whatever is written.

    ``prepare`` may put stand-ins for parts of the core before anything is shown.
    """
    clock = clock or Clock()
    config = folder / "clusters.toml"
    config.write_text(configuration(clusters, before))
    surroundings = {"XDG_STATE_HOME": str(folder / "state"), "HOME": str(folder), **(environ or {})}
    core = Core(Options(config, read_only, surroundings, folder), clock)
    core.load()
    prepare(core)
    app = ConsoleApp(core, glyphs=glyphs, zone=UTC)
    try:
        async with app.run_test(size=size, notifications=True) as pilot:
            await pilot.pause()
            yield Deck(app, pilot, clock)
    finally:
        await core.close()
