"""Tunnels mode: clusters x services, and what is broken first on the way to the cluster under the cursor."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import ClassVar

from textual.binding import BindingType
from textual.widget import Widget

from console.commands import bindings
from console.messages import TunnelAsked
from console.render.tunnels_table import (
    TUNNELS_COLUMNS,
    inapplicable_tunnel_columns,
    no_tunnels_lines,
    path_lines,
    tunnel_row,
)
from console.screens.paths import PathScreen
from console.screens.tables import TableScreen
from console.widgets.lines import Lines
from console.widgets.resource_table import ResourceTable


class TunnelsScreen(PathScreen, TableScreen):
    """Every path on one page."""

    CSS_PATH: ClassVar = ["framed.tcss", "clusters.tcss"]
    scopes = ("tunnel", "table", "anywhere")
    mode = "tunnels"
    main_table_id = "tunnels"
    BINDINGS: ClassVar[list[BindingType]] = bindings(*scopes)

    def body(self) -> Iterable[Widget]:
        """Return the table, its filter, and what is wrong with the row under the cursor."""
        table = ResourceTable(TUNNELS_COLUMNS, glyphs=self.deck.glyphs, id="tunnels")
        table.empty = no_tunnels_lines()
        yield table
        yield self.filter_line()
        yield Lines(id="faults", grows=True, glyphs=self.deck.glyphs)

    def show_paths(self) -> None:
        """Show every path."""
        core, zone, glyphs = self.deck.core, self.deck.zone, self.deck.glyphs
        now, stale_after_s, clusters = core.clock(), core.stale_after_s, core.prober.clusters
        self.main_table.hide_columns(inapplicable_tunnel_columns(clusters))
        self.main_table.show(
            {
                each.cluster: tunnel_row(each, core.forwards.of_cluster(each.cluster), now, stale_after_s, zone, glyphs)
                for each in clusters
            }
        )
        self._show_chosen()

    def _show_chosen(self) -> None:
        core, zone, glyphs = self.deck.core, self.deck.zone, self.deck.glyphs
        lines = path_lines(self.checks, self.kept, self.size.width, core.clock(), zone, glyphs)
        panel = self.query_one("#faults", Lines)
        panel.set_class(bool(lines), "some")
        panel.show(lines)

    def on_resource_table_moved(self) -> None:
        """Tell of another path."""
        self._show_chosen()
        self.show_keys()

    def on_resource_table_opened(self) -> None:
        """Open the ladder of the cluster under the cursor."""
        self.action_ladder()

    def action_ladder(self) -> None:
        """Ask for the ladder."""
        if self.chosen is not None:
            self.post_message(TunnelAsked(self.chosen))

    @property
    def chosen(self) -> str | None:
        """Return the cluster under the cursor."""
        return self.main_table.cursor_key

    def useless_keys(self) -> Collection[str]:
        """Without clusters there is no path; only forwards can be opened and closed."""
        if self.checks is None:
            return ("Enter", "c", "u", "d", "/")
        return () if self.has_forwards else ("u", "d")

    def equivalent_command(self) -> Sequence[str]:
        """Return ``check``."""
        return ("check",)
