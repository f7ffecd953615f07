"""Reads a job's log piece by piece, every byte once and in order, however often the way to it breaks.

Each reading asks for the last lines of the log, enough of them to hold the place where the last one ended, finds that
place in what comes, and passes on what follows. A request per reading, because a stream that is left is never freed by
the head (see `DashboardClient.log_window`).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from console.clients.dashboard import DashboardClient
from console.errors import NotRayError, SlowError, SourceError
from console.model.job import Job
from console.services.log_position import LastLines, LogPosition, Tally
from console.services.log_search import ALL_LINES, WIDER, Plan, Reading

FIRST_LINES = 1000
_SPARE_LINES = 100
_PIECE_BYTES = 64 * 1024
_SLOW_READER_S = 10.0
# How long the head may send one window. What breaks leaves it busy for the rest of that time, so it is long only
# where a short one was not enough; 300 s are the most that the head itself allows.
_SHORT_S, _LONG_S, _NEARLY = 30, 280, 0.9
_LOOK_BACK_BYTES = 16 * 1024 * 1024


class LogReplacedError(NotRayError):
    """The place that was reached is nowhere in the log: it was cut short or written anew."""


class LogReader:
    """One job's log. ``lines`` is how many of the last lines the first reading gives, -1 for all.

    ``clock`` counts seconds from anywhere. A reading that hears nothing for ``stall_s`` raises SlowError. ``exact``
    turns False only where a log repeats itself for more than 2 MiB before the first reading: then lines that are like
    all before them are not counted.
    """

    def __init__(self, dashboard: DashboardClient, lines: int, *, stall_s: float, clock: Callable[[], float]) -> None:
        self.surplus_bytes = 0
        self.exact = True
        self._dashboard = dashboard
        self._lines = lines
        self._stall_s = stall_s
        self._clock = clock
        self._position: LogPosition | None = LogPosition(0) if lines == ALL_LINES else None
        self._asked_at = clock()
        self._bound_s = _SHORT_S
        self._lines_per_s = 0.0
        self._unread_lines = 0

    @property
    def begun(self) -> bool:
        """Return whether anything was read."""
        return self._position is not None and self._position.offset != 0

    def restart(self) -> None:
        """Forget the place: the next reading is a first one."""
        self._position = LogPosition(0) if self._lines == ALL_LINES else None
        self._unread_lines = 0

    def fresh(self, job: Job) -> AsyncGenerator[bytes, None]:
        """Yield what was added since the last reading, at once whatever its size; raise SourceError when cut off.

        What was yielded before an error counts as read. ``surplus_bytes`` is what this reading cost the head beyond
        the double of what it brought.
        """
        self.surplus_bytes = 0
        if self._position is None:
            return self._first(job)
        if self._position.offset is None and self._position.mark() is None:
            return self._guess(job, self._position)
        return self._next(job, self._position)

    async def _first(self, job: Job) -> AsyncGenerator[bytes, None]:
        """Give the last lines; look back further where these look like all others, so that the place can be told."""
        self._asked_at = self._clock()
        asked = max(self._lines, FIRST_LINES)
        while True:
            last, position, tally = LastLines(self._lines), LogPosition(), Tally()
            async with aclosing(self._window(job, asked)) as chunks:
                async for chunk in chunks:
                    last.feed(chunk)
                    position.advance(chunk)
                    tally.add(chunk)
            if tally.lines < asked:
                position.offset = tally.total_bytes
            told = position.offset is not None or position.mark() is not None
            if told or job.ended or tally.total_bytes * WIDER > _LOOK_BACK_BYTES:
                break
            asked *= WIDER
        if tally.total_bytes:
            self._position = position
            yield last.take()

    async def _next(self, job: Job, position: LogPosition) -> AsyncGenerator[bytes, None]:
        waited_s = self._waited_s()
        plan = Plan(position, self._growth_lines(waited_s))
        while (reading := plan.next()) is not None:
            async with aclosing(self._pieces(job, reading)) as pieces:
                async for piece in pieces:
                    position.advance(piece)
                    self._unread_lines = reading.unread_lines
                    given_at = self._clock()
                    yield piece
                    if self._clock() - given_at > _SLOW_READER_S:
                        return
            self.surplus_bytes += reading.surplus_bytes
            if reading.reached:
                self._unread_lines, self._lines_per_s = 0, reading.added.lines / waited_s
                position.offset = reading.came.total_bytes if reading.whole else position.offset
                return
            plan.missed(reading)
        raise _replaced(job)

    async def _pieces(self, job: Job, reading: Reading) -> AsyncGenerator[bytes, None]:
        async with aclosing(self._window(job, reading.asked_lines)) as chunks:
            async for chunk in chunks:
                if piece := reading.feed(chunk):
                    yield piece
        held = reading.finish()
        for start in range(0, len(held), _PIECE_BYTES):
            yield held[start : start + _PIECE_BYTES]

    async def _guess(self, job: Job, position: LogPosition) -> AsyncGenerator[bytes, None]:
        """Give what follows the last place that looks like this one: all within reach is the same, so none is told."""
        self.exact = False
        ending = position.ending()
        window = bytearray()
        async with aclosing(self._window(job, ending.count(b"\n") + self._growth_lines(self._waited_s()))) as chunks:
            async for chunk in chunks:
                window += chunk
                del window[:-_LOOK_BACK_BYTES]
        at = window.rfind(ending)
        if at < 0:
            raise _replaced(job)
        if fresh := bytes(window[at + len(ending) :]):
            position.advance(fresh)
            yield fresh

    def _waited_s(self) -> float:
        """Return how long ago the last reading was begun; now another is."""
        before, self._asked_at = self._asked_at, self._clock()
        return max(0.05, self._asked_at - before)

    def _growth_lines(self, waited_s: float) -> int:
        return round(self._lines_per_s * waited_s * 1.5) + self._unread_lines + _SPARE_LINES

    async def _window(self, job: Job, lines: int) -> AsyncGenerator[bytes, None]:
        begun_at = self._clock()
        chunks = window_chunks(self._dashboard, job, lines, bound_s=self._bound_s, stall_s=self._stall_s)
        try:
            async with aclosing(chunks):
                async for chunk in chunks:
                    yield chunk
        except SlowError:
            raise
        except SourceError:
            if self._clock() - begun_at > _NEARLY * self._bound_s:
                self._bound_s = _LONG_S
            raise


async def window_chunks(
    dashboard: DashboardClient, job: Job, lines: int, *, bound_s: int, stall_s: float
) -> AsyncGenerator[bytes, None]:
    """Yield the last ``lines`` lines of a job's log as they come; raise SlowError when none comes for ``stall_s``."""
    try:
        async with dashboard.log_window(job, lines, bound_s) as chunks:
            while True:
                async with asyncio.timeout(stall_s):
                    chunk = await anext(chunks)
                yield chunk
    except StopAsyncIteration:
        return
    except TimeoutError as error:
        raise SlowError(job.cluster, f"the log stopped coming for {stall_s:g} s") from error


def _replaced(job: Job) -> LogReplacedError:
    return LogReplacedError(job.cluster, f"the log of {job.id} was replaced by another", "reading it anew")
