"""LogRing: a bounded store of raw log lines. Pure: nothing here decodes, styles or paints.

Lines are bytes; their numbers count from the first one fed, below it for earlier ones that are put before, and stay
the same while old lines fall out. Bounded in lines, in bytes per line and in bytes altogether. The unfinished last line
is readable like any other.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence

_SIGNS = (b"ERROR", b"Error", b"FATAL", b"CRITICAL", b"Exception", b"Traceback")
_ERROR = re.compile(
    rb"\b(?:ERROR|FATAL|CRITICAL)\b|Traceback \(most recent call last\)|\b[A-Za-z_.]*(?:Error|Exception)\b\s*[:(]"
    rb"|\A(?:\([^()]{1,100}\))?\s*[A-Za-z_][\w.]*(?:Error|Exception)\s*\Z"  # one that was raised without a word
)
_COLOUR = re.compile(rb"\x1b\[[0-9;:]*m")


class Note(bytes):
    """A line of our own among the log's (``┄┄ link lost …``); its type tells it from text that a job wrote."""

    __slots__ = ()


class LogRing:
    """The newest lines of a log.

    ``lines_most``, ``line_bytes_most``, ``bytes_most`` are the bounds; ``first`` is the number of the oldest line
    kept, ``end`` the number behind the newest, an unfinished one included. ``line_count`` and ``error_count`` count
    what ever came, notes left out.
    """

    def __init__(
        self, *, lines_most: int = 100_000, line_bytes_most: int = 16_384, bytes_most: int = 64 * 1024 * 1024
    ) -> None:
        self.lines_most = lines_most
        self.line_bytes_most = line_bytes_most
        self.bytes_most = bytes_most
        self.first = 0
        self.errors: list[int] = []
        self.error_count = 0
        self.line_count = 0
        self.has_dropped = False
        self._lines: list[bytes] = []
        self._bytes = 0
        self._tail = b""
        self._cut_bytes = 0

    @property
    def has_room(self) -> bool:
        """Whether earlier lines can be put before the first: none has fallen out, and the bounds are not reached."""
        return not self.has_dropped and len(self._lines) < self.lines_most and self._bytes < self.bytes_most

    @property
    def lines_seen(self) -> int:
        """How many lines of the log ever came, an unfinished one included."""
        return self.line_count + bool(self._tail)

    @property
    def end(self) -> int:
        """The number behind the last line."""
        return self.first + len(self._lines) + bool(self._tail)

    def __len__(self) -> int:
        return len(self._lines) + bool(self._tail)

    def line(self, number: int) -> bytes:
        """Return one line without its newline, at most ``line_bytes_most`` and a remark long. Raise IndexError."""
        at = number - self.first
        if 0 <= at < len(self._lines):
            return self._lines[at]
        if at == len(self._lines) and self._tail:
            return self._tail
        msg = f"line {number} is not kept"
        raise IndexError(msg)

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes, cut anywhere. Costs little more than splitting at newlines."""
        if b"\n" not in chunk:
            self._grow(chunk)
            return
        head, *middle, tail = chunk.split(b"\n")
        self._grow(head)
        new = [self._closed(), *(self._bounded(line) for line in middle)]
        self.line_count += len(new)
        self._append(new, any(sign in chunk for sign in _SIGNS) or any(sign in new[0] for sign in _SIGNS))
        self._tail = b""
        self._grow(tail)

    def prepend(self, earlier: bytes) -> bool:
        """Put whole lines before the first; return False where only the newest of them had room."""
        lines = earlier.removesuffix(b"\n").split(b"\n") if earlier else []
        new = self._fitting(lines)
        self._lines[:0] = new
        self._bytes += sum(map(len, new))
        self.first -= len(new)
        self.line_count += len(new)
        found = [self.first + at for at, line in enumerate(new) if _is_error(line)]
        self.errors[:0] = found
        self.error_count += len(found)
        return len(new) == len(lines)

    def note(self, text: str) -> None:
        """Put a line of our own behind the finished lines; an unfinished one stays the last."""
        self._append([Note(text.encode("utf-8", "replace"))], False)

    def finish(self) -> None:
        """Take an unfinished last line for a whole one: the log has ended."""
        if self._tail:
            new = self._closed()
            self._tail = b""
            self.line_count += 1
            self._append([new], True)

    def clear(self) -> None:
        """Forget all lines and counts; the next line's number goes on."""
        self.first = self.end
        self._lines, self._tail, self._bytes, self._cut_bytes = [], b"", 0, 0
        self.errors, self.error_count, self.line_count, self.has_dropped = [], 0, 0, False

    def errors_before(self, number: int) -> int | None:
        """Return the number of the last error line before this one, None without any."""
        at = bisect_left(self.errors, number)
        return self.errors[at - 1] if at else None

    def errors_after(self, number: int) -> int | None:
        """Return the number of the first error line behind this one, None without any."""
        at = bisect_right(self.errors, number)
        return self.errors[at] if at < len(self.errors) else None

    def lines_as_bytes(self) -> Iterator[bytes]:
        """Return the lines of the log that are kept now, with their newlines, notes left out; for any thread."""
        now = [*self._lines, self._tail] if self._tail else list(self._lines)
        return (line + b"\n" for line in now if not isinstance(line, Note))

    def _grow(self, chunk: bytes) -> None:
        """Lengthen the unfinished line within its bound; of a progress bar that reaches it the last state stays."""
        if len(self._tail) + len(chunk) > self.line_bytes_most and b"\r" in self._tail + chunk:
            chunk = _last_state(self._tail + chunk)
            self._tail, self._cut_bytes = b"", 0
        room = self.line_bytes_most - len(self._tail)
        self._tail += chunk[:room]
        self._cut_bytes += max(0, len(chunk) - room)

    def _closed(self) -> bytes:
        line, cut, self._cut_bytes = self._tail, self._cut_bytes, 0
        return line + b" [%d bytes cut]" % cut if cut else line

    def _bounded(self, line: bytes) -> bytes:
        if len(line) <= self.line_bytes_most:
            return line
        line = _last_state(line)
        cut = len(line) - self.line_bytes_most
        return line if cut <= 0 else line[: self.line_bytes_most] + b" [%d bytes cut]" % cut

    def _fitting(self, lines: Sequence[bytes]) -> list[bytes]:
        """Return, within the bounds of a line, the last of these lines that have room before the first one."""
        room, room_bytes = self.lines_most - len(self._lines), self.bytes_most - self._bytes
        fit: list[bytes] = []
        for line in reversed(lines):
            bounded = self._bounded(line)
            room_bytes -= len(bounded)
            if self.has_dropped or len(fit) >= room or room_bytes < 0:
                break
            fit.append(bounded)
        return fit[::-1]

    def _append(self, new: list[bytes], maybe_errors: bool) -> None:
        if maybe_errors:
            start = self.first + len(self._lines)
            found = [start + at for at, line in enumerate(new) if _is_error(line)]
            self.errors += found
            self.error_count += len(found)
        self._lines += new
        self._bytes += sum(map(len, new))
        if len(self._lines) > self.lines_most + self.lines_most // 20 or self._bytes > self.bytes_most:
            self._drop()

    def _drop(self) -> None:
        """Let the oldest lines go, in bulk, so that dropping costs nothing per line."""
        at = max(0, len(self._lines) - self.lines_most)
        left = self._bytes - sum(map(len, self._lines[:at]))
        while left > self.bytes_most - self.bytes_most // 20 and at < len(self._lines):
            left -= len(self._lines[at])
            at += 1
        del self._lines[:at]
        self._bytes = left
        self.first += at
        self.has_dropped = True
        del self.errors[: bisect_left(self.errors, self.first)]


def _is_error(line: bytes) -> bool:
    if not any(sign in line for sign in _SIGNS):
        return False
    return _ERROR.search(_COLOUR.sub(b"", line) if b"\x1b" in line else line) is not None


def _last_state(line: bytes) -> bytes:
    """Return what follows the last carriage return that has something behind it, and that it ended with one."""
    bare = line.rstrip(b"\r")
    return bare.rsplit(b"\r", 1)[-1] + (b"\r" if len(bare) < len(line) else b"")
