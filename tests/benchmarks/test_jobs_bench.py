"""Jobs mode with 10 000 jobs: how soon the first rows stand there, and how long a key takes."""

from __future__ import annotations

import asyncio
import statistics
import time

import pytest

from tests.fakes.head import fake_head
from tests.pilot.deck import Deck, deck

pytestmark = pytest.mark.bench

JOBS, KEYS = 10_000, 400


def fill(head) -> None:
    now = int(time.time() * 1000)
    for number in range(JOBS):
        status = "RUNNING" if number % 500 == 0 else "FAILED" if number % 9 == 0 else "SUCCEEDED"
        message = "Job entrypoint command failed with exit code 1, last available logs:\n" + "x" * 300
        head.add_job(f"raysubmit_{number:016}", status, message=message, start_time=now - number * 1000)


def test_ten_thousand_jobs_are_shown_and_scrolled(tmp_path, figure):
    async def scenario() -> None:
        async with fake_head(time.time) as head:
            fill(head)
            clusters = {"local-1": {"kind": "local", "dashboard": head.url}}
            async with deck(tmp_path, clusters, size=(160, 50), clock=time.time) as console:
                await console.until(lambda: console.core.fleet.snapshots[0].jobs)
                await measured(console, figure)

    asyncio.run(scenario())


async def measured(console: Deck, figure) -> None:
    begun = time.perf_counter()
    await console.pilot.press("2")
    await console.until(lambda: "raysubmit_0000" in console.text)
    first_s = time.perf_counter() - begun
    figure("first rows of 10 000 jobs", f"{first_s * 1000:.0f} ms after the key")
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
