"""The plots of kept outputs: four statistics of one cluster or run, or all of them laid over each other, and values."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Sequence
from typing import ClassVar

from textual import work
from textual.binding import BindingType
from textual.containers import Grid
from textual.widget import Widget

from console.commands import bindings
from console.errors import RaydeckError
from console.messages import ExportAsked
from console.model.kept import KeptOutput
from console.render.cells import Pieces
from console.render.members import (
    CLUSTER_COLUMNS,
    STATISTICS,
    Member,
    cluster_rows,
    groups_of,
    member,
    members_of,
    overlaid,
)
from console.render.plots import SMALLEST
from console.render.plots_title import member_line, plots_title, sample_note
from console.render.results_table import RUN_COLUMNS, run_rows
from console.render.values_table import VALUE_COLUMNS, value_rows
from console.screens.framed import FramedScreen
from console.services.chosen_outputs import Chosen, read_chosen
from console.widgets.lines import Lines
from console.widgets.resource_table import ResourceTable
from console.widgets.scatter_plot import GroupTable, LegendLine, ScatterPlot

VALUES_MOST = 2000  # rows


class PlotsScreen(FramedScreen):
    """One kept output with its clusters, or several runs laid over each other."""

    CSS_PATH: ClassVar = ["framed.tcss", "plots.tcss"]
    scopes = ("plots", "anywhere")
    mode = "results"
    AUTO_FOCUS: ClassVar[str | None] = ""
    BINDINGS: ClassVar[list[BindingType]] = bindings(*scopes)

    def __init__(self, chosen: Sequence[str], *, values: bool = False) -> None:
        super().__init__()
        self._chosen = tuple(chosen)
        self._runs = len(chosen) > 1
        self._kept: tuple[KeptOutput, ...] = ()
        self._members: tuple[Member, ...] = ()
        self._trouble: RaydeckError | None = None
        self._loading = True
        self._at = 0
        self._statistic_at = 0
        self._overlay = self._runs
        self._values = values
        self._single = False

    def body(self) -> Iterable[Widget]:
        """Return the title, what stands there without plots, the plots with their legend, and both tables."""
        glyphs = self.deck.glyphs
        yield Lines(id="plots-title", classes="title", glyphs=glyphs)
        yield Lines(id="member", glyphs=glyphs)
        yield Lines(id="instead", grows=True, glyphs=glyphs)
        yield Grid(*(ScatterPlot(name, glyphs=glyphs, with_legend=False, id=name) for name in STATISTICS), id="plots")
        yield LegendLine(glyphs=glyphs, id="legend")
        yield GroupTable(RUN_COLUMNS if self._runs else CLUSTER_COLUMNS, glyphs=glyphs, id="members")
        yield ResourceTable(VALUE_COLUMNS, glyphs=glyphs, id="values")

    def on_mount(self) -> None:
        """Begin to read."""
        super().on_mount()
        self.query_one("#members").can_focus = False
        self._arrange()
        self._load(self._chosen)

    def on_resize(self) -> None:
        """Show all four plots where each keeps a readable size."""
        super().on_resize()
        self._arrange()

    def action_turn(self, by: int) -> None:
        """Show the next or the previous of all kept outputs, where one is shown and not several."""
        if not (self._runs or self._loading):
            self._turn(by)

    @work(group="turn")
    async def _turn(self, by: int) -> None:
        ids = [kept.submission_id for kept in await asyncio.to_thread(self.deck.core.shelf.kept)]
        if ids and not self.gone:
            at = ids.index(self._chosen[0]) + by if self._chosen[0] in ids else 0
            self._at = 0
            self._load((ids[at % len(ids)],))

    def action_statistic(self, by: int) -> None:
        """Show the next statistic, where one is shown at a time."""
        self._statistic_at = (self._statistic_at + by) % len(STATISTICS)
        self._arrange()

    def action_cluster(self, by: int) -> None:
        """Show another cluster of the output, or another of the runs, alone."""
        if len(self._members) > 1:
            self._at = self._at if self._overlay and not self._values else (self._at + by) % len(self._members)
            self._overlay = self._overlay and self._values
            self._draw()

    def action_overlay(self) -> None:
        """Lay all over each other, or show one alone again."""
        if len(self._members) > 1:
            self._overlay, self._values = (True, False) if self._values else (not self._overlay, False)
            self._draw()

    def action_values(self) -> None:
        """Change between plots and values."""
        if self._members:
            self._values = not self._values
            self._draw()

    def action_export(self) -> None:
        """Write what is shown to files."""
        if self._kept:
            self.post_message(ExportAsked(self._kept))

    def action_back(self) -> None:
        """Go back from the values to the plots, from these to the list."""
        if self._values and self._members:
            self.action_values()
        else:
            self.dismiss()

    def useless_keys(self) -> Collection[str]:
        """Return the keys that lead nowhere with what is shown."""
        if not self._members:
            return ("Tab", "v", "a", "[ ]", "X")
        return (
            *(("j",) if self._values or self._runs else ()),
            *(("Tab",) if not self._single or self._values else ()),
            *(("[ ]", "a") if len(self._members) < 2 else ()),
        )

    def equivalent_command(self) -> Sequence[str]:
        """Return ``output --id … --plot``; several at once have no command of their own."""
        return ("results",) if self._runs else ("output", "--id", self._chosen[0], "--plot")

    def _load(self, chosen: Sequence[str]) -> None:
        self._chosen, self._loading = tuple(chosen), True
        self._draw()
        self._read()

    @work(group="read", exclusive=True)
    async def _read(self) -> None:
        shelf = self.deck.core.shelf
        self._kept, self._members, self._trouble = (), (), None
        try:
            known = {kept.submission_id: kept for kept in await asyncio.to_thread(shelf.kept)}
            self._kept = tuple(known[each] for each in self._chosen if each in known)
            found = await read_chosen(shelf, self._kept)
            self._members = await asyncio.to_thread(self._made, found)
        except RaydeckError as error:
            self._trouble = error
        self._loading = False
        if not self.gone:
            self._draw()

    def _made(self, found: Sequence[Chosen]) -> tuple[Member, ...]:
        if not self._runs:
            return members_of(found[0].output) if found else ()
        return tuple(
            member(each.kept.submission_id, f"{each.kept.job} {each.kept.submission_id}", each.output.summaries)
            for each in found
        )

    def _draw(self) -> None:
        """Show what the state says, in every widget."""
        one = self._members[self._at] if self._members else None
        for statistic in STATISTICS:
            groups = (
                overlaid(self._members, statistic) if self._overlay else groups_of(one.shown if one else (), statistic)
            )
            self.query_one(f"#{statistic}", ScatterPlot).show(groups)
        glyphs = self.deck.glyphs
        if self._values and one is not None:
            self.query_one("#values", ResourceTable).show(value_rows(one.summaries, glyphs, VALUES_MOST))
        now, zone = self.deck.core.clock(), self.deck.zone
        rows = run_rows(self._kept, now, zone, glyphs) if self._runs else cluster_rows(self._members, glyphs)
        table = self.query_one("#members", GroupTable)
        table.show(rows)
        table.styles.height = 1 + min(len(rows), max(2, self.size.height // 4))
        self._arrange()
        self.set_focus(self.query_one("#values") if self._values and self._members else None)

    def _arrange(self) -> None:
        """Give place to what is to be seen: nothing, the values, one plot or four, with the table below."""
        plots, several = bool(self._members) and not self._values, len(self._members) > 1
        table = self.query_one("#members", GroupTable)
        table.display = several and self._overlay and plots
        extra = len(table.rows_shown.rows) if table.display else int(several)
        rows = self.size.height - 8 - extra
        self._single = self.size.width // 2 < SMALLEST[0] or rows // 2 < SMALLEST[1]
        self.query_one("#values").display = bool(self._members) and self._values
        self.query_one("#member").display = several and not table.display
        self.query_one("#instead").display = not self._members
        self.query_one("#plots").display = plots
        self.query_one("#legend").display = plots and not table.display
        self.query_one("#plots").set_class(self._single, "single")
        for at, statistic in enumerate(STATISTICS):
            self.query_one(f"#{statistic}").display = not self._single or at == self._statistic_at
        self.call_after_refresh(self._show_legend)
        self._show_words()

    def on_scatter_plot_drawn(self) -> None:
        """Explain the shared marker once a chart has one."""
        self._show_legend()

    def _show_legend(self) -> None:
        """Name the groups, and explain the shared marker where a plot on screen has one."""
        charts = [plot.chart for plot in self.query(ScatterPlot) if plot.display]
        names = [summary.id for summary in self._members[self._at].shown] if self._members else []
        self.query_one(LegendLine).show(names, overlapping=any(chart and chart.overlapping for chart in charts))

    def _show_words(self) -> None:
        self.show_keys()
        glyphs, zone = self.deck.glyphs, self.deck.zone
        self.query_one("#instead", Lines).show(self._instead())
        if self._members:
            one = self._members[self._at]
            self.query_one("#member", Lines).show([member_line(one, self._at, len(self._members), glyphs)])
            note = sample_note(self._kept, self._members if self._overlay and not self._values else (one,),
                               VALUES_MOST if self._values else None)  # fmt: skip
        else:
            note = ""
        shown = None if not self._single or self._values else self._statistic_at
        what = "mean and variance" if self._values else f"{len(self._members)} overlaid" if self._overlay else ""
        self.show_title("plots-title", plots_title(self._kept, zone, what, note, shown, wide=self.size.width >= 120))

    def _instead(self) -> tuple[Pieces, ...]:
        """Return what stands there while there is no plot: that it is being read, or why it cannot be shown."""
        if self._loading:
            return ((), (("   reading the output", "dim"),))
        if self._trouble is not None:
            sign, trouble = self.deck.glyphs.failed, self._trouble
            lines = [trouble.what, trouble.where, *([trouble.hint] if trouble.hint else [])]
            return ((), ((f"   {sign} ", "bad"), (lines[0], "")), *(((f"     {line}", "dim"),) for line in lines[1:]))
        return ((), (("   this output is not kept any more", ""),), (("   Esc goes back to the list", "dim"),))
