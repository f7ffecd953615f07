"""The ladder of one tunnel: hop by hop from the operator to the Ray head, green up to the break, and what mends it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widget import Widget

from console.commands import bindings
from console.messages import CopyAsked
from console.model.check import CheckedService, ClusterChecks
from console.render.ladder_head import NOT_WALKED, kept_lines, ladder_head, service_line
from console.render.ladder_lines import ladder_lines
from console.screens.paths import PathScreen
from console.widgets.lines import Lines


class LadderScroll(VerticalScroll):
    """Moves with the keys of any list."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "scroll_down", show=False),
        Binding("k", "scroll_up", show=False),
        Binding("g", "scroll_home", show=False),
        Binding("G", "scroll_end", show=False),
        Binding("right", "screen.service(1)", show=False),
        Binding("left", "screen.service(-1)", show=False),
    ]


class LadderScreen(PathScreen):
    """One service of one cluster at a time; Tab goes on to the next service."""

    scopes = ("ladder", "anywhere")
    mode = "tunnels"
    BINDINGS: ClassVar[list[BindingType]] = bindings(*scopes)

    def __init__(self, cluster: str) -> None:
        super().__init__()
        self._cluster = cluster
        self._service: CheckedService | None = None  # the one that the operator turned to

    def body(self) -> Iterable[Widget]:
        """Return head, services and hops."""
        glyphs = self.deck.glyphs
        yield Lines(id="ladder-head", glyphs=glyphs)
        yield Lines(id="services", glyphs=glyphs)
        yield LadderScroll(Lines(id="ladder", grows=True, glyphs=glyphs))

    @property
    def chosen(self) -> str | None:
        """Return the cluster whose ladder this is."""
        return self._cluster

    def show_paths(self) -> None:
        """Show the ladder as the last walk found it."""
        checks, core, glyphs = self.checks, self.deck.core, self.deck.glyphs
        if checks is None:
            self.query_one("#ladder", Lines).show([((f"  {self._cluster} is not configured any more", "dim"),)])
            return
        now, width = core.clock(), self.size.width
        service = self.service_of(checks)
        self.show_title("ladder-head", ladder_head(checks, service, width, now, glyphs))
        self.show_title("services", service_line(checks, service))
        ladder = checks.ladder(service)
        if checks.checked_at is None:
            self.query_one("#ladder", Lines).show([(), *NOT_WALKED])
            return
        hops = () if ladder is None else ladder_lines(checks, ladder, width - 2, glyphs, now=now, zone=self.deck.zone)
        self.query_one("#ladder", Lines).show([(), *hops, *kept_lines(checks, self.kept, now, glyphs)])

    def service_of(self, checks: ClusterChecks) -> CheckedService:
        """Return the service to show: the one turned to, else the first that is broken, else the dashboard."""
        if self._service is not None:
            return self._service
        return next((ladder.service for ladder in checks.ladders if ladder.first_broken), "dashboard")

    def action_service(self, by: int) -> None:
        """Turn to another service of this path."""
        if self.checks is None or not self.checks.ladders:
            return
        services = [ladder.service for ladder in self.checks.ladders]
        shown = self.service_of(self.checks)
        self._service = services[((services.index(shown) if shown in services else 0) + by) % len(services)]
        self.show_paths()

    def on_resize(self) -> None:
        """Wrap anew."""
        super().on_resize()
        self.show_paths()

    def action_copy_command(self) -> None:
        """Copy the command that mends it, where something is broken; else the one that walks the same."""
        ladder = None if self.checks is None else self.checks.ladder(self.service_of(self.checks))
        broken = None if ladder is None else ladder.first_broken
        if broken is not None and broken.command:
            self.post_message(CopyAsked(broken.command))
        else:
            super().action_copy_command()

    def equivalent_command(self) -> Sequence[str]:
        """Return ``check`` of this cluster."""
        return ("check", self._cluster)

    def useless_keys(self) -> Collection[str]:
        """Only forwards can be opened and closed."""
        return () if self.has_forwards else ("u", "d")

    def action_back(self) -> None:
        """Close."""
        self.dismiss()
