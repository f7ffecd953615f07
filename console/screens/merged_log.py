"""Several logs as one: lines in the order of their times, each behind its cluster in a colour of its own."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import aclosing

from console.errors import RaydeckError
from console.model.job import Job
from console.render.log_title import LogStanding, merged_title
from console.render.merged_text import tagged, tags
from console.screens.log import LogScreen
from console.screens.log_source import LINES_AT_START, words_of
from console.services.follow import FollowEnded, JobSeen
from console.services.merged_logs import MergedEvent, merged


class MergedLogScreen(LogScreen):
    """Follows several jobs until the last one has ended."""

    def __init__(self, jobs: Sequence[Job]) -> None:
        super().__init__(jobs[0])
        self._jobs = list(jobs)

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
        names = tags(self._jobs)
        try:
            async with aclosing(merged(self.deck.core, self._jobs, LINES_AT_START)) as pieces:
                async for piece in pieces:
                    if isinstance(piece, MergedEvent):
                        self._take_event(piece, names[piece.number])
                    else:
                        self.view.feed(b"".join(tagged(line, names) + b"\n" for line in piece))
        except* RaydeckError as errors:
            for error in errors.exceptions:
                self.view.note(str(error))
        self.view.finish()
        self._show_title()

    def _take_event(self, piece: MergedEvent, name: str) -> None:
        match piece.event:
            case JobSeen(job):
                self._jobs[piece.number] = job
            case FollowEnded(job, why):
                self._jobs[piece.number] = job or self._jobs[piece.number]
                self.view.note(f"{name.strip()}: {why}")
            case event:
                self.view.note(f"{name.strip()}: {words_of(event, self.deck.zone, self.deck.glyphs)}")
        self._show_title()

    def _show_title(self) -> None:
        self.show_keys()
        ring = self.view.ring
        standing = LogStanding(self.view.following, self.view.new_lines, ring.lines_seen, ring.error_count)
        self.show_title("log-title", merged_title(self._jobs, standing, self.deck.glyphs))
