"""A terminal for benchmarks: runs a command on a pseudo-terminal and looks at it as a user would, from outside.

``Terminal`` feeds what the command writes to a pyte screen, can stop reading (a stalled SSH line), and measures: a key
written -> the first changed cell received, bytes per second, CPU time and memory of the command.
"""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import psutil
import pyte

_CHUNK = 65_536
_HEAD = struct.Struct("dI")  # when a chunk came (perf_counter), how long it is


@dataclass(frozen=True)
class Latencies:
    """Key latencies in milliseconds; ``lost`` keys changed nothing within their time."""

    milliseconds: tuple[float, ...]
    lost: int = 0

    def percentile(self, share: float) -> float:
        """Return the latency that ``share`` (0..1) of the keys stayed at or below."""
        ordered = sorted(self.milliseconds)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]

    def __str__(self) -> str:
        return (
            f"{len(self.milliseconds)} keys: p50 {self.percentile(0.5):.1f} ms, p99 {self.percentile(0.99):.1f} ms, "
            f"max {max(self.milliseconds):.1f} ms, lost {self.lost}"
        )


@dataclass(frozen=True)
class Usage:
    """What the command did in a span of time."""

    seconds: float
    written_bytes: int
    cpu_seconds: float
    rss_bytes: int

    def __str__(self) -> str:
        cpu_percent = 100 * self.cpu_seconds / self.seconds
        return (
            f"{self.written_bytes / self.seconds:,.0f} B/s, CPU {cpu_percent:.1f} % of a core, "
            f"RSS {self.rss_bytes / 1024**2:.0f} MiB"
        )


