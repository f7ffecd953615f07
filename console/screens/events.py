"""What happened: state changes and threshold crossings, the newest first, each once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import ClassVar

from textual.binding import BindingType
from textual.widget import Widget

from console.commands import bindings
from console.messages import ClusterAsked
from console.model.event import event_order
from console.render.cells import Row
from console.render.metric_tables import EVENT_COLUMNS, event_row
from console.screens.tables import TableScreen
from console.widgets.lines import Lines
from console.widgets.resource_table import ResourceTable


class EventsScreen(TableScreen):
    """Opened over any screen; closed it is as it was before."""

    CSS_PATH: ClassVar = ["framed.tcss"]
    scopes = ("events", "table", "anywhere")
    main_table_id = "events"
    BINDINGS: ClassVar[list[BindingType]] = bindings(*scopes)

    def __init__(self) -> None:
        super().__init__()
        self._shown = -1

    def body(self) -> Iterable[Widget]:
        """Return the list."""
        table = ResourceTable(EVENT_COLUMNS, glyphs=self.deck.glyphs, id="events")
        table.empty = (
            (("nothing has happened yet", ""),),
            (),
            (("clusters and nodes that come and go, and figures that cross a threshold, are listed here", "dim"),),
        )
        yield Lines([((" events", "accent"), ("   the newest first", "dim"))], classes="title", glyphs=self.deck.glyphs)
        yield table
        yield self.filter_line()

    def show_fleet(self) -> None:
        """Show the events there are; the cursor stays with its own."""
        super().show_fleet()
        events = self.deck.core.events.recent
        newest = len(events) and hash(events[-1])
        if newest == self._shown:
            return
        self._shown = newest
        rows: dict[str, Row] = {}
        in_order = sorted(events, key=event_order)
        for event in in_order[::-1]:
            key = " ".join((event.cluster, f"{event.at:.6f}", event.node, event.kind, event.subject, event.level))
            rows[key] = event_row(event, self.deck.zone, self.deck.glyphs)
        self.main_table.show(rows)

    def on_resource_table_opened(self, event: ResourceTable.Opened) -> None:
        """Go to the event's cluster."""
        known = {spec.name for spec in self.deck.core.fleet.specs}
        name = (event.key or "").partition(" ")[0]
        if name in known:
            self.post_message(ClusterAsked(name))

    def useless_keys(self) -> Collection[str]:
        """Without an event there is nothing to open."""
        return () if self.main_table.rows_shown.rows else ("Enter", "/")

    def step_back(self) -> None:
        """Close."""
        self.dismiss()

    def equivalent_command(self) -> Sequence[str]:
        """Return ``events``."""
        return ("events",)
