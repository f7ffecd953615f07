"""Metrics mode: every cluster and node in a list, and beside it the figures of one of them over time."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from typing import ClassVar

from textual.binding import BindingType
from textual.containers import Horizontal
from textual.css.query import NoMatches
from textual.widget import Widget

from console.commands import bindings
from console.messages import NodeAsked, TargetsAsked
from console.model.cluster import ClusterSnapshot, Node
from console.model.metrics import stale_limit_s
from console.render.cells import Row
from console.render.chart_notes import chart_notes, chart_title
from console.render.fault_lines import no_clusters_lines
from console.render.line_chart import Span
from console.render.metric_panels import CHARTED, PanelView, left_out, panel_lines, shown_panels
from console.render.row_filter import Keep
from console.render.subjects_table import SUBJECT_COLUMNS, Subject, subject_key, subject_row, subjects_of
from console.screens.kept_rows import KeptRows
from console.screens.tables import TableScreen
from console.services.charts import Charted, ChartFeed, Looked
from console.services.ranges import SPANS_S, Place
from console.widgets.chart_grid import ChartGrid
from console.widgets.lines import Lines
from console.widgets.resource_table import ResourceTable

_SPANS = tuple(SPANS_S)
_ALL_AGES_EVERY = 5  # ticks; those of a thousand nodes that nobody sees need not grow every second


class MetricsScreen(TableScreen):
    """While it is shown, everything is asked for of the cluster under the cursor."""

    CSS_PATH: ClassVar = ["framed.tcss", "metrics.tcss"]
    scopes = ("metrics", "table", "anywhere")
    mode = "metrics"
    main_table_id = "subjects"
    looks_at_nodes = True
    BINDINGS: ClassVar[list[BindingType]] = bindings(*scopes)

    def __init__(self) -> None:
        super().__init__()
        self._subjects_of: dict[str, tuple[ClusterSnapshot, dict[str, Subject]]] = {}
        self._rows = KeptRows(self._row_of)
        self._drawn: tuple[Charted | None, float] | None = None
        self._ticks = 0
        self._span = _SPANS[0]
        self._charted: Charted | None = None
        self._feed: ChartFeed | None = None

    def body(self) -> Iterable[Widget]:
        """Return the title, the list beside the charts, and what is to be said of them."""
        glyphs = self.deck.glyphs
        table = ResourceTable(SUBJECT_COLUMNS, glyphs=glyphs, id="subjects")
        table.empty = no_clusters_lines(self.deck.core.searched())
        yield Lines(id="chart-title", classes="title", glyphs=glyphs)
        yield Horizontal(table, ChartGrid(glyphs=glyphs, id="charts"), id="metrics")
        yield Lines(id="chart-notes", grows=True, glyphs=glyphs)
        yield self.filter_line()

    def on_mount(self) -> None:
        """Begin to ask."""
        self._feed = ChartFeed(self.deck.core.fleet, CHARTED, self.deck.core.clock)
        self.run_worker(self._follow(self._feed), group="charts")

    async def _follow(self, feed: ChartFeed) -> None:
        async for charted in feed.answers():
            self._charted = charted
            with suppress(NoMatches):  # the screen is being taken down
                self._show_charts()

    def on_screen_resume(self) -> None:
        """Look at what is under the cursor."""
        self._look()

    def on_screen_suspend(self) -> None:
        """Ask for nothing while nobody looks."""
        if self._feed is not None:
            self._feed.look(None)

    def on_resize(self) -> None:
        """Give the list what its columns need, the charts the rest."""
        width = self.size.width
        self.main_table.styles.width = 33 if width < 100 else 35 if width < 130 else 41 if width < 150 else 45
        self._show_charts()

    def show_fleet(self) -> None:
        """Show every cluster with its nodes."""
        super().show_fleet()
        snapshots = self.deck.core.fleet.snapshots
        self._subjects_of = {one.spec.name: (one, self._subjects_in(one)) for one in snapshots}
        self._rows.take({key: subject for _, ours in self._subjects_of.values() for key, subject in ours.items()})
        self.main_table.show(self._rows)
        self._look()

    def _subjects_in(self, snapshot: ClusterSnapshot) -> dict[str, Subject]:
        """Return the rows of a cluster; those of nodes of which nothing new was told are the same objects as before."""
        before, ours = self._subjects_of.get(snapshot.spec.name, (None, {}))
        if before is snapshot:
            return ours
        if before is None or before.nodes is not snapshot.nodes:
            return subjects_of(snapshot)
        return ours | {snapshot.spec.name: Subject(snapshot.spec.name, snapshot)}

    def _row_of(self, subject: Subject) -> Row:
        core = self.deck.core
        return subject_row(subject, core.clock(), core.stale_after_s, self.deck.glyphs)

    def show_time(self) -> None:
        """Let ages grow."""
        super().show_time()
        self._ticks += 1
        table = self.main_table
        in_view = [table.key_at(y) or "" for y in range(table.size.height)]
        self._rows.forget(None if self._ticks % _ALL_AGES_EVERY == 0 else in_view)
        self.show_fleet()

    def filter_of(self, typed: str) -> Keep | None:
        """Filter by what a row shows, and by the name of its cluster."""
        words = typed.casefold().split()

        def keep(key: str, row: Row) -> bool:
            rest = super(MetricsScreen, self).filter_of(" ".join(word for word in words if word not in key.casefold()))
            return rest is None or rest(key, row)

        return keep if words else None

    def on_resource_table_moved(self) -> None:
        """Look at something else."""
        self._look()
        self.show_keys()

    def on_resource_table_opened(self) -> None:
        """Open a node; from a cluster go down to its first node."""
        subject, (snapshot, node) = self.selected, self._found()
        if subject is None or snapshot is None:
            return
        if node is not None:
            self.post_message(NodeAsked(subject.cluster, node.node_id))
        elif snapshot.nodes:
            self.main_table.go_to(subject_key(subject.cluster, snapshot.nodes[0].node_id))

    def action_span(self, by: int) -> None:
        """Look further back, or less far."""
        at = _SPANS.index(self._span) + by
        if 0 <= at < len(_SPANS):
            self._span = _SPANS[at]
            self._look()

    def action_more(self) -> None:
        """Show the charts that had no room."""
        self.query_one(ChartGrid).turn()
        self._show_title()

    def action_targets(self) -> None:
        """Ask for the scrape targets."""
        self.post_message(TargetsAsked())

    def go_to_cluster(self, name: str) -> None:
        """Put the cursor on this cluster, unless it is on one of its nodes."""
        if self.selected is None or self.selected.cluster != name:
            self.main_table.go_to(name)

    @property
    def selected(self) -> Subject | None:
        """Return what is under the cursor."""
        return self._rows.items_shown.get(self.main_table.cursor_key or "")

    def useless_keys(self) -> Collection[str]:
        """Return the keys that would lead nowhere."""
        nothing = ("+", "Enter", "/", "t") if self.selected is None else ()
        return (*nothing, *(() if self.query_one(ChartGrid).pages > 1 else ("Tab",)))

    def equivalent_command(self) -> Sequence[str]:
        """Return ``metrics`` with what is shown."""
        subject = self.selected
        if subject is None:
            return ()
        node = ("--node", subject.address) if subject.node_id else ()
        return ("metrics", "--cluster", subject.cluster, *node, "--range", self._span, "--plot")

    def _found(self) -> tuple[ClusterSnapshot | None, Node | None]:
        subject = self.selected
        if subject is None:
            return None, None
        snapshots = self.deck.core.fleet.snapshots
        snapshot = next((one for one in snapshots if one.spec.name == subject.cluster), None)
        nodes = snapshot.nodes if snapshot is not None else ()
        return snapshot, next((node for node in nodes if node.node_id == subject.node_id), None)

    def _look(self) -> None:
        subject = self.selected
        if self._feed is None:
            return
        if subject is not None:
            self.deck.core.fleet.look_at(subject.cluster)
        self._feed.look(self._looked(subject))
        self._show_charts()

    def _looked(self, subject: Subject | None) -> Looked | None:
        if subject is None:
            return None
        node = Place(subject.address, subject.node_id) if subject.node_id else None
        return Looked(subject.cluster, node, self._span)

    def _current(self) -> Charted | None:
        """Return what is known of what is under the cursor, None while it is asked for."""
        charted = self._charted
        return charted if charted is not None and charted.looked == self._looked(self.selected) else None

    def _show_charts(self) -> None:
        snapshot, _ = self._found()
        charted = self._current()
        limit_s = stale_limit_s(self.deck.core.stale_after_s, snapshot.scrape_interval_s if snapshot else None)
        if self._drawn != (charted, limit_s):
            self._drawn = (charted, limit_s)
            self.query_one(ChartGrid).show([] if charted is None else self._panels(charted, limit_s))
        self._show_title()

    def _panels(self, charted: Charted, limit_s: float) -> list[PanelView]:
        span, coloured = Span(charted.start, charted.end, self.deck.zone), not self.app.ansi_color
        return [
            PanelView(panel, panel_lines(panel, charted.lines), span, limit_s, coloured)
            for panel in shown_panels(charted.lines)
        ]

    def _show_title(self) -> None:
        snapshot, node = self._found()
        glyphs, zone, width = self.deck.glyphs, self.deck.zone, self.size.width
        self.show_keys()
        notes = self.query_one("#chart-notes", Lines)
        if snapshot is None:
            self.show_title("chart-title", ())
            notes.show(())
            return
        charted, grid = self._current(), self.query_one(ChartGrid)
        span = None if charted is None else Span(charted.start, charted.end, zone)
        self.show_title("chart-title", chart_title(snapshot.spec.name, node, self._span, span, grid.page_words, glyphs))
        if charted is not None and span is not None:
            gone = left_out(charted.lines, gpus=any(one.gpus for one in snapshot.nodes))
            notes.show(chart_notes(snapshot, charted.error, gone, span, width, glyphs))
