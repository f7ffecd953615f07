"""FramedScreen: what all screens share: head with clock, modes and rule, footer with the keys that work, and `y`."""

from __future__ import annotations

import asyncio
import shlex
import time
from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.screen import Screen
from textual.widget import Widget

from console.commands import Scope, in_scopes
from console.messages import CopyAsked
from console.model.cluster import ClusterSnapshot
from console.render.cells import Pieces
from console.render.frame import clock_line, head_right, key_line, mode_line, rule, server_line, state_line
from console.widgets.frugal import FrugalCompositor
from console.widgets.lines import Lines

if TYPE_CHECKING:
    from console.app import ConsoleApp


_WIDE = 100  # cells from which on the head has room for the Prometheus
# What is said within this time is shown as one. Then for so many times as long as that took nothing is shown anew: what
# many clusters say leaves the most time to the keys.
_GATHERED_S, _REST_SHARE, _REST_MOST_S = 0.05, 4.0, 0.25


class FramedScreen(Screen[None]):
    """A screen between the head and the footer. Subclasses give ``scopes``, ``mode`` and ``body``."""

    CSS_PATH: ClassVar = ["framed.tcss"]
    scopes: ClassVar[tuple[Scope, ...]] = ("anywhere",)
    mode: str = ""
    looks_at_nodes: ClassVar[bool] = False  # else nothing is asked for of single nodes while it is on top
    _fleet_is_ahead = False
    _shows_again_at = 0.0

    def __init__(self) -> None:
        super().__init__()
        self._compositor = FrugalCompositor()

    @property
    def deck(self) -> ConsoleApp:
        """Return the app, as what it is."""
        return cast("ConsoleApp", self.app)

    def compose(self) -> ComposeResult:
        """Put the body between head and footer."""
        glyphs = self.deck.glyphs
        with Horizontal(id="head"):
            yield Lines(id="states", glyphs=glyphs)
            yield Lines(id="clock", glyphs=glyphs)
        yield Lines([mode_line(self.mode)], id="modes", glyphs=glyphs)
        yield Lines(id="rule", glyphs=glyphs)
        yield from self.body()
        yield Lines(id="footer", glyphs=glyphs)

    def body(self) -> Iterable[Widget]:
        """Return what stands between head and footer."""
        raise NotImplementedError

    def on_mount(self) -> None:
        """Follow the fleet and the clock as long as the screen lives."""
        self.deck.fleet_changed.subscribe(self, self._fleet_changed, immediate=True)
        self.deck.ticked.subscribe(self, lambda _: self._if_current(self.show_time))

    def on_screen_resume(self) -> None:
        """Show what has changed while another screen was on top."""
        if not self.looks_at_nodes:
            self.deck.core.fleet.look_at()
        self.show_fleet()
        self.show_time()

    def on_resize(self) -> None:
        """Fit rule and footer to the width."""
        self.query_one("#rule", Lines).show([rule(self.size.width, self.deck.glyphs)])
        self.show_keys()

    @property
    def gone(self) -> bool:
        """Return whether this screen is being taken down: what was waited for has nowhere to be shown any more."""
        return not self.is_attached or not self.query("#footer")

    def footer_keys(self) -> Sequence[tuple[str, str]]:
        """Return the keys that work here, with their words, the most useful first."""
        read_only, useless = self.deck.core.read_only, self.useless_keys()
        return [
            (command.shown, command.label)
            for command in in_scopes(self.scopes)
            if command.label and command.shown not in useless and not (read_only and command.changes)
        ]

    def useless_keys(self) -> Collection[str]:
        """Return the keys, as the footer shows them, that would do nothing right now."""
        return ()

    def show_keys(self) -> None:
        """Show in the footer what works here and now."""
        self.query_one("#footer", Lines).show([key_line(self.footer_keys(), self.size.width)])

    def show_fleet(self) -> None:
        """Show what the clusters said last."""
        core = self.deck.core
        self.show_keys()
        self.query_one("#states", Lines).show(
            [state_line(core.fleet.snapshots, self.deck.glyphs, read_only=core.read_only)]
        )

    def show_time(self) -> None:
        """Show what depends on the time alone."""
        core = self.deck.core
        now, servers = core.clock(), core.fleet.metrics.servers if core.fleet.metrics is not None else ()
        is_told = self.size.width >= _WIDE or any(server.fault is not None for server in servers)
        server = server_line(servers, now, core.stale_after_s, self.deck.glyphs) if is_told else ()
        states = state_line(core.fleet.snapshots, self.deck.glyphs, read_only=core.read_only)
        line = head_right(states, server, clock_line(now, self.deck.zone, core.fleet.refresh_s), self.size.width)
        clock = self.query_one("#clock", Lines)
        clock.styles.width = sum(len(text) for text, _ in line)
        clock.show([line])

    def show_title(self, widget_id: str, pieces: Pieces) -> None:
        """Show a one-line title."""
        self.query_one(f"#{widget_id}", Lines).show([pieces])

    def action_copy_command(self) -> None:
        """Copy the command line that shows the same as this screen."""
        words = self.equivalent_command()
        if words:
            self.post_message(CopyAsked(shlex.join(("raydeck", *words))))

    def equivalent_command(self) -> Sequence[str]:
        """Return the words of the command that shows the same, none where there is no such command."""
        return ()

    def _fleet_changed(self, said: ClusterSnapshot | None) -> None:
        """Show what many clusters say at once as one: fifty of them speak within one refresh. None: others were set."""
        if self._fleet_is_ahead or not self.is_current:
            return
        self._fleet_is_ahead = True
        rest_s = max(self._shows_again_at - time.monotonic(), 0.0 if said is None else _GATHERED_S)
        if rest_s > 0:
            # A timer of Textual's would be a task of its own each time.
            asyncio.get_running_loop().call_later(rest_s, self.call_later, self._catch_up_with_fleet)
        else:
            self.call_later(self._catch_up_with_fleet)

    def _catch_up_with_fleet(self) -> None:
        self._fleet_is_ahead = False
        began = time.monotonic()
        self._if_current(self.show_fleet)
        ended = time.monotonic()
        self._shows_again_at = ended + min(_REST_MOST_S, _REST_SHARE * (ended - began))

    def _if_current(self, show: object) -> None:
        if self.is_current and callable(show):
            show()
