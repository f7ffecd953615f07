"""Lines of several logs in the order of their times. Pure.

A line that begins with a time has it; any other belongs to the one before it, and one without any has the time at
which it came. What comes late stands behind: lines of one log never change places.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta, tzinfo

from msgspec import Struct

_TIME = re.compile(rb"\s{0,4}[\[(]?(?:(\d{4}-\d\d-\d\d)[ T])?(\d\d:\d\d:\d\d)(?:[.,](\d{1,6}))?")
_LINE_BYTES_MOST = 16_384
_HALF_A_DAY = timedelta(hours=12)


class MergedLine(Struct, frozen=True):
    """One line of the log of job ``number``, without its newline."""

    number: int
    line: bytes


class LineMerger:
    """Takes chunks of several logs, gives lines in the order of their times. Times without a zone are in ``zone``."""

    def __init__(self, count: int, zone: tzinfo | None = None) -> None:
        self._zone = zone
        self._tails = [b""] * count
        self._times = [0.0] * count
        self._waiting: list[tuple[float, int, MergedLine]] = []
        self._taken = 0

    def feed(self, number: int, chunk: bytes, arrived_at: float) -> None:
        """Take the next bytes of one log, cut anywhere."""
        *lines, tail = (self._tails[number] + chunk).split(b"\n")
        self._tails[number] = tail[-_LINE_BYTES_MOST:]
        for line in lines:
            self._take(number, line, arrived_at)

    def finish(self, number: int, arrived_at: float) -> None:
        """Take the unfinished last line of a log for a whole one."""
        tail, self._tails[number] = self._tails[number], b""
        if tail:
            self._take(number, tail, arrived_at)

    def flush(self) -> list[MergedLine]:
        """Return the lines that wait, in order; lines of one log never change places."""
        waiting, self._waiting = sorted(self._waiting, key=lambda item: item[:2]), []
        return [line for _, _, line in waiting]

    def _take(self, number: int, line: bytes, arrived_at: float) -> None:
        own = line_time(line, arrived_at, self._zone)
        at = own if own is not None else self._times[number] or arrived_at
        self._times[number] = max(at, self._times[number])
        self._taken += 1
        self._waiting.append((self._times[number], self._taken, MergedLine(number, line)))


def line_time(line: bytes, near: float, zone: tzinfo | None) -> float | None:
    """Return the time that a line begins with (Unix seconds), None without one; a bare time is the one ``near``."""
    found = _TIME.match(line[:64])
    if found is None:
        return None
    day, clock, fraction = (part.decode() if part else "" for part in found.groups())
    now = datetime.fromtimestamp(near, zone)
    try:
        at = datetime.fromisoformat(f"{day or now.date().isoformat()} {clock}").replace(tzinfo=zone)
        if not day and at.timestamp() - near > _HALF_A_DAY.total_seconds():
            at -= timedelta(days=1)
    except (ValueError, OverflowError):
        return None
    return at.timestamp() + (float(f"0.{fraction}") if fraction else 0.0)
