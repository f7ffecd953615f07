"""One node in full: every figure that Ray can have, with unit, source and age, or why it is not there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual.binding import BindingType
from textual.widget import Widget

from console.commands import bindings
from console.model.cluster import ClusterSnapshot, Node
from console.model.hosts import host_mates
from console.model.metrics import stale_limit_s
from console.render.cells import Pieces
from console.render.node_detail import DETAIL_COLUMNS, detail_rows
from console.render.nodes_table import node_name
from console.screens.tables import TableScreen
from console.widgets.lines import Lines
from console.widgets.resource_table import ResourceTable


class NodeScreen(TableScreen):
    """Opened over metrics or clusters mode."""

    CSS_PATH: ClassVar = ["framed.tcss"]
    scopes = ("table", "anywhere")
    main_table_id = "figures"
    looks_at_nodes = True
    BINDINGS: ClassVar[list[BindingType]] = bindings(*scopes)

    def __init__(self, cluster: str, node_id: str, mode: str) -> None:
        super().__init__()
        self._cluster = cluster
        self._node_id = node_id
        self.mode = mode  # the one that it was opened from stays lit

    def body(self) -> Iterable[Widget]:
        """Return the node's name, its figures, and the filter."""
        yield Lines(id="node-title", classes="title", glyphs=self.deck.glyphs)
        yield ResourceTable(DETAIL_COLUMNS, glyphs=self.deck.glyphs, id="figures")
        yield self.filter_line()

    def on_screen_resume(self) -> None:
        """Have it asked for again, whatever a screen above looked at."""
        self.deck.core.fleet.look_at(self._cluster)

    def show_fleet(self) -> None:
        """Show what is known of the node."""
        super().show_fleet()
        core = self.deck.core
        snapshot, node = self._found()
        if snapshot is None or node is None:
            self.show_title("node-title", ((f" {self._cluster} {self._node_id[:12]} is gone", "warn"),))
            return
        self.show_title("node-title", _title(snapshot, node))
        times = core.clock(), stale_limit_s(core.stale_after_s, node.scrape_interval_s)
        mates = host_mates(snapshot).get(node.node_id, ())
        self.main_table.show(detail_rows(snapshot, node, mates, times, self.deck.glyphs))

    def show_time(self) -> None:
        """Let ages grow."""
        super().show_time()
        self.show_fleet()

    def step_back(self) -> None:
        """Close."""
        self.dismiss()

    def equivalent_command(self) -> Sequence[str]:
        """Return ``nodes`` of the cluster."""
        return ("nodes", "--cluster", self._cluster, "--json")

    def _found(self) -> tuple[ClusterSnapshot | None, Node | None]:
        snapshots = self.deck.core.fleet.snapshots
        snapshot = next((one for one in snapshots if one.spec.name == self._cluster), None)
        nodes = snapshot.nodes if snapshot is not None else ()
        return snapshot, next((node for node in nodes if node.node_id == self._node_id), None)


def _title(snapshot: ClusterSnapshot, node: Node) -> Pieces:
    state = ("alive", "ok") if node.alive else ("dead", "bad")
    version = f"   Ray {snapshot.identity.ray_version}" if snapshot.identity is not None else ""
    return (
        (f" {snapshot.spec.name}", "accent"),
        (f" {node_name(node)}", ""),
        (f"  {node.role}  ", "dim"),
        state,
        (f"   {node.hostname}   {node.node_id[:12]}{version}", "dim"),
    )
