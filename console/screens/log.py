"""The log of one job: follow it, read back in peace, search, write it to a file; its output is fetched when ready.

It opens at its end. A reader who comes near the top is given earlier lines, page by page, up to what the view keeps.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Sequence
from contextlib import aclosing
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
from console.render.log_events import back_words, bound_words, copy_words, lost_words
from console.render.log_title import LogStanding, log_title
from console.screens.framed import FramedScreen
from console.services.attend import OutputKept, OutputMissed, attend
from console.services.earlier_lines import EarlierLines
from console.services.follow import FollowEnded, JobSeen, LinkBack, LinkLost, LogData, LogEvent
from console.widgets.lines import Lines
from console.widgets.log_view import LogView
from console.widgets.search_line import SearchLine

_LINES_AT_START = 1000


class LogScreen(FramedScreen):
    """Follows one job from the moment it is opened until it has ended."""

    scopes = ("log", "anywhere")
    mode = "jobs"
    BINDINGS: ClassVar[list[BindingType]] = bindings(*scopes)

    def __init__(self, job: Job) -> None:
        super().__init__()
        self.job = job
        self._earlier: EarlierLines | None = None
        self._is_paging = False
        self._shows_copy = False
        self._back_words = ""

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
        """Ask for earlier lines, one page at a time."""
        if self._earlier is None or self._shows_copy or self._is_paging or not self.view.ring.has_room:
            return
        self._is_paging = True
        self.run_worker(self._page_back(self._earlier), group="earlier")

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
        try:
            self._earlier = EarlierLines(self.deck.core.fleet.dashboard(self.job.cluster))
            async with aclosing(attend(self.deck.core, self.job, _LINES_AT_START)) as events:
                async for event in events:
                    await self._take(event)
        except RaydeckError as error:
            await self._show_copy()
            self.view.note(str(error))
        self.view.finish()
        self._show_title()

    async def _take(self, event: LogEvent | OutputKept | OutputMissed) -> None:
        match event:
            case LogData(data):
                self._feed(data)
            case JobSeen(job):
                self.job = job
                self._show_title()
            case FollowEnded(job, why):
                self.job = job or self.job
                await self._show_copy()
                self.view.note(why)
            case LinkBack(_, _, complete):
                self._earlier = self._earlier if complete else None
                self._back_words = self._words(event)
                self.view.note(self._back_words)
            case LinkLost():
                await self._show_copy()
                self.view.note(self._words(event))
            case _:
                self.view.note(self._words(event))

    def _feed(self, content: bytes) -> None:
        """Show what came of the log; a kept copy that was shown instead makes way, or its lines would be doubled."""
        if self._shows_copy:
            self._shows_copy = False
            self.view.clear()
            self.view.note(self._back_words)
        if self._earlier is not None:
            self._earlier.saw(content)
        self.view.feed(content)

    async def _show_copy(self) -> None:
        """Show what was kept of the log where nothing can be had of it: the head, the node or the log is gone."""
        if self.view.ring.lines_seen:
            return
        kept = await asyncio.to_thread(self.deck.core.logs.find, self.job.id)
        if kept is not None and kept[0].job.cluster == self.job.cluster:
            about, content = kept
            self._shows_copy = True
            self.view.feed(content if content.endswith(b"\n") else content + b"\n")
            self.view.note(copy_words(about.kept_at, about.job, self.deck.zone))

    async def _page_back(self, earlier: EarlierLines) -> None:
        try:
            page = await earlier.page(self.job)
        except RaydeckError as error:
            self.deck.complain(error)
            return
        finally:
            self._is_paging = False
        if not page:
            self._earlier = None
            if page is None or self.view.ring.first < 0:
                self.deck.tell("the log begins here" if page is not None else "the log was replaced meanwhile")
        elif not self.view.prepend(page):
            self.deck.tell(bound_words(self.job, self.view.ring.lines_most))

    def _words(self, event: LinkLost | LinkBack | OutputKept | OutputMissed) -> str:
        match event:
            case LinkLost(at, reason):
                return lost_words(at, reason, self.deck.zone)
            case LinkBack(_, after_s, complete):
                return back_words(after_s, self.deck.glyphs, complete=complete)
            case OutputKept():
                return f"output kept {self.deck.glyphs.arrow} o shows it"
            case OutputMissed(why):
                return why

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
