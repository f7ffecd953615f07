"""What a log's screen shows and where it comes from: the log as it is followed, earlier pages of it, or a kept copy."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from datetime import tzinfo
from typing import TYPE_CHECKING

from console.errors import RaydeckError
from console.model.job import Job
from console.render.glyphs import Glyphs
from console.render.log_events import back_words, bound_words, copy_words, lost_words
from console.screens.paging import Paging
from console.services.attend import OutputKept, OutputMissed, attend
from console.services.earlier_lines import EarlierLines
from console.services.follow import FollowEnded, JobSeen, LinkBack, LinkLost, LogData, LogEvent
from console.widgets.log_view import LogView

if TYPE_CHECKING:
    from collections.abc import Callable

    from console.app import ConsoleApp

LINES_AT_START = 1000


class LogSource:
    """Feeds a view with one job's log; ``job_changed`` hears how the job stands."""

    def __init__(self, deck: ConsoleApp, view: LogView, job: Job, job_changed: Callable[[Job], None]) -> None:
        self._deck = deck
        self._view = view
        self._job = job
        self._job_changed = job_changed
        self._earlier: EarlierLines | None = None
        self._paging = Paging()
        self._shows_copy = False
        self._back_words = ""

    async def follow(self) -> None:
        """Show the log from its end on until its job has ended."""
        try:
            self._earlier = EarlierLines(self._deck.core.fleet.dashboard(self._job.cluster))
            async with aclosing(attend(self._deck.core, self._job, LINES_AT_START)) as events:
                async for event in events:
                    await self._take(event)
        except RaydeckError as error:
            await self._show_copy()
            self._view.note(str(error))
        self._view.finish()

    async def page_back(self) -> None:
        """Put a page of earlier lines before those that are shown, one page at a time."""
        earlier = self._earlier
        if earlier is not None and not self._shows_copy and self._view.ring.has_room:
            await self._paging.turn(self._deck, lambda: earlier.page(self._job), self._take_page)

    def _take_page(self, page: bytes | None) -> None:
        if not page:
            self._earlier = None
            if page is None or self._view.ring.first < 0:
                self._deck.tell("the log begins here" if page is not None else "the log was replaced meanwhile")
        elif not self._view.prepend(page):
            self._deck.tell(bound_words([self._job], self._view.ring.lines_most))

    async def _take(self, event: LogEvent | OutputKept | OutputMissed) -> None:
        match event:
            case LogData(data):
                self._feed(data)
            case JobSeen(job):
                self._see(job)
            case FollowEnded(job, why):
                self._see(job or self._job)
                await self._show_copy()
                self._view.note(why)
            case LinkBack(_, _, complete):
                self._earlier = self._earlier if complete else None
                self._back_words = self._words(event)
                self._view.note(self._back_words)
            case LinkLost():
                await self._show_copy()
                self._view.note(self._words(event))
            case _:
                self._view.note(self._words(event))

    def _see(self, job: Job) -> None:
        self._job = job
        self._job_changed(job)

    def _feed(self, content: bytes) -> None:
        """Show what came of the log; a kept copy that was shown instead makes way, or its lines would be doubled."""
        if self._shows_copy:
            self._shows_copy = False
            self._view.clear()
            self._view.note(self._back_words)
        if self._earlier is not None:
            self._earlier.saw(content)
        self._view.feed(content)

    async def _show_copy(self) -> None:
        """Show what was kept of the log where nothing can be had of it: the head, the node or the log is gone."""
        if self._view.ring.lines_seen:
            return
        kept = await asyncio.to_thread(self._deck.core.logs.find, self._job.id)
        if kept is not None and kept[0].job.cluster == self._job.cluster:
            about, content = kept
            self._shows_copy = True
            self._view.feed(content if content.endswith(b"\n") else content + b"\n")
            self._view.note(copy_words(about.kept_at, about.job, self._deck.zone))

    def _words(self, event: LinkLost | LinkBack | OutputKept | OutputMissed) -> str:
        return words_of(event, self._deck.zone, self._deck.glyphs)


def words_of(event: LinkLost | LinkBack | OutputKept | OutputMissed, zone: tzinfo | None, glyphs: Glyphs) -> str:
    """Return what a reader is told of what happened beside the log."""
    match event:
        case LinkLost(at, reason):
            return lost_words(at, reason, zone)
        case LinkBack(_, after_s, complete):
            return back_words(after_s, glyphs, complete=complete)
        case OutputKept():
            return f"output kept {glyphs.arrow} o shows it"
        case OutputMissed(why):
            return why
