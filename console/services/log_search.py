"""Finding a known place in the last lines of a log, while they come. Pure: no clock, no network.

A `Plan` says which window to ask for next, a `Reading` takes that window chunk by chunk and gives what of it is new.
What is looked for may stand in the log more than once; what stood before it tells the copies apart.
"""

from __future__ import annotations

from console.services.log_position import KEPT_BYTES, LogPosition, Mark, Tally

ALL_LINES = -1
WIDER = 8
HELD_BYTES = 8 * 1024 * 1024
_WIDEST_LINES = 5_000_000
_SMALL_LOG_BYTES = 64 * 1024
_MUCH_BYTES = 2 * 1024 * 1024


class Skip:
    """Passes on what follows the first ``size_bytes`` of what is fed, if they end with ``ending``; else nothing."""

    candidates = 0

    def __init__(self, size_bytes: int, ending: bytes = b"") -> None:
        self._left_bytes = size_bytes
        self._ending = ending
        self._skipped = b""

    @property
    def reached(self) -> bool:
        """Return whether all that was to be skipped has come, and is what it should be."""
        return self._left_bytes == 0 and self._skipped.endswith(self._ending)

    def feed(self, chunk: bytes) -> bytes:
        """Return what of ``chunk`` lies behind the place."""
        if self._left_bytes:
            skipped = chunk[: self._left_bytes]
            self._left_bytes -= len(skipped)
            self._skipped = (self._skipped + skipped)[-max(1, len(self._ending)) :]
            chunk = chunk[len(skipped) :]
        return chunk if self.reached else b""

    def finish(self) -> bytes:
        """Return nothing: nothing is held back."""
        return b""


class MarkSearch:
    """Passes on what follows a mark in a window of the log, wherever the window begins and chunks are cut.

    A needle counts only if what stands before it in the window is what stood before it when it was seen. Where the
    window begins too late to compare all of that, an older copy could pass for the place: then what follows is held
    back until the window's end, and the last copy is the place. More than ``HELD_BYTES`` is not held; ``eager`` takes
    the first copy, for a window that is known to begin close before the place.
    """

    def __init__(self, mark: Mark, *, eager: bool = False) -> None:
        self.candidates = 0
        self._context = mark.context
        self._needle = mark.needle
        self._eager = eager
        self._window = bytearray()
        self._searched_bytes = 0
        self._candidate_end: int | None = None
        self._found = False
        self._rest = Skip(mark.since_bytes)

    @property
    def reached(self) -> bool:
        """Return whether the place was found and passed."""
        return self._found and self._rest.reached

    def feed(self, chunk: bytes) -> bytes:
        """Return what of ``chunk``, and of what was held back, surely lies behind the place."""
        if self._found:
            return self._rest.feed(chunk)
        self._window += chunk
        while (at := self._window.find(self._needle, self._searched_bytes)) >= 0:
            self._searched_bytes = at + 1
            if self._take(at + len(self._needle)):
                return self._pass_on()
        self._forget()
        return b""

    def finish(self) -> bytes:
        """Return what was held back: the window has come whole."""
        return b"" if self._found or self._candidate_end is None else self._pass_on()

    def _take(self, end: int) -> bool:
        """Note a copy whose needle ends there; return whether it is the place without waiting for others."""
        common = min(end, len(self._context))
        if self._window[end - common : end] != self._context[len(self._context) - common :]:
            return False
        self.candidates += 1
        self._candidate_end = end
        return self._eager or common == len(self._context)

    def _pass_on(self) -> bytes:
        behind = bytes(self._window[self._candidate_end :])
        self._found = True
        self._window.clear()
        return self._rest.feed(behind)

    def _forget(self) -> None:
        self._searched_bytes = max(self._searched_bytes, len(self._window) - len(self._needle) + 1, 0)
        if self._candidate_end is not None and len(self._window) - self._candidate_end > HELD_BYTES:
            self._candidate_end = None
        first_needed = self._searched_bytes if self._candidate_end is None else self._candidate_end
        if (surplus := first_needed - 2 * KEPT_BYTES) > 0:
            del self._window[:surplus]
            self._searched_bytes -= surplus
            self._candidate_end = None if self._candidate_end is None else self._candidate_end - surplus


