"""Several logs as one: lines in the order of their times, each behind its cluster in a colour of its own."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from contextlib import aclosing

from console.model.job import Job
from console.render.log_events import bound_words, copy_words
from console.render.log_title import LogStanding, merged_title
from console.render.merged_text import tagged, tags
from console.screens.log import LogScreen
from console.screens.log_source import LINES_AT_START, words_of
from console.screens.paging import Paging
from console.services.earlier_merged import EarlierMerged
from console.services.follow import FollowEnded, JobSeen
from console.services.merged_lines import MergedLine
from console.services.merged_logs import CopyGiven, MergedEvent, earlier_lines_of, merged


class MergedLogScreen(LogScreen):
    """Follows several jobs until the last one has ended."""

    def __init__(self, jobs: Sequence[Job]) -> None:
        super().__init__(jobs[0])
        self._jobs = list(jobs)
        self._names = tags(jobs)
        self._earlier: EarlierMerged | None = None
        self._paging = Paging()
        self._told_beginning = False

    def action_output(self) -> None:
        """Do nothing: an output is one job's."""

    def action_stop(self) -> None:
        """Do nothing: jobs mode stops marked jobs."""

    def useless_keys(self) -> Collection[str]:
        """Return what is for one job alone."""
        return ("x", "o", *(() if self.view.ring.error_count else ("e",)))

    def equivalent_command(self) -> Sequence[str]:
        """Return ``logs ID ID … --follow``."""
        return ("logs", *(job.id for job in self._jobs), "--follow")

    async def _follow(self) -> None:
        core = self.deck.core
        self._earlier = earlier_lines_of(core, self._jobs, LINES_AT_START)
        async with aclosing(merged(core, self._jobs, LINES_AT_START, self._earlier)) as pieces:
            async for piece in pieces:
                if isinstance(piece, MergedEvent):
                    self._take_event(piece, self._names[piece.number])
                else:
                    self.view.feed(self._text(piece))
        self.view.finish()
        self._show_title()

    async def _page_back(self) -> None:
        """Put earlier lines of all logs before those that are shown, one page at a time."""
        earlier = self._earlier
        if earlier is not None and self.view.ring.has_room:
            await self._paging.turn(self.deck, lambda: earlier.page(self._jobs), self._take_page)

    def _take_page(self, page: Sequence[MergedLine]) -> None:
        if not page:  # kept all the same: a log that was silent so far may have something earlier
            if self.view.ring.first < 0 and not self._told_beginning:
                self.deck.tell("the logs begin here")
            self._told_beginning = True
        elif not self.view.prepend(self._text(page)):
            self.deck.tell(bound_words(self._jobs, self.view.ring.lines_most))

    def _text(self, lines: Iterable[MergedLine]) -> bytes:
        return b"".join(tagged(line, self._names) + b"\n" for line in lines)

    def _take_event(self, piece: MergedEvent, name: str) -> None:
        match piece.event:
            case JobSeen(job):
                self._jobs[piece.number] = job
            case FollowEnded(job, why):
                self._jobs[piece.number] = job or self._jobs[piece.number]
                self.view.note(f"{name.strip()}: {why}")
            case CopyGiven(about):
                self.view.note(f"{name.strip()}: {copy_words(about.kept_at, about.job, self.deck.zone)}")
            case event:
                self.view.note(f"{name.strip()}: {words_of(event, self.deck.zone, self.deck.glyphs)}")
        self._show_title()

    def _show_title(self) -> None:
        self.show_keys()
        ring = self.view.ring
        standing = LogStanding(self.view.following, self.view.new_lines, ring.lines_seen, ring.error_count)
        self.show_title("log-title", merged_title(self._jobs, standing, self.deck.glyphs))
