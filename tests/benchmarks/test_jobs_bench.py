"""Jobs mode with 10 000 jobs, on a terminal: how soon the first rows stand there, and how long a key takes.

The head is a process of its own, and has no job before `2` is pressed: the first rows come when the list is fetched,
decoded, sorted and drawn.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import re
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import httpx
import pytest
from aiohttp import web

from tests.benchmarks.scenes import configuration, console
from tests.benchmarks.terminal import Latencies, Terminal
from tests.fakes.head import FakeHead, fake_head

pytestmark = pytest.mark.bench

JOBS, ROUNDS = 10_000, 70
SCROLLING = ["j", "\x1b[6~", "G", "k", "\x1b[5~", "g"]
TYPED = "status:failed"
P99_MOST_MS = 50.0


class FillingHead(FakeHead):
    """Has all the jobs from the question for ``/fill`` on; to write them down is not measured."""

    body = b"[]"

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        if request.path == "/fill":
            self.raw["/api/jobs/"] = self.body
            return web.Response()
        return await super()._answer(request)


async def serve(port_to: Connection) -> None:
    async with fake_head(time.time, FillingHead) as head:
        now = int(time.time() * 1000)
        message = "Job entrypoint command failed with exit code 1, last available logs:\n" + "x" * 300
        for number in range(JOBS):
            status = "RUNNING" if number % 500 == 0 else "FAILED" if number % 9 == 0 else "SUCCEEDED"
            head.add_job(f"raysubmit_{number:016}", status, message=message, start_time=now - number * 1000)
        head.body = json.dumps(head.jobs).encode()
        head.raw["/api/jobs/"] = b"[]"
        port_to.send(head.url)
        await asyncio.Event().wait()


def run_head(port_to: Connection) -> None:
    asyncio.run(serve(port_to))


@pytest.fixture
def full_head() -> Iterator[str]:
    """The address of a head with all these jobs."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=run_head, args=(theirs,), daemon=True)
    process.start()
    yield ours.recv()
    process.kill()
    process.join()


def test_ten_thousand_jobs_are_shown_and_scrolled(full_head: str, tmp_path: Path, figure) -> None:
    configuration(tmp_path, [full_head])
    with console(tmp_path, size=(160, 50)) as terminal:
        terminal.wait_for("● 1 up", 20)
        terminal.settle(0.5)
        httpx.get(f"{full_head}/fill", trust_env=False)
        terminal.write("2")
        first_s = terminal.wait_for("raysubmit_0000", 20)
        figure("first rows of 10 000 jobs", f"{first_s * 1000:.0f} ms after the key, fetched and decoded within")
        terminal.settle(0.5)
        keys = terminal.key_latencies(SCROLLING * ROUNDS, place, pause_s=0.03)
        figure("a key while scrolling", keys)
        typed = typing(terminal)
        figure("a key while typing a filter", typed)
        figure("memory", f"{terminal.process.memory_info().rss / 1e6:.0f} MB")
    assert first_s < 1
    assert keys.lost == typed.lost == 0
    assert keys.percentile(0.99) < P99_MOST_MS
    assert typed.percentile(0.99) < P99_MOST_MS


def place(terminal: Terminal) -> tuple[str, list[str]]:
    """Where the cursor is, and which job stands in a row; what grows by itself left out."""
    return terminal.column(0), re.findall(r"raysubmit_\d+", terminal.line(12))


def typing(terminal: Terminal) -> Latencies:
    """Type a filter; a key's effect is its letter, in the line above the footer."""
    terminal.write("/")
    terminal.settle(0.3)
    return terminal.key_latencies(TYPED, lambda seen: seen.line(seen.screen.lines - 2), pause_s=0.05)
