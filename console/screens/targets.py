"""Prometheus' scrape targets of our clusters: which are up, which are down with Prometheus' own error."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from textwrap import wrap
from typing import ClassVar

from textual.binding import BindingType
from textual.widget import Widget

from console.commands import bindings
from console.model.metrics import Target
from console.render.cells import Pieces
from console.render.chart_notes import HOW_TO_ADD
from console.render.metric_tables import TARGET_COLUMNS, server_lines, target_row
from console.screens.tables import TableScreen
from console.widgets.lines import Lines
from console.widgets.resource_table import ResourceTable


class TargetsScreen(TableScreen):
    """While it is shown, every server is asked for its targets every 5 s."""

    CSS_PATH: ClassVar = ["framed.tcss", "targets.tcss"]
    scopes = ("table", "anywhere")
    mode = "metrics"
    main_table_id = "targets"
    BINDINGS: ClassVar[list[BindingType]] = bindings(*scopes)

    def body(self) -> Iterable[Widget]:
        """Return the servers, their targets, and in full the error of the one under the cursor."""
        glyphs = self.deck.glyphs
        table = ResourceTable(TARGET_COLUMNS, glyphs=glyphs, id="targets")
        yield Lines(id="servers", grows=True, glyphs=glyphs)
        yield table
        yield Lines(id="target-error", grows=True, glyphs=glyphs)
        yield self.filter_line()

    def on_screen_resume(self) -> None:
        """Ask now, and often from now on."""
        if self.deck.core.fleet.metrics is not None:
            self.deck.core.fleet.metrics.want_targets(wanted=True)

    def on_screen_suspend(self) -> None:
        """Ask seldom again."""
        if self.deck.core.fleet.metrics is not None:
            self.deck.core.fleet.metrics.want_targets(wanted=False)

    def on_unmount(self) -> None:
        """Ask seldom again, however the screen was closed."""
        self.on_screen_suspend()

    def show_fleet(self) -> None:
        """Show what the servers told last."""
        super().show_fleet()
        core, glyphs = self.deck.core, self.deck.glyphs
        servers = core.fleet.metrics.servers if core.fleet.metrics is not None else ()
        now = core.clock()
        self.query_one("#servers", Lines).show(server_lines(servers, now, core.stale_after_s, glyphs))
        self.main_table.empty = _empty(asked=bool(servers), ascii_only=glyphs.ascii_only)
        self.main_table.show({_key(target): target_row(target, now, glyphs) for target in self._targets()})
        self._show_error()

    def show_time(self) -> None:
        """Let ages grow."""
        super().show_time()
        self.show_fleet()

    def on_resource_table_moved(self) -> None:
        """Show another error."""
        self._show_error()

    def step_back(self) -> None:
        """Close."""
        self.dismiss()

    def equivalent_command(self) -> Sequence[str]:
        """Return ``targets``."""
        return ("targets",)

    def _targets(self) -> tuple[Target, ...]:
        metrics = self.deck.core.fleet.metrics
        return metrics.targets if metrics is not None else ()

    def _show_error(self) -> None:
        key, glyphs = self.main_table.cursor_key, self.deck.glyphs
        target = next((target for target in self._targets() if _key(target) == key), None)
        error = glyphs.safe(target.error) if target is not None else ""
        lines = wrap(error, max(20, self.size.width - 2), max_lines=4, placeholder=f" {glyphs.ellipsis}")
        panel = self.query_one("#target-error", Lines)
        panel.set_class(bool(lines), "some")
        panel.show([((f" {line}", "warn"),) for line in lines])


def _key(target: Target) -> str:
    return f"{target.server} {target.cluster} {target.job} {target.instance}"


def _empty(*, asked: bool, ascii_only: bool) -> tuple[Pieces, ...]:
    if asked:
        return ((("asking for the targets", "dim"),),)
    how = HOW_TO_ADD.replace("…", "...") if ascii_only else HOW_TO_ADD
    return (
        (("no cluster has a Prometheus, so nothing is scraped for raydeck", ""),),
        (),
        (("figures come from the dashboards, history from what raydeck has seen", "dim"),),
        ((how, "accent"),),
    )
