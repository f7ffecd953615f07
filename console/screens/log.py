"""The log of one job: follow it, read back in peace, search, write it to a file; its output is fetched when ready."""

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
from console.render.figures import duration
from console.render.log_title import LogStanding, log_title
from console.screens.framed import FramedScreen
from console.services.attend import OutputKept, OutputMissed, attend
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
            async for event in attend(self.deck.core, self.job, _LINES_AT_START):
                self._take(event)
        except RaydeckError as error:
            self.view.note(str(error))
        self.view.finish()
        self._show_title()

    def _take(self, event: LogEvent | OutputKept | OutputMissed) -> None:
        match event:
            case LogData(data):
                self.view.feed(data)
            case JobSeen(job):
                self.job = job
                self._show_title()
            case FollowEnded(job, why):
                self.job = job or self.job
                self.view.note(why)
            case LinkLost() if not len(self.view.ring):
                self._show_copy()
                self.view.note(self._words(event))
            case _:
                self.view.note(self._words(event))

    def _show_copy(self) -> None:
        """Show what was kept of the log while its head does not answer."""
        if (kept := self.deck.core.logs.find(self.job.id)) is not None:
            about, content = kept
            self.view.feed(content if content.endswith(b"\n") else content + b"\n")
            when = datetime.fromtimestamp(about.kept_at, self.deck.zone)
            self.view.note(f"kept copy of {when:%d %b %H:%M:%S}, the job was {about.job.status.lower()}")

    def _words(self, event: LinkLost | LinkBack | OutputKept | OutputMissed) -> str:
        match event:
            case LinkLost(at, reason):
                return f"link lost {datetime.fromtimestamp(at, self.deck.zone):%H:%M:%S}: {reason}"
            case LinkBack(_, after_s, complete):
                missing = "nothing missing" if complete else "some lines may be missing or doubled"
                return f"link back after {duration(after_s, self.deck.glyphs)}, {missing}"
            case OutputKept():
                return f"output kept {self.deck.glyphs.arrow} o shows it"
            case OutputMissed(why):
                return why

    async def _write(self, path: Path) -> None:
        lines = list(self.view.lines_as_bytes())
        try:
            await asyncio.to_thread(_write_lines, path, lines)
        except OSError as error:
            self.deck.complain(RaydeckError(str(path), f"cannot be written: {error.strerror}"))
            return
        self.deck.tell(f"{len(lines)} lines written to {path}")

    def _show_title(self) -> None:
        self.show_keys()
        ring = self.view.ring
        now = self.deck.core.clock()
        standing = LogStanding(self.view.following, self.view.new_lines, ring.end, ring.error_count)
        self.show_title("log-title", log_title(self.job, standing, now, self.deck.glyphs, self.size.width))


def _write_lines(path: Path, lines: Sequence[bytes]) -> None:
    with path.open("xb") as file:
        file.writelines(lines)
