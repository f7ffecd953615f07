"""Where we are in a log that can only be asked for by its last N lines. Pure: no clock, no network.

A dashboard has no offset parameter, so a place in a log is known in two ways: by its offset, when what was read began
at the log's beginning, or by a mark, which is a stretch of what was seen that can be found again. A stretch is worth
being a mark only when it stands once in all that is kept: a log that repeats itself has none, then an older mark and
the bytes since count.
"""

from __future__ import annotations

from collections import deque

from msgspec import Struct

KEPT_BYTES = 512 * 1024
RENEW_BYTES = 256 * 1024
NEEDLE_BYTES = (16 * 1024, 64 * 1024, 256 * 1024)
SHORTEST_NEEDLE_BYTES = 256
ENDING_BYTES = 4096


class Tally:
    """Counts bytes and lines of a piece of a log; an unfinished last line counts, as it does for Ray."""

    def __init__(self) -> None:
        self.total_bytes = 0
        self._newlines = 0
        self._unfinished = False

    @property
    def lines(self) -> int:
        """Return how many lines were added."""
        return self._newlines + self._unfinished

    def add(self, chunk: bytes) -> None:
        """Count one more chunk."""
        if chunk:
            self.total_bytes += len(chunk)
            self._newlines += chunk.count(b"\n")
            self._unfinished = not chunk.endswith(b"\n")

    def put_before(self, lines: bytes) -> None:
        """Count whole lines that stand before all that was counted."""
        self.total_bytes += len(lines)
        self._newlines += lines.count(b"\n")


class Mark(Struct, frozen=True):
    """A place that can be found again, and how far we have come since.

    ``context`` is what stood before the place; its last ``needle_bytes`` stand nowhere else in it.
    """

    context: bytes
    needle_bytes: int
    since_bytes: int
    since_lines: int

    @property
    def needle(self) -> bytes:
        """Return the stretch to look for."""
        return self.context[-self.needle_bytes :]

    @property
    def lines(self) -> int:
        """Return how many last lines of the log, as it was when we were there, surely hold the needle."""
        return self.needle.count(b"\n") + 1 + self.since_lines + 1

    @property
    def line_bytes(self) -> float:
        """Return how long a line is here, in the middle."""
        return len(self.context) / (self.context.count(b"\n") + 1)


class LogPosition:
    """How much of a log was delivered. ``offset`` counts bytes from its beginning, None while that is unknown."""

    def __init__(self, offset: int | None = None) -> None:
        self.offset = offset
        self._kept = bytearray()
        self._mark: Mark | None = None
        self._since = Tally()

    def advance(self, fresh: bytes) -> None:
        """Take what follows the position as delivered."""
        if self.offset is not None:
            self.offset += len(fresh)
        self._kept += fresh
        if len(self._kept) > 2 * KEPT_BYTES:
            del self._kept[:-KEPT_BYTES]
        self._since.add(fresh)
        if self._since.total_bytes >= RENEW_BYTES:
            self.mark()

    def ending(self) -> bytes:
        """Return what stands right before the position, a few KiB of it."""
        return bytes(self._kept[-ENDING_BYTES:])

    def mark(self) -> Mark | None:
        """Return the best mark: one right here if this place can be told from others, else the last one that could."""
        if self._mark is not None and not self._since.total_bytes:
            return self._mark
        if needle_bytes := self._distinct_bytes():
            self._mark = Mark(bytes(self._kept[-KEPT_BYTES:]), needle_bytes, 0, 0)
            self._since = Tally()
        if self._mark is None:
            return None
        return Mark(self._mark.context, self._mark.needle_bytes, self._since.total_bytes, self._since.lines)

    def _distinct_bytes(self) -> int:
        """Return the shortest size at which the end of what is kept stands nowhere else in it, 0 if there is none.

        At most half of what is kept: a longer stretch would be alone in it even where the log repeats itself.
        """
        kept = self._kept[-KEPT_BYTES:]
        half = len(kept) // 2
        sizes = [size for size in NEEDLE_BYTES if size <= half] or [half]
        for size in sizes:
            if size >= SHORTEST_NEEDLE_BYTES and kept.find(kept[-size:]) == len(kept) - size:
                return size
        return 0


class LastLines:
    """The last ``lines`` lines of what is fed, at most ``most_bytes`` of them (a log need not have short lines)."""

    def __init__(self, lines: int, most_bytes: int = 8 * 1024 * 1024) -> None:
        self._lines = lines
        self._most_bytes = most_bytes
        self._chunks: deque[bytes] = deque()
        self._size_bytes = 0
        self._newlines = 0
        self._has_dropped = False

    def feed(self, chunk: bytes) -> None:
        """Add a chunk and drop those that cannot matter any more."""
        self._chunks.append(chunk)
        self._size_bytes += len(chunk)
        self._newlines += chunk.count(b"\n")
        while self._chunks and self._first_is_surplus():
            first = self._chunks.popleft()
            self._has_dropped = True
            self._size_bytes -= len(first)
            self._newlines -= first.count(b"\n")

    def take(self) -> bytes:
        """Return the lines."""
        whole = self._from_a_line(b"".join(self._chunks))
        start = len(whole) - whole.endswith(b"\n")
        for _ in range(self._lines):
            start = whole.rfind(b"\n", 0, start)
            if start < 0:
                return whole
        return whole[start + 1 :] if self._lines else b""

    def _from_a_line(self, whole: bytes) -> bytes:
        """Return what of it is within the bound, from the beginning of a line on where there is one."""
        end = whole[-self._most_bytes :]
        at = 0 if len(end) == len(whole) and not self._has_dropped else end.find(b"\n") + 1
        return end[at:] if at < len(end) else end

    def _first_is_surplus(self) -> bool:
        first = self._chunks[0]
        enough_lines = self._newlines - first.count(b"\n") > self._lines
        return enough_lines or self._size_bytes - len(first) >= self._most_bytes