class Reading:
    """One window that is searched: what was asked for, what came, and what of it is new."""

    def __init__(self, asked_lines: int, search: Skip | MarkSearch) -> None:
        self.asked_lines = asked_lines
        self.came = Tally()
        self.added = Tally()
        self.place_lines: int | None = None
        self._search = search

    @property
    def reached(self) -> bool:
        """Return whether the place was found."""
        return self._search.reached

    @property
    def whole(self) -> bool:
        """Return whether the window, once it has come, was all of the log."""
        return self.asked_lines == ALL_LINES or self.came.lines < self.asked_lines

    @property
    def unread_lines(self) -> int:
        """Return how many lines of the window are still to come, 0 where that is not known."""
        return max(0, self.asked_lines - self.came.lines)

    @property
    def surplus_bytes(self) -> int:
        """Return what came, less twice what was new."""
        return self.came.total_bytes - 2 * self.added.total_bytes

    def feed(self, chunk: bytes) -> bytes:
        """Count a chunk and return what is surely new."""
        before, known = self.came.lines, self._search.candidates
        self.came.add(chunk)
        fresh = self._search.feed(chunk)
        if self._search.candidates != known:
            self.place_lines = before
        self.added.add(fresh)
        return fresh

    def finish(self) -> bytes:
        """Return what else is new, now that the window has come whole."""
        fresh = self._search.finish()
        self.added.add(fresh)
        return fresh


class Plan:
    """Which windows to ask for until the place is found: what costs the head least comes first.

    ``growth_lines`` is how many lines the log may have grown by.
    """

    def __init__(self, position: LogPosition, growth_lines: int) -> None:
        self._position = position
        self._mark = position.mark()
        self._growth_lines = growth_lines
        self._asked_lines = growth_lines + (_lines_to_hold(self._mark, growth_lines) if self._mark else 0)
        self._eager = False
        self._exhausted = False

    def next(self) -> Reading | None:
        """Return the window to ask for, None when the place is nowhere."""
        if self._exhausted:
            return None
        offset = self._position.offset
        if self._mark is not None and self._mark_is_cheaper(self._mark, offset):
            return Reading(self._asked_lines, MarkSearch(self._mark, eager=self._eager))
        self._exhausted = True
        return None if offset is None else Reading(ALL_LINES, Skip(offset, self._position.ending()))

    def missed(self, reading: Reading) -> None:
        """Take note of a window in which the place was not found, or lies too far back to hold all behind it."""
        self._exhausted = self._exhausted or (reading.whole and reading.place_lines is None)
        self._eager = reading.place_lines is not None and not self._eager
        if self._mark is not None and reading.place_lines is not None and self._eager:
            behind_lines = reading.came.lines - reading.place_lines
            self._asked_lines = self._mark.lines + behind_lines + self._growth_lines
        else:
            self._asked_lines = self._wider()

    def _mark_is_cheaper(self, mark: Mark, offset: int | None) -> bool:
        if offset is None:
            return True
        wide = self._asked_lines == ALL_LINES or self._asked_lines * mark.line_bytes >= offset
        return offset > _SMALL_LOG_BYTES and not wide

    def _wider(self) -> int:
        lines = self._asked_lines * WIDER
        return ALL_LINES if self._asked_lines == ALL_LINES or lines > _WIDEST_LINES else lines


def _lines_to_hold(mark: Mark, growth_lines: int) -> int:
    """Return how many lines before the place to ask for: with much behind it all that tells copies apart.

    Then nothing need be held back, and a window that breaks has not come for nothing.
    """
    much = growth_lines * mark.line_bytes > _MUCH_BYTES
    return mark.lines + (mark.context.count(b"\n") if much else 0)
