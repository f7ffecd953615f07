"""Clusters mode: every cluster in one table, what is wrong with the one under the cursor, and its nodes below."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import ClassVar

from textual.binding import BindingType
from textual.widget import Widget

from console.commands import bindings
from console.errors import NotFoundError
from console.messages import LogAsked, NodeAsked, SubmitAsked, TunnelAsked
from console.model.cluster import ClusterSnapshot, Node, State
from console.model.event import event_order
from console.model.hosts import host_mates
from console.model.usage import cluster_sources
from console.render.cells import Row
from console.render.clusters_table import CLUSTER_COLUMNS, cluster_row, inapplicable_columns
from console.render.clusters_table import TREND_COLUMNS as CLUSTER_TREND
from console.render.fault_lines import STARTING_LINES, fault_lines, most_urgent, no_clusters_lines, topology_lines
from console.render.frame import event_line, rule
from console.render.nodes_table import NODE_COLUMNS, node_row
from console.render.nodes_table import TREND_COLUMNS as NODE_TREND
from console.screens.kept_rows import KeptRows
from console.screens.tables import TableScreen
from console.widgets.lines import Lines
from console.widgets.resource_table import ResourceTable

_EVENT_SHOWN_S = 3600.0
_NO_NODES = {True: "asking for its nodes", False: "no nodes known"}


class ClustersScreen(TableScreen):
    """The first screen of the morning."""

    CSS_PATH: ClassVar = ["framed.tcss", "clusters.tcss"]
    scopes = ("cluster", "table", "anywhere")
    mode = "clusters"
    main_table_id = "clusters"
    looks_at_nodes = True
    BINDINGS: ClassVar[list[BindingType]] = bindings(*scopes)

    def __init__(self) -> None:
        super().__init__()
        self._hidden = inapplicable_columns(())
        self._looked_at = ""
        self._rows = KeptRows(self._row_of)
        self._node_rows = KeptRows(self._node_row)
        self._mates: Mapping[str, tuple[Node, ...]] = {}

    def body(self) -> Iterable[Widget]:
        """Return clusters, faults, and nodes under a rule that names the cluster."""
        glyphs = self.deck.glyphs
        clusters = ResourceTable(CLUSTER_COLUMNS, glyphs=glyphs, id="clusters")
        core = self.deck.core
        clusters.empty = STARTING_LINES if core.options.starts_clusters else no_clusters_lines(core.searched())
        yield clusters
        yield self.filter_line()
        yield Lines(id="faults", grows=True, glyphs=glyphs)
        yield Lines(id="nodes-rule", glyphs=glyphs)
        yield ResourceTable(NODE_COLUMNS, glyphs=glyphs, id="nodes")
        yield Lines(id="event", glyphs=glyphs)

    def show_fleet(self) -> None:
        """Show every cluster, and the nodes of the one under the cursor."""
        super().show_fleet()
        table = self.main_table
        before = len(table.rows_shown.rows)
        self._hide_inapplicable()
        self._rows.take({snapshot.spec.name: snapshot for snapshot in self.deck.core.fleet.snapshots})
        table.show(self._rows)
        if len(table.rows_shown.rows) != before:
            self._share_height()
        self._show_selected()

    def _row_of(self, snapshot: ClusterSnapshot) -> Row:
        core, name = self.deck.core, snapshot.spec.name
        now = core.clock()
        cpu_trend = core.fleet.history.trend(name, "", CLUSTER_TREND, now)
        return cluster_row(snapshot, cpu_trend, now, core.stale_after_s, self.deck.glyphs)

    def _node_row(self, node: Node) -> Row:
        core, now = self.deck.core, self.deck.core.clock()
        cpu_trend = core.fleet.history.trend(self._looked_at, node.node_id, NODE_TREND, now)
        mates = self._mates.get(node.node_id, ())
        return node_row(node, cpu_trend, now, core.stale_after_s, self.deck.glyphs, mates)

    def on_screen_resume(self) -> None:
        """Look at the cluster under the cursor again, whatever another screen looked at."""
        self._looked_at = ""

    def show_time(self) -> None:
        """Let ages grow."""
        super().show_time()
        self._rows.forget()
        self._node_rows.forget()
        self.show_fleet()

    def on_resize(self) -> None:
        """Share the height anew."""
        super().on_resize()
        self._share_height()
        self._show_selected()

    def on_resource_table_moved(self, event: ResourceTable.Moved) -> None:
        """Show the nodes of another cluster."""
        if event.table is self.main_table:
            self._show_selected()

    def on_resource_table_opened(self, event: ResourceTable.Opened) -> None:
        """Open a cluster's nodes, or a node."""
        if event.table is self.main_table:
            self.action_nodes()
        elif self.selected is not None and event.key is not None:
            self.post_message(NodeAsked(self.selected.spec.name, event.key))

    @property
    def selected(self) -> ClusterSnapshot | None:
        """Return what the cluster under the cursor said last."""
        key = self.main_table.cursor_key
        return next((snapshot for snapshot in self.deck.core.fleet.snapshots if snapshot.spec.name == key), None)

    def action_nodes(self) -> None:
        """Go down to the nodes."""
        self.query_one("#nodes", ResourceTable).focus()

    def step_back(self) -> None:
        """Go up to the clusters."""
        self.main_table.focus()

    def action_submit(self) -> None:
        """Ask for the form, for all marked clusters, else for the one under the cursor."""
        marked = [spec.name for spec in self.deck.core.fleet.specs if spec.name in self.main_table.marked]
        if self.selected is not None:
            self.post_message(SubmitAsked(marked or [self.selected.spec.name]))

    def action_tunnel(self) -> None:
        """Ask for the ladder of the tunnel."""
        if self.selected is not None:
            self.post_message(TunnelAsked(self.selected.spec.name))

    def action_log(self) -> None:
        """Ask for the log of the newest job."""
        snapshot = self.selected
        if snapshot is None:
            return
        jobs = [job for job in snapshot.jobs or () if job.submission_id]
        if jobs:
            self.post_message(LogAsked(max(jobs, key=lambda job: job.start_time or 0.0)))
            return
        self.deck.complain(NotFoundError(snapshot.spec.name, "no job was submitted there yet", "s submits one"))

    def equivalent_command(self) -> Sequence[str]:
        """Return ``status``, or ``nodes`` while they have the focus."""
        if self.query_one("#nodes", ResourceTable).has_focus and self.selected is not None:
            return ("nodes", "--cluster", self.selected.spec.name)
        return ("status",)

    def useless_keys(self) -> Collection[str]:
        """Without clusters there is nothing to do to one."""
        return () if self.deck.core.fleet.specs else ("s", "l", "n", "t", "/")

    def _hide_inapplicable(self) -> None:
        """Hide what applies to no cluster; what was shown once stays, so that nothing jumps when a cluster goes."""
        self._hidden &= inapplicable_columns(self.deck.core.fleet.snapshots)
        self.main_table.hide_columns(self._hidden)
        self.query_one("#nodes", ResourceTable).hide_columns(self._hidden)

    def _share_height(self) -> None:
        """Give the clusters what they need, but leave the nodes a third."""
        rows = len(self.main_table.rows_shown.rows)
        room = self.size.height - 6
        self.main_table.styles.height = min(rows + 1, room * 2 // 3) if rows else room
        for widget_id in ("nodes", "nodes-rule"):
            self.query_one(f"#{widget_id}").display = rows > 0

    def _show_event(self, told: ClusterSnapshot | None) -> None:
        """Show the last event for an hour, its cause unless a fault tells it; the whole list is behind its key."""
        core = self.deck.core
        last = max(reversed(core.events.recent), key=event_order, default=None)
        line = self.query_one("#event", Lines)
        line.display = last is not None and core.clock() - last.at < _EVENT_SHOWN_S
        if last is not None and line.display:
            line.show([event_line(last, self.deck.zone, self.size.width, self.deck.glyphs, told)])

    def _show_selected(self) -> None:
        core, glyphs, snapshot = self.deck.core, self.deck.glyphs, self.selected
        troubled = most_urgent(snapshot, core.fleet.snapshots)
        self._show_event(troubled)
        faults = (
            *topology_lines(core.topology.current.faults, self.size.width, glyphs),
            *fault_lines(troubled, core.clock(), self.deck.zone, glyphs, self.size.width),
        )
        panel = self.query_one("#faults", Lines)
        panel.set_class(bool(faults), "some")
        panel.show(faults)
        if snapshot is None:
            return
        name = snapshot.spec.name
        if name != self._looked_at:
            self._looked_at = name
            core.fleet.look_at(name)  # its nodes are on screen: they are asked for at every refresh
        if (mates := host_mates(snapshot)) or self._mates:
            self._mates = mates
            self._node_rows.forget()  # a mate's figure is this node's, too
        told_by = ", ".join(sorted(cluster_sources(snapshot), reverse=True))
        title = "   ".join(part for part in ("= the host's CPU" if mates else "", told_by, name) if part)
        self.query_one("#nodes-rule", Lines).show([rule(self.size.width, glyphs, title)])
        nodes = self.query_one("#nodes", ResourceTable)
        nodes.empty = (((_NO_NODES[snapshot.state is State.UNKNOWN], "dim"),),)
        self._node_rows.take({node.node_id: node for node in snapshot.nodes})
        nodes.show(self._node_rows)
