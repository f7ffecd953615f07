"""The full-screen console: wires configuration, services and screens. No logic of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from datetime import tzinfo
from typing import ClassVar, cast

import msgspec
from textual.app import App
from textual.command import Provider
from textual.signal import Signal

from console.clients.http import import_client
from console.model.cluster import ClusterSnapshot
from console.providers import CommandProvider
from console.render.glyphs import UNICODE, Glyphs
from console.screens.modes import MODES
from console.screens.switchboard import Switchboard
from console.services.core import Core
from console.services.topology import TopologyChange
from console.widgets.palette import draw_scroll_bars_whole
from console.widgets.themes import use_themes


class ConsoleApp(Switchboard):
    """One run of the console. ``zone`` None is local time; ``no_color`` follows the environment."""

    TITLE = "raydeck"
    CSS_PATH = "app.tcss"
    COMMANDS: ClassVar[set[type[Provider] | Callable[[], type[Provider]]]] = {CommandProvider}
    MODES: ClassVar = MODES
    ENABLE_COMMAND_PALETTE = True

    def __init__(self, core: Core, *, glyphs: Glyphs = UNICODE, zone: tzinfo | None = None) -> None:
        super().__init__(ansi_color=bool(core.options.environ.get("NO_COLOR")))
        draw_scroll_bars_whole()
        self.set_class(glyphs.ascii_only, "-ascii")
        self.core = core
        core.note = self.tell
        self.glyphs = glyphs
        self.zone = zone
        self.fleet_changed: Signal[ClusterSnapshot | None] = Signal(self, "fleet_changed")
        self.ticked: Signal[None] = Signal(self, "ticked")
        use_themes(cast("App[object]", self))  # before anything is styled, so that nothing is styled twice

    async def on_mount(self) -> None:
        """Paint every cluster first, ask afterwards: each in a worker of its own."""
        unasked = await self.core.fleet.take_over(self.core.topology.current.clusters)
        await self.switch_mode("clusters")
        self.set_interval(1.0, lambda: self.ticked.publish(None))
        self.run_worker(self._begin(unasked), group="begin")

    async def _begin(self, unasked: Sequence[str]) -> None:
        await self.painted.wait()
        await asyncio.to_thread(import_client)
        self._poll_all(unasked)
        await self._take_over(self.core.topology.current)
        self.run_worker(self._watch_topology(), group="topology")

    async def _watch_topology(self) -> None:
        async for change in self.core.topology.changes():
            await self._take_over(change)

    async def _take_over(self, change: TopologyChange) -> None:
        self.core.fleet.refresh_s = change.config.console.refresh_s
        for name in self.core.fleet.differing(change.clusters):
            self.workers.cancel_group(self, f"poll {name}")
        self.core.prober.take_over(change.clusters)
        await self.core.follow_forwards()
        self.core.prober.begin()
        self._poll_all(await self.core.fleet.take_over(change.clusters))
        self.fleet_changed.publish(None)

    def _poll_all(self, names: Iterable[str]) -> None:
        for name in names:
            self.run_worker(self._poll(name), group=f"poll {name}")

    async def _poll(self, name: str) -> None:
        told: ClusterSnapshot | None = None
        async for snapshot in self.core.fleet.watch(name):
            # That it answered again is no news: its ages grow with the clock.
            news = msgspec.structs.replace(snapshot, taken_at=0.0, answered_at=None)
            if news != told:
                told = news
                self.fleet_changed.publish(snapshot)

    def want_jobs(self, *, wanted: bool) -> None:
        """Have all clusters asked for their jobs at every refresh, or slowly."""
        self.core.fleet.want_jobs(wanted=wanted)

    @property
    def failure(self) -> BaseException | None:
        """Return what ended the console although nothing of ours caught it, None after a good end."""
        return self._exception

    def _fatal_error(self) -> None:
        """End. Textual's own way prints a traceback with the values of local variables, secrets among them."""
        self._close_messages_no_wait()
