"""Results mode: all kept outputs, the newest first, and what was kept aside because it is none."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, ClassVar

from textual import work
from textual.binding import BindingType
from textual.widget import Widget

from console.bundles import Bundle
from console.commands import bindings
from console.messages import ExportAsked
from console.model.job import Job
from console.model.kept import KeptOutput, SpoiltOutput
from console.render.cells import Pieces
from console.render.results_table import RESULT_COLUMNS, kept_row, spoilt_row
from console.screens.plots import PlotsScreen
from console.screens.tables import TableScreen
from console.services.core import Core
from console.widgets.resource_table import ResourceTable

_EMPTY: tuple[Pieces, ...] = (
    (("no results yet", ""),),
    (),
    (("the output of a bundled job is kept here as soon as it is ready", "dim"),),
    (("submit one: ", "dim"), ("1", "accent"), (" clusters, then ", "dim"), ("s", "accent")),
)
_READING: tuple[Pieces, ...] = ((("reading what is kept", "dim"),),)


class ResultsScreen(TableScreen):
    """Lists outputs; Enter plots one, `a` lays the marked ones over each other."""

    CSS_PATH: ClassVar = ["framed.tcss"]
    scopes = ("results", "table", "anywhere")
    mode = "results"
    main_table_id = "results"
    BINDINGS: ClassVar[list[BindingType]] = bindings(*scopes)

    def __init__(self) -> None:
        super().__init__()
        self._kept: dict[str, KeptOutput] = {}
        self._spoilt: dict[str, SpoiltOutput] = {}
        self._defaults: dict[str, dict[str, Any]] = {}

    def body(self) -> Iterable[Widget]:
        """Return the table and its filter."""
        table = ResourceTable(RESULT_COLUMNS, glyphs=self.deck.glyphs, id="results")
        table.empty = _READING
        yield table
        yield self.filter_line()

    def on_screen_resume(self) -> None:
        """Look at what is kept by now."""
        super().on_screen_resume()
        self._look()

    def show_fleet(self) -> None:
        """Look again when a job has ended whose output was kept while it ran: now it is known how long it took."""
        super().show_fleet()
        if ended := self._just_ended():
            self._look(ended)

    def _just_ended(self) -> Sequence[Job]:
        unended = {key for key, kept in self._kept.items() if kept.ended_at is None}
        told = (job for snapshot in self.deck.core.fleet.snapshots for job in snapshot.jobs or ())
        return [job for job in told if job.id in unended and job.end_time is not None] if unended else ()

    @work(group="look", exclusive=True)
    async def _look(self, ended: Sequence[Job] = ()) -> None:
        """Read the descriptions of what is kept, beside the event loop; first note which of their jobs have ended."""
        kept, spoilt, bundles = await asyncio.to_thread(_look_at, self.deck.core, ended)
        if self.gone:
            return
        self._kept = {each.submission_id: each for each in kept}
        self._spoilt = {each.submission_id: each for each in spoilt}
        self._defaults = {name: bundle.defaults() for name, bundle in bundles.items()}
        self.main_table.empty = _EMPTY
        self._show_rows()

    def _show_rows(self) -> None:
        now, zone, glyphs = self.deck.core.clock(), self.deck.zone, self.deck.glyphs
        rows = {f"spoilt {key}": spoilt_row(each, now, zone, glyphs) for key, each in self._spoilt.items()}
        rows |= {
            key: kept_row(each, self._defaults.get(each.job), now, zone, glyphs) for key, each in self._kept.items()
        }
        self.main_table.show(rows)
        self.show_keys()

    @property
    def chosen(self) -> tuple[KeptOutput, ...]:
        """Return the marked outputs in the order of the table, without marks the one under the cursor."""
        table = self.main_table
        keys = [key for key in table.rows_shown.keys if key in table.marked] or [table.cursor_key or ""]
        return tuple(self._kept[key] for key in keys if key in self._kept)

    def on_resource_table_opened(self, event: ResourceTable.Opened) -> None:
        """Show the plots of the output under the cursor; of what was kept aside say where it is."""
        if event.key in self._kept:
            self.app.push_screen(PlotsScreen([event.key]))
        elif event.key is not None and (key := event.key.removeprefix("spoilt ")) in self._spoilt:
            self.deck.tell(f"kept aside: {self.deck.core.shelf.spoilt_path(key)}")

    def action_overlay(self) -> None:
        """Lay the marked outputs over each other."""
        if self.chosen:
            self.app.push_screen(PlotsScreen([kept.submission_id for kept in self.chosen]))

    def action_values(self) -> None:
        """Show the values of the output under the cursor."""
        if (key := self.main_table.cursor_key) in self._kept and key is not None:
            self.app.push_screen(PlotsScreen([key], values=True))

    def action_export(self) -> None:
        """Write the marked outputs, or the one under the cursor, to files."""
        if self.chosen:
            self.post_message(ExportAsked(self.chosen))

    def on_resource_table_moved(self) -> None:
        """Show the keys that work on this row."""
        self.show_keys()

    def on_resource_table_marked(self) -> None:
        """Show the keys that work on the marked rows."""
        self.show_keys()

    def useless_keys(self) -> Collection[str]:
        """Return the keys that need an output, or several."""
        if not self.chosen:
            return ("Enter", "a", "v", "X", *(() if self.main_table.rows_shown.rows else ("/",)))
        return ("a",) if len(self.chosen) < 2 else ()

    def equivalent_command(self) -> Sequence[str]:
        """Return what plots the output under the cursor; ``results`` where there is none."""
        kept = self._kept.get(self.main_table.cursor_key or "")
        return ("results",) if kept is None else ("output", "--id", kept.submission_id, "--plot")


def _look_at(
    core: Core, ended: Sequence[Job]
) -> tuple[Sequence[KeptOutput], Sequence[SpoiltOutput], Mapping[str, Bundle]]:
    for job in ended:
        core.shelf.note_end(job)
    return core.shelf.kept(), core.shelf.spoilt(), core.bundles()
