"""Jobs mode with 10 000 jobs: how soon the first rows stand there, and how long a key takes.

The head is a process of its own, and has no job before `2` is pressed: the first rows come when the list is fetched,
decoded, sorted and drawn.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import statistics
import time
from multiprocessing.connection import Connection

import httpx
import pytest
from aiohttp import web

from tests.fakes.head import FakeHead, fake_head
from tests.pilot.deck import Deck, deck

pytestmark = pytest.mark.bench

JOBS, KEYS = 10_000, 400


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
def full_head():
    """The address of a head with all these jobs."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=run_head, args=(theirs,), daemon=True)
    process.start()
    yield ours.recv()
    process.kill()
    process.join()


def test_ten_thousand_jobs_are_shown_and_scrolled(full_head, tmp_path, figure):
    async def scenario() -> None:
        clusters = {"local-1": {"kind": "local", "dashboard": full_head}}
        async with deck(tmp_path, clusters, size=(160, 50), clock=time.time) as console:
            await console.until(lambda: console.core.fleet.snapshots[0].jobs is not None)
            await asyncio.to_thread(httpx.get, f"{full_head}/fill")
            assert console.core.fleet.snapshots[0].jobs == ()
            await measured(console, figure)

    asyncio.run(scenario())


async def measured(console: Deck, figure) -> None:
    begun = time.perf_counter()
    await console.pilot.press("2")
    await console.until(lambda: "raysubmit_0000" in console.text)
    first_s = time.perf_counter() - begun
    assert len(console.core.fleet.snapshots[0].jobs) == JOBS
    figure("first rows of 10 000 jobs", f"{first_s * 1000:.0f} ms after the key, fetched and decoded within")
    took = []
    for number in range(KEYS):
        begun = time.perf_counter()
        key = ("j", "pagedown", "G", "k", "pageup", "g")[number % 6]
        console.app.screen.focused.post_message(_key(key))
        await settled(console)
        took.append(time.perf_counter() - begun)
        await asyncio.sleep(0.01)
    p99 = statistics.quantiles(took, n=100)[98]
    figure("a key while scrolling", f"p50 {statistics.median(took) * 1000:.1f} ms, p99 {p99 * 1000:.1f} ms")
    begun = time.perf_counter()
    await console.press("slash", *"status:failed")
    figure("typing status:failed", f"{(time.perf_counter() - begun) * 1000:.0f} ms for 14 keys")
    assert len(console.app.screen.main_table.rows_shown) < JOBS / 5
    assert first_s < 1
    assert p99 < 0.05


def _key(name: str):
    from textual.events import Key  # noqa: PLC0415 -- only where it is measured

    return Key(name, name if len(name) == 1 else None)


async def settled(console: Deck) -> None:
    """Wait until the focused table has worked off its messages and its frame is composed."""
    done = asyncio.Event()
    console.app.screen.focused.call_later(done.set)
    await done.wait()
    done.clear()
    console.app.screen.call_after_refresh(done.set)
    await done.wait()