class Terminal:
    """A command on a pseudo-terminal of ``columns`` x ``lines``; ``with`` ends it."""

    def __init__(
        self, command: Sequence[str], *, columns: int = 160, lines: int = 50, env: Mapping[str, str] | None = None
    ) -> None:
        self.screen = pyte.Screen(columns, lines)
        self.received_bytes = 0
        self.raw: list[bytes] | None = None
        self._stream = pyte.ByteStream(self.screen)
        self.started_at = time.perf_counter()
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            os.execvpe(command[0], list(command), _environment(env))  # noqa: S606 -- the harness runs what it is given
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.process = psutil.Process(self.pid)
        self._chunks, self._receiver_pid = _receiver(self._fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the command: politely, then not."""
        for sign in (signal.SIGTERM, signal.SIGKILL):
            if self._ended():
                break
            os.kill(self.pid, sign)
            deadline = time.perf_counter() + 3
            while not self._ended() and time.perf_counter() < deadline:
                self.read(0.05)
        os.kill(self._receiver_pid, signal.SIGKILL)
        os.waitpid(self._receiver_pid, 0)
        os.close(self._chunks)
        os.close(self._fd)

    def _ended(self) -> bool:
        try:
            return os.waitpid(self.pid, os.WNOHANG)[0] != 0
        except ChildProcessError:
            return True

    def read(self, timeout_s: float) -> float | None:
        """Show one chunk that came, waiting up to ``timeout_s``; return when it came (perf_counter), None without."""
        if not select.select([self._chunks], [], [], max(0.0, timeout_s))[0]:
            return None
        head = _exactly(self._chunks, _HEAD.size)
        if len(head) < _HEAD.size:
            time.sleep(min(0.05, max(0.0, timeout_s)))
            return None
        came_at, length = _HEAD.unpack(head)
        chunk = _exactly(self._chunks, length)
        self.received_bytes += len(chunk)
        if self.raw is not None:
            self.raw.append(chunk)
        self._stream.feed(chunk)
        return float(came_at)

    def read_for(self, seconds: float) -> None:
        """Read all that comes in this time."""
        deadline = time.perf_counter() + seconds
        while (left := deadline - time.perf_counter()) > 0:
            self.read(left)

    def stall(self, seconds: float, keys: str = "") -> None:
        """Take nothing in this time, as a hung line would, while somebody types these keys, evenly."""
        os.kill(self._receiver_pid, signal.SIGSTOP)
        for key in keys:
            time.sleep(seconds / (len(keys) + 1))
            self.write(key)
        time.sleep(seconds / (len(keys) + 1))
        os.kill(self._receiver_pid, signal.SIGCONT)

    def write(self, keys: str) -> None:
        """Type keys, as bytes that a terminal sends."""
        os.write(self._fd, keys.encode())

    def text(self) -> str:
        """Return the screen as text."""
        return "\n".join(self.screen.display)

    def line(self, y: int) -> str:
        """Return one line of the screen; much cheaper than the whole, so that measuring does not add to a latency."""
        return "".join(self.screen.buffer[y][x].data for x in range(self.screen.columns))

    def column(self, x: int) -> str:
        """Return one column of the screen, from the top."""
        return "".join(self.screen.buffer[y][x].data for y in range(self.screen.lines))

    def wait_for(self, found: str | Callable[[str], bool], timeout_s: float) -> float:
        """Return the seconds until the screen holds a text. Raise TimeoutError with the screen."""
        holds = (lambda text: found in text) if isinstance(found, str) else found
        start = time.perf_counter()
        while not holds(self.text()):
            if time.perf_counter() - start > timeout_s:
                msg = f"not seen within {timeout_s} s: {found!r}\n{self.text()}"
                raise TimeoutError(msg)
            self.read(0.05)
        return time.perf_counter() - start

    def settle(self, quiet_s: float = 0.1, timeout_s: float = 5.0) -> None:
        """Read until nothing has come for ``quiet_s``."""
        deadline = time.perf_counter() + timeout_s
        while time.perf_counter() < deadline and self.read(quiet_s) is not None:
            pass

    def usage(self, seconds: float) -> Usage:
        """Read for a while and return what the command used meanwhile."""
        before, bytes_before, start = self.process.cpu_times(), self.received_bytes, time.perf_counter()
        self.read_for(seconds)
        after, span = self.process.cpu_times(), time.perf_counter() - start
        cpu = after.user + after.system - before.user - before.system
        return Usage(span, self.received_bytes - bytes_before, cpu, self.process.memory_info().rss)

    def key_latencies(
        self,
        keys: Sequence[str],
        changed: Callable[[Terminal], object],
        *,
        pause_s: float = 0.03,
        patience_s: float = 2.0,
    ) -> Latencies:
        """Type each key and measure until ``changed(terminal)`` gives something else: key to effect, not to any byte.

        ``pause_s`` lies between keys, so that keys come at all phases of a frame; what arrives meanwhile is read.
        """
        took = [self._key_latency(key, changed, pause_s, patience_s) for key in keys]
        found = [seconds * 1000 for seconds in took if seconds is not None]
        return Latencies(tuple(found), len(took) - len(found))

    def _key_latency(
        self, key: str, changed: Callable[[Terminal], object], pause_s: float, patience_s: float
    ) -> float | None:
        self.read_for(pause_s)
        while self.read(0) is not None:
            pass
        before, start = changed(self), time.perf_counter()
        self.write(key)
        while time.perf_counter() - start < patience_s:
            came_at = self.read(patience_s)
            now = changed(self)
            if came_at is not None and came_at < start:
                before = now  # it was on its way before the key
            elif came_at is not None and now != before:
                return came_at - start
        return None


def _receiver(terminal_fd: int) -> tuple[int, int]:
    """Start a process that takes what comes and says when; return the pipe's end and its pid.

    A process, because showing 14 kB takes pyte 20 ms in which a thread would get no turn to look at the clock.
    """
    read_end, write_end = os.pipe()
    pid = os.fork()
    if pid:
        os.close(write_end)
        return read_end, pid
    try:
        fcntl.fcntl(write_end, fcntl.F_SETPIPE_SZ, 1 << 20)
        while True:
            select.select([terminal_fd], [], [])
            chunk = os.read(terminal_fd, _CHUNK)
            # Read first: a time from before could be older than what came last into the chunk, a key's effect say.
            os.write(write_end, _HEAD.pack(time.perf_counter(), len(chunk)) + chunk)
    except OSError:
        os._exit(0)


def _exactly(fd: int, length: int) -> bytes:
    parts = b""
    while len(parts) < length and (part := os.read(fd, length - len(parts))):
        parts += part
    return parts


def _environment(changes: Mapping[str, str] | None) -> dict[str, str]:
    return {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", **(changes or {})}
