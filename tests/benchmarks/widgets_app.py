"""A small app of the project's own widgets, for benchmarks: a table that changes, and a log at a given rate.

``python widgets_app.py ROWS LINES_PER_S``: the table is on the left; without lines there is no log.
"""

from __future__ import annotations

import random
import sys
import time

from textual.app import ComposeResult
from textual.containers import Horizontal

from console.render.bars import bar, trend
from console.render.cells import Cell, Column, Row, cell
from console.render.glyphs import UNICODE
from console.widgets.log_view import LogView
from console.widgets.resource_table import ResourceTable
from console.widgets.steady import Steady
from console.widgets.themes import use_themes

COLUMNS = (
    Column("state", "", 1, right=False),
    Column("name", "CLUSTER", 12, right=False),
    Column("cpu", "CPU", 15, right=False),
    Column("trend", "5 MIN", 9, right=False),
    *(Column(f"n{number}", f"N{number}", 6) for number in range(8)),
)
LINE = (
    b"\x1b[36m(worker pid=%d)\x1b[0m 14:03:%02d \x1b[32mINFO\x1b[0m batch %07d done, "
    b"mean %f variance %f of some words that fill it\n"
)
FEEDS_PER_S = 10


class WidgetsApp(Steady[None]):
    """Feeds its widgets from timers."""

    CSS = "Horizontal { height: 1fr; } ResourceTable { width: 1fr; } LogView { width: 1fr; }"

    def __init__(self, rows: int, lines_per_s: int) -> None:
        super().__init__()
        self._rows, self._lines_per_s = rows, lines_per_s
        self._random, self._fed, self._due = random.Random(1), 0, 0.0
        self.table = ResourceTable(COLUMNS)
        self.log_view = LogView() if lines_per_s else None

    def compose(self) -> ComposeResult:
        with Horizontal():
            if self._rows:
                yield self.table
            if self.log_view:
                yield self.log_view

    def on_mount(self) -> None:
        use_themes(self)
        if self._rows:
            self.change()
            self.set_interval(2, self.change)
        if self.log_view:
            self._due = time.perf_counter()
            self.set_interval(1 / FEEDS_PER_S, self.feed)
            self.log_view.focus()

    def change(self) -> None:
        self.table.show({f"cluster-{number}": self._row(number) for number in range(self._rows)})

    def _row(self, number: int) -> Row:
        load = [self._random.random() * 100 for _ in range(9)]
        numbers = (Cell(((f"{value:.0f}", ""), (" %", "dim")), value) for value in load[:8])
        return Row((
            cell("●", "ok"), cell(f"cluster-{number}"),
            Cell((*bar(load[0], 9, UNICODE), (f"{load[0]:4.0f} %", ""))), Cell(trend(load, 9, UNICODE)), *numbers,
        ))  # fmt: skip

    def feed(self) -> None:
        """Feed as many lines as the time that passed asks for, so that the rate is true also when the loop is late."""
        assert self.log_view is not None
        now = time.perf_counter()
        count = int((now - self._due) * self._lines_per_s)
        self._due += count / self._lines_per_s
        values = [LINE % (n % 9, n % 60, n, n * 0.1, n * 0.01) for n in range(self._fed, self._fed + count)]
        self._fed += count
        self.log_view.feed(b"".join(values))


if __name__ == "__main__":
    WidgetsApp(int(sys.argv[1]), int(sys.argv[2])).run()
