"""What benchmarks run against: fake dashboards that count, and ``raydeck`` on a pseudo-terminal as its user has it."""

from __future__ import annotations

import asyncio
import os
import re
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path

from tests.benchmarks.terminal import Terminal
from tests.fakes.dashboard import FakeDashboard, fake_dashboard

ROOT = Path(__file__).parents[2]
NOWHERE = "http://127.0.0.1:9"


@contextmanager
def fakes(count: int) -> Iterator[list[FakeDashboard]]:
    """Run fake dashboards in a thread; their figures differ at each look, as real ones do."""
    ready, done, made = threading.Event(), threading.Event(), list[FakeDashboard]()

    async def serve() -> None:
        async with AsyncExitStack() as stack:
            made.extend([await stack.enter_async_context(fake_dashboard()) for _ in range(count)])
            for number, fake in enumerate(made):
                _tell_apart(fake, number)
                _change(fake, number)
            ready.set()
            while not done.is_set():
                await asyncio.sleep(0.25)
                for number, fake in enumerate(made):
                    _change(fake, number)

    thread = threading.Thread(target=asyncio.run, args=(serve(),), daemon=True)
    thread.start()
    ready.wait(30)
    yield made
    done.set()
    thread.join(10)


def _tell_apart(fake: FakeDashboard, number: int) -> None:
    """Give a fake a session and nodes of its own: two clusters of the same are one that has two ways."""
    fake.replies["/api/version"]["session_name"] += f"_{number}"
    for node in fake.replies["/nodes"]["data"]["summary"]:
        node["raylet"]["nodeId"] = f"{number:056x}"
        node["raylet"]["metricsExportPort"] = 0  # the recorded one is another machine's


def _change(fake: FakeDashboard, number: int) -> None:
    for node in fake.replies["/nodes"]["data"]["summary"]:
        node["cpu"] = (time.time() * 7 + number * 13) % 100
        node["now"] = time.time()


def configuration(folder: Path, urls: Sequence[str]) -> Path:
    """Write a clusters.toml of these dashboards, asked every 2 s."""
    row = '[[clusters]]\nname = "cluster-{}"\nkind = "local"\ndashboard = "{}"\n'
    rows = [row.format(number, url) for number, url in enumerate(urls, 1)]
    path = folder / "clusters.toml"
    path.write_text("[console]\nrefresh_s = 2\n" + "\n".join(rows))
    return path


def surroundings(folder: Path) -> dict[str, str]:
    """A user of this folder alone, whose Python keeps what it has compiled, as an installed one does."""
    home = {"HOME": str(folder), "XDG_CONFIG_HOME": str(folder), "XDG_STATE_HOME": str(folder / "state")}
    return home | {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "", "PYTHONUNBUFFERED": ""}


def raydeck(*words: str) -> list[str]:
    return [sys.executable, "-P", "-m", "console", *words]


@contextmanager
def console(folder: Path, *words: str, size: tuple[int, int] = (120, 36)) -> Iterator[Terminal]:
    """Run the full-screen console with this folder's clusters.toml."""
    command = raydeck("--config", str(folder / "clusters.toml"), *words)
    with Terminal(command, columns=size[0], lines=size[1], env=surroundings(folder)) as terminal:
        yield terminal


def seconds_of(command: Sequence[str], folder: Path) -> float:
    """Return the wall time of a command that ends by itself."""
    began = time.perf_counter()
    subprocess.run(command, env={**os.environ, **surroundings(folder)}, capture_output=True, check=False, cwd=folder)
    return time.perf_counter() - began


def seconds_to_table(folder: Path) -> tuple[float, int]:
    """Return the seconds from exec to a painted clusters table, and the peak resident bytes by then."""
    with console(folder) as terminal:
        while not terminal.line(3).strip().startswith("CLUSTER"):
            came_at = terminal.read(10)
            assert came_at is not None, terminal.text()
        return came_at - terminal.started_at, peak_bytes(terminal.pid)


def peak_bytes(pid: int) -> int:
    """Return the most resident memory that a process had so far."""
    status = Path(f"/proc/{pid}/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def polls(heads: list[FakeDashboard]) -> int:
    """Return how often these were asked who they are, which is once a poll."""
    return sum(head.asked.count("/api/version") for head in heads)


def stalled(terminal: Terminal, heads: list[FakeDashboard], seconds: float, keys: str = "") -> tuple[int, int, bytes]:
    """Stall while keys are typed; return the polls meanwhile, the growth of memory, and what came afterwards."""
    before, rss = polls(heads), terminal.process.memory_info().rss
    terminal.stall(seconds, keys)
    asked, grown = polls(heads) - before, terminal.process.memory_info().rss - rss
    terminal.raw = []
    terminal.read_for(1.5)
    came, terminal.raw = b"".join(terminal.raw), None
    return asked, grown, came


def full_repaints(written: bytes, lines: int) -> int:
    """Return how many frames in ``written`` go to every line of the screen."""
    frames = written.split(b"\x1b[?2026h")
    return sum(len({m[1] for m in re.finditer(rb"\x1b\[(\d+);\d+H", frame)}) >= lines for frame in frames)


def median(values: Sequence[float]) -> float:
    return statistics.median(values)
