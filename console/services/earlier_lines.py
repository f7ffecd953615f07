"""Reading a log backwards: the lines before those that are known, page by page, never the whole file.

A dashboard gives the last N lines of a log and nothing else. So a page is the beginning of a window that is somewhat
larger than what is known; where the known part begins the window is left, and what was sent is little more than the
page. How far back a reader can go is bounded by whoever keeps the pages.
"""

from __future__ import annotations

from contextlib import aclosing

from console.clients.dashboard import DashboardClient
from console.model.job import Job
from console.services.log_position import Tally
from console.services.log_reader import window_chunks

PAGE_LINES, MOST_PAGE_LINES = 1000, 16_000
_PAGE_BYTES = 2 * 1024 * 1024
_ANCHOR_BYTES = 64 * 1024
_WINDOW_BYTES_MOST = 32 * 1024 * 1024
_WIDER, _TRIES = 8, 3
_STALL_S, _BOUND_S = 5.0, 10  # a window that is left stays with the head for the rest of its time


class EarlierLines:
    """What is known of one log: how many lines, and how they begin."""

    def __init__(self, dashboard: DashboardClient) -> None:
        self._dashboard = dashboard
        self._known = Tally()
        self._anchor = b""
        self._page_lines = PAGE_LINES

    @property
    def known_lines(self) -> int:
        """Return of how many lines the known part is made."""
        return self._known.lines

    def saw(self, content: bytes) -> None:
        """Take what was read behind all that is known."""
        self._known.add(content)
        self._anchor += content[: max(0, _ANCHOR_BYTES - len(self._anchor))]

    async def page(self, job: Job) -> bytes | None:
        """Return the whole lines right before what is known, none where the log begins; it is known from now on.

        None: what is known is nowhere in the log any more. Raise SourceError when the log cannot be read.
        """
        if not self._anchor:
            return b""
        lines = self._affordable_lines()
        for _ in range(_TRIES):
            search = await self._searched(job, self._known.lines + lines)
            if (earlier := search.before()) is not None:
                self._take(earlier)
                return earlier
            lines *= _WIDER  # it has grown by more than that
        return None

    def _affordable_lines(self) -> int:
        line_bytes = max(1.0, self._known.total_bytes / self._known.lines)
        return max(10, min(self._page_lines, int(_PAGE_BYTES / line_bytes)))

    async def _searched(self, job: Job, lines: int) -> BeginningSearch:
        search = BeginningSearch(self._anchor, lines, self._known.lines)
        chunks = window_chunks(self._dashboard, job, lines, bound_s=_BOUND_S, stall_s=_STALL_S)
        async with aclosing(chunks):
            async for chunk in chunks:
                search.feed(chunk)
                if search.told:
                    break
        return search

    def _take(self, earlier: bytes) -> None:
        self._known.put_before(earlier)
        self._anchor = (earlier + self._anchor)[:_ANCHOR_BYTES]
        self._page_lines = min(MOST_PAGE_LINES, 2 * self._page_lines)


class BeginningSearch:
    """Finds where the known part begins in a window of ``asked_lines`` lines, while it comes. Pure.

    Had the log not grown, that would be ``known_lines`` lines before the window's end; it is never later. A log that
    repeats itself may look like its known part in several places: then the window is counted to its end, and the last
    of them that is not too late is taken.
    """

    def __init__(self, anchor: bytes, asked_lines: int, known_lines: int) -> None:
        self.told = False
        self._anchor = anchor
        self._asked_lines = asked_lines
        self._known_lines = known_lines
        self._came = Tally()
        self._window = bytearray()
        self._places: list[int] | None = None

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes of the window; ``told`` turns True when no more are needed."""
        self._came.add(chunk)
        if self._places is not None:
            return
        self._window += chunk
        if self._came.lines > self._latest_line() and (end := self._latest_end()) is not None:
            self._places = self._places_up_to(end)
        only = self._places is not None and len(self._places) <= 1
        self.told = only or len(self._window) > _WINDOW_BYTES_MOST

    def before(self) -> bytes | None:
        """Return what stands before the known part, None where that was not found."""
        places = self._places_up_to(len(self._window)) if self._places is None else self._places
        if len(places) > 1:
            latest = self._came.lines - self._known_lines
            places = [at for at in places if self._window.count(b"\n", 0, at) <= latest]
        return bytes(self._window[: places[-1]]) if places else None

    def _latest_line(self) -> int:
        return self._asked_lines - self._known_lines

    def _latest_end(self) -> int | None:
        """Return where the last line that can begin the known part would end its likeness, None until that has come."""
        at = 0
        for _ in range(self._latest_line()):
            at = self._window.find(b"\n", at) + 1
        end = at + len(self._anchor)
        return end if len(self._window) >= end else None

    def _places_up_to(self, end: int) -> list[int]:
        places = [0] if self._window.startswith(self._anchor) else []
        at = self._window.find(b"\n" + self._anchor, 0, end)
        while at >= 0:
            places.append(at + 1)
            at = self._window.find(b"\n" + self._anchor, at + 1, end)
        return places
