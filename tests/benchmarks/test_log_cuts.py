"""100 cuts at random moments of a link that carries a log of 1 000 000 lines: every line exactly once, in order."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from contextlib import aclosing

import pytest

from console.services.follow import FollowEnded, LinkBack, LogData, LogEvent, Pace, follow
from tests.fakes.cutting_proxy import CuttingProxy
from tests.fakes.log_dashboard import JOB_ID, LogDashboard

pytestmark = pytest.mark.bench

LINES, PIECES, CUTS = 1_000_000, 1000, 100


def numbered(first: int, last: int) -> bytes:
    return b"".join(b"14:03:27 line %07d of the log\n" % number for number in range(first, last))


async def grow(head: LogDashboard) -> None:
    """Write all lines in a minute or two, and end the job."""
    each = LINES // PIECES
    for at in range(PIECES):
        head.write(numbered(at * each, (at + 1) * each))
        await asyncio.sleep(0.06)
    head.end()


@pytest.mark.parametrize("seed", [1, 2])
def test_a_million_lines_through_a_hundred_cuts(figure, seed: int) -> None:
    async def run() -> tuple[list[LogEvent], CuttingProxy, bytes]:
        events: list[LogEvent] = []
        async with (
            LogDashboard() as head,
            CuttingProxy("127.0.0.1", head.port, seed=seed, cuts=CUTS, mean_bytes=700_000) as proxy,
        ):
            growing = asyncio.create_task(grow(head))
            client = head.client(proxy.url, timeout_s=1.0)
            pace = Pace(status_s=0.2, busy_s=0.05, idle_s=0.05, retry_first_s=0.02, retry_most_s=0.2, stall_s=0.4)
            async with asyncio.timeout(500), aclosing(follow(client, JOB_ID, lines=-1, pace=pace)) as following:
                events += [event async for event in following]
            await growing
            await client.close()
            return events, proxy, head.log or b""

    began = time.perf_counter()
    events, proxy, log = asyncio.run(run())
    seconds = time.perf_counter() - began
    text = b"".join(event.data for event in events if isinstance(event, LogData))
    told = Counter(type(event).__name__ for event in events)
    figure(f"seed {seed}", f"{text.count(bytes([10])):,} lines, {proxy.cuts_made} cuts ({proxy.kinds_made})")
    figure("outages told", f"{told['LinkLost']}, in {seconds:.0f} s")
    figure("carried", f"{proxy.carried_bytes / 1e6:.0f} MB for a log of {len(log) / 1e6:.0f} MB")
    assert proxy.cuts_made == CUTS
    assert text == log == numbered(0, LINES)
    assert told["LinkLost"] == told["LinkBack"] > 0  # cuts that follow each other are one outage
    assert all(event.complete for event in events if isinstance(event, LinkBack))
    assert isinstance(last := events[-1], FollowEnded)
    assert last.why == "job succeeded"
