"""The log of one job: follow it, read back in peace, search, write it to a file; its output is fetched when ready.

It opens at its end. A reader who comes near the top is given earlier lines, page by page, up to what the view keeps.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import ClassVar

from textual.binding import BindingType
from textual.widget import Widget
from textual.widgets import Input

from console.commands import bindings
from console.errors import RaydeckError
from console.messages import OutputAsked, StopAsked
from console.model.job import Job
from console.render.log_title import LogStanding, log_title
from console.screens.framed import FramedScreen
from console.screens.log_source import LogSource
from console.widgets.lines import Lines
from console.widgets.log_view import LogView
from console.widgets.search_line import SearchLine


class LogScreen(FramedScreen):
    """Follows one job from the moment it is opened until it has ended."""

    scopes = ("log", "anywhere")
    mode = "jobs"
    BINDINGS: ClassVar[list[BindingType]] = bindings(*scopes)

    def __init__(self, job: Job) -> None:
        super().__init__()
        self.job = job
        self._source: LogSource | None = None

    def body(self) -> Iterable[Widget]:
        """Return title, log and search field."""
        glyphs = self.deck.glyphs
        yield Lines(id="log-title", classes="title", glyphs=glyphs)
        yield LogView(glyphs=glyphs, id="log")
        yield SearchLine("a text, then Enter; n and N go to other hits", glyphs=glyphs)

    def on_mount(self) -> None:
        """Begin to follow."""
        super().on_mount()
        self.view.focus()
        self.run_worker(self._follow(), group="follow")

    @property
    def view(self) -> LogView:
        """Return the log view."""
        return self.query_one("#log", LogView)

    def show_time(self) -> None:
        """Let the duration grow."""
        super().show_time()
        self._show_title()

    def on_log_view_changed(self) -> None:
        """Show the counts."""
        self._show_title()

    def on_log_view_near_top(self) -> None:
        """Ask for earlier lines."""
        self.run_worker(self._page_back(), group="earlier")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Search for what was typed."""
        self.query_one(SearchLine).close()
        self.view.focus()
        self.view.search(event.value)

    def on_log_view_searched(self, event: LogView.Searched) -> None:
        """Say so when nothing was found."""
        if event.found is None:
            self.notify(f"no further {event.what} hit", timeout=2)

    def action_search(self) -> None:
        """Open the search field."""
        self.query_one(SearchLine).open()

    def action_back(self) -> None:
        """Close the search field, clear the search, or close the log."""
        line = self.query_one(SearchLine)
        if line.is_open:
            line.close()
            self.view.focus()
        elif line.value:
            line.close(clear=True)
            self.view.search("")
        else:
            self.dismiss()

    def action_write(self) -> None:
        """Write what is kept of the log to a file in the working folder."""
        stamp = datetime.fromtimestamp(self.deck.core.clock(), self.deck.zone)
        path = self.deck.core.options.cwd / f"{self.job.id}-{stamp:%Y%m%dT%H%M%S}.log"
        self.run_worker(self._write(path), group="write")

    def action_output(self) -> None:
        """Ask for the job's output."""
        self.post_message(OutputAsked(self.job))

    def action_stop(self) -> None:
        """Ask for the job to be stopped."""
        self.post_message(StopAsked([self.job]))

    def useless_keys(self) -> Collection[str]:
        """Return the keys that do nothing to a job that has ended, and to a log that has no error."""
        return (*(("x",) if self.job.ended else ()), *(() if self.view.ring.error_count else ("e",)))

    def equivalent_command(self) -> Sequence[str]:
        """Return ``logs ID``."""
        return ("logs", self.job.id, "--cluster", self.job.cluster, "--follow")

    async def _follow(self) -> None:
        self._source = LogSource(self.deck, self.view, self.job, self._see)
        await self._source.follow()
        self._show_title()

    async def _page_back(self) -> None:
        if self._source is not None:
            await self._source.page_back()

    def _see(self, job: Job) -> None:
        self.job = job
        self._show_title()

    async def _write(self, path: Path) -> None:
        try:
            count = await asyncio.to_thread(_write_lines, path, self.view.lines_as_bytes())
        except OSError as error:
            self.deck.complain(RaydeckError(str(path), f"cannot be written: {error.strerror}"))
            return
        self.deck.tell(f"{count} lines written to {path}")

    def _show_title(self) -> None:
        self.show_keys()
        ring = self.view.ring
        now = self.deck.core.clock()
        standing = LogStanding(self.view.following, self.view.new_lines, ring.lines_seen, ring.error_count)
        self.show_title("log-title", log_title(self.job, standing, now, self.deck.glyphs, self.size.width))


def _write_lines(path: Path, lines: Iterable[bytes]) -> int:
    """Write a new file; return how many lines it has."""
    with path.open("xb") as file:
        return sum(1 for line in lines if file.write(line))
