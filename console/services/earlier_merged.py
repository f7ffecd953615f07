"""Reading several logs backwards as one: nothing that is shown has a gap in any log, so earlier lines fit before it.

Each log is known from some line on. A line of one log is given only when all others are known as far back as it, or
begin later: until then it is held. A log without times holds none up, and is read back when all others are.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from operator import attrgetter

import msgspec

from console.errors import SourceError
from console.model.job import Job
from console.services.earlier_lines import EarlierLines
from console.services.merged_lines import LineMerger, MergedLine, line_time

_FAILURES_MOST = 2


class EarlierMerged:
    """What is known of several logs. A first reading of fewer than ``lines`` lines was the whole log."""

    def __init__(self, logs: Sequence[EarlierLines | None], lines: int) -> None:
        self._logs = [_KnownPart(number, log, lines) for number, log in enumerate(logs)]
        self._held: list[MergedLine] = []
        self._has_given = False

    def saw(self, number: int, content: bytes) -> None:
        """Take what was read of a log, as it came, behind all that is known of it."""
        self._logs[number].saw(content)

    def stop(self, number: int) -> None:
        """Read this log no further back: what came does not join what is known, or is a copy's."""
        self._logs[number].ends = True

    def hold(self, lines: list[MergedLine]) -> list[MergedLine]:
        """Return of the first lines those that all logs are known as far back as; later ones pass."""
        for log in self._logs:
            if log.oldest is None:
                log.begin([line for line in lines if line.number == log.number])
        if self._has_given or not lines:
            return lines
        self._has_given = True
        self._held = lines
        return self._released()

    async def page(self, jobs: Sequence[Job]) -> list[MergedLine]:
        """Return the lines right before those that were given, in order; none where all logs begin.

        Raise the SourceError of a log that cannot be read. When it cannot again it is left out from there on, and a
        line says so.
        """
        while (log := self._least_known()) is not None:
            self._held = [*await log.page(jobs[log.number]), *self._held]
            if released := self._released():
                return released
        return self._released()

    def _least_known(self) -> _KnownPart | None:
        """Return the log that holds the others up; those without times come last, silent ones do not count."""
        readable = [log for log in self._logs if log.oldest is not None and not log.ends]
        return max(readable, key=lambda log: log.reaches, default=None)

    def _released(self) -> list[MergedLine]:
        """Take out of what is held the lines behind which no log can have an earlier one."""
        least = self._least_known()
        reaches = -math.inf if least is None else least.reaches
        released = [line for line in self._held if line.at >= reaches]
        self._held = [line for line in self._held if line.at < reaches]
        return sorted(released, key=attrgetter("at"))


class _KnownPart:
    """One log from some line on: ``oldest`` is where that stands (Unix seconds), None before any came.

    ``ends``: nothing before it can be had.
    """

    def __init__(self, number: int, earlier: EarlierLines | None, lines: int) -> None:
        self.number = number
        self.oldest: float | None = None
        self.ends = earlier is None
        self._earlier = earlier
        self._lines = lines
        self._has_times = False
        self._failures = 0

    @property
    def reaches(self) -> float:
        """Return from what time on all lines are known."""
        return self.oldest if self._has_times and self.oldest is not None else -math.inf

    def saw(self, content: bytes) -> None:
        """Take what was read."""
        if self._earlier is not None:
            self._earlier.saw(content)

    def begin(self, lines: Sequence[MergedLine]) -> None:
        """Take the first lines that came."""
        if lines:
            self._put_before(lines)
            self.ends = self.ends or (self._earlier is not None and self._earlier.known_lines < self._lines)

    async def page(self, job: Job) -> list[MergedLine]:
        """Return a page of earlier lines; raise SourceError where they cannot be read for the first time."""
        try:
            page = b"" if self._earlier is None else await self._earlier.page(job)
        except SourceError as error:
            self._failures += 1
            if self._failures < _FAILURES_MOST:
                raise
            return self._left_out(f"earlier lines cannot be had: {error.what}")
        if page is None:
            return self._left_out("the log was replaced meanwhile")
        self._failures = 0
        self.ends = not page
        return self._earlier_than_known(page)

    def _left_out(self, why: str) -> list[MergedLine]:
        self.ends = True
        return [MergedLine(self.number, f"[{why}]".encode(), self.oldest or 0.0)]

    def _earlier_than_known(self, page: bytes) -> list[MergedLine]:
        oldest = self.oldest or 0.0
        merger = LineMerger(1)
        merger.feed(0, page, oldest)
        lines = [msgspec.structs.replace(line, number=self.number, at=min(line.at, oldest)) for line in merger.flush()]
        self._put_before(lines)
        return lines

    def _put_before(self, lines: Sequence[MergedLine]) -> None:
        if lines:
            self.oldest = lines[0].at
            self._has_times = self._has_times or any(line_time(line.line, line.at, None) is not None for line in lines)
