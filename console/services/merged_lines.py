"""Lines of several logs in the order of their times. Pure.

A line that begins with a time has it; any other belongs to the one before it. What stands before a log's first time
has that one, where both came together, and in a log without any a line has the time at which it came. What comes late
stands behind: lines of one log never change places.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta, tzinfo
from functools import lru_cache
from operator import attrgetter

from msgspec import Struct

_TIME = re.compile(rb"\s{0,4}[\[(]?(?:(\d{4}-\d\d-\d\d)[ T])?(\d\d:\d\d:\d\d)(?:[.,](\d{1,6}))?")
_LINE_BYTES_MOST = 16_384
_HALF_A_DAY = timedelta(hours=12)
_ORDER = attrgetter("at")


class MergedLine(Struct, frozen=True):
    """One line of the log of job ``number``, without its newline; ``at`` is where it stands (Unix seconds)."""

    number: int
    line: bytes
    at: float = 0.0


class LineMerger:
    """Takes chunks of several logs, gives lines in the order of their times. Times without a zone are in ``zone``."""

    def __init__(self, count: int, zone: tzinfo | None = None) -> None:
        self._zone = zone
        self._tails = [b""] * count
        self._cut_bytes = [0] * count
        self._times = [0.0] * count
        self._waiting: list[MergedLine] = []
        self._untimed: list[list[int]] = [[] for _ in range(count)]  # places in what waits of lines before any time

    def feed(self, number: int, chunk: bytes, arrived_at: float) -> None:
        """Take the next bytes of one log, cut anywhere."""
        head, *others = chunk.split(b"\n")
        self._lengthen(number, head)
        for other in others:
            self._take(number, self._closed(number), arrived_at)
            self._lengthen(number, other)

    def finish(self, number: int, arrived_at: float) -> None:
        """Take the unfinished last line of a log for a whole one."""
        if self._tails[number]:
            self._take(number, self._closed(number), arrived_at)

    def flush(self) -> list[MergedLine]:
        """Return the lines that wait, in order; lines of one log never change places."""
        waiting, self._waiting = sorted(self._waiting, key=_ORDER), []
        for places in self._untimed:
            places.clear()
        return waiting

    def _lengthen(self, number: int, piece: bytes) -> None:
        """Lengthen the unfinished line within its bound; of a progress bar that reaches it the last state stays."""
        tail = self._tails[number] + piece
        if len(tail) > _LINE_BYTES_MOST and b"\r" in tail:
            tail = tail.rstrip(b"\r").rsplit(b"\r", 1)[-1] + b"\r" * tail.endswith(b"\r")
        self._cut_bytes[number] += max(0, len(tail) - _LINE_BYTES_MOST)
        self._tails[number] = tail[:_LINE_BYTES_MOST]

    def _closed(self, number: int) -> bytes:
        line, cut = self._tails[number], self._cut_bytes[number]
        self._tails[number], self._cut_bytes[number] = b"", 0
        return line + b" [%d bytes cut]" % cut if cut else line

    def _take(self, number: int, line: bytes, arrived_at: float) -> None:
        own = line_time(line, arrived_at, self._zone)
        if own is None and not self._times[number]:
            self._untimed[number].append(len(self._waiting))
            self._waiting.append(MergedLine(number, line, arrived_at))
            return
        for place in self._untimed[number]:
            self._waiting[place] = MergedLine(number, self._waiting[place].line, own or arrived_at)
        self._untimed[number].clear()
        self._times[number] = max(own or 0.0, self._times[number])
        self._waiting.append(MergedLine(number, line, self._times[number]))


def line_time(line: bytes, near: float, zone: tzinfo | None) -> float | None:
    """Return the time that a line begins with (Unix seconds), None without one; a bare time is the one ``near``."""
    found = _TIME.match(line[:64])
    if found is None:
        return None
    day, clock, fraction = found.groups()
    second = _second(day, clock, int(near // 60), zone)
    return second + float(b"0." + fraction) if second is not None and fraction else second


@lru_cache(4096)  # lines of one second come together, and a time takes longer to read than a line
def _second(day: bytes | None, clock: bytes, near_minute: int, zone: tzinfo | None) -> float | None:
    near = datetime.fromtimestamp(near_minute * 60, zone)
    date = day.decode() if day else near.date().isoformat()
    try:
        at = datetime.fromisoformat(f"{date} {clock.decode()}").replace(tzinfo=zone)
        if not day and at - near > _HALF_A_DAY:
            at -= timedelta(days=1)
        return at.timestamp()
    except (ValueError, OverflowError):
        return None
