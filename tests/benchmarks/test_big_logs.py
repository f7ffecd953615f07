"""Logs of real jobs that are too large to be read: opened at their end, paged backwards, and followed whole."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import aclosing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from console.clients.dashboard import DashboardClient
from console.services.follow import FollowEnded, LinkLost, LogData, follow
from tests.benchmarks.scenes import console
from tests.fakes.cutting_proxy import CuttingProxy

pytestmark = pytest.mark.bench

LINE_BYTES = 100
OPENED_WITHIN_S, OPENING_READS_MOST = 1.0, 5_000_000
PRINT = """
import sys
lines, block = int(sys.argv[1]), 10_000
for first in range(0, lines, block):
    sys.stdout.writelines("%010d " % n + "x" * 88 + "\\n" for n in range(first, first + block))
sys.stdout.flush()
"""

Submit = Callable[[int], str]


@pytest.fixture
def printed(embedded_cluster, tmp_path: Path) -> Iterator[Submit]:
    """``printed(lines)`` is a job of the shared cluster that prints so many lines of 100 bytes."""
    (tmp_path / "print.py").write_text(PRINT)
    headers = {"Authorization": f"Bearer {embedded_cluster.token}"}
    with httpx.Client(base_url=embedded_cluster.spec.dashboard, headers=headers, timeout=30, trust_env=False) as client:
        ids: list[str] = []

        def submit(lines: int) -> str:
            content = json.dumps({"entrypoint": f"{sys.executable} {tmp_path / 'print.py'} {lines}"})
            ids.append(client.post("/api/jobs/", content=content).json()["submission_id"])
            return ids[-1]

        yield submit
        for job_id in ids:
            client.post(f"/api/jobs/{job_id}/stop")
            for path in Path(embedded_cluster.record.folder).glob(f"**/job-driver-{job_id}.log"):
                path.unlink()


@contextmanager
def counted(url: str) -> Iterator[CuttingProxy]:
    """A proxy in a thread that cuts nothing and counts what it carries."""
    ready, done, made = threading.Event(), threading.Event(), list[CuttingProxy]()

    async def serve() -> None:
        address = urlsplit(url)
        async with CuttingProxy(address.hostname or "", address.port or 0) as proxy:
            made.append(proxy)
            ready.set()
            await asyncio.to_thread(done.wait)

    thread = threading.Thread(target=asyncio.run, args=(serve(),), daemon=True)
    thread.start()
    assert ready.wait(10)
    yield made[0]
    done.set()
    thread.join(10)


def test_a_log_of_2_gb_opens_at_its_end_and_pages_backwards(embedded_cluster, tmp_path, printed, figure) -> None:
    lines = 20_000_000
    job_id = printed(lines)
    with counted(embedded_cluster.spec.dashboard) as proxy:
        rows = f'[[clusters]]\nname = "real"\nkind = "local"\ndashboard = "{proxy.url}"\n'
        (tmp_path / "clusters.toml").write_text(f'{rows}auth_token_file = "{embedded_cluster.spec.auth_token_file}"\n')
        with console(tmp_path, size=(120, 36)) as terminal:
            terminal.write("2")
            terminal.wait_for(job_id, 20)
            terminal.wait_for("succeeded", 120)
            terminal.settle()
            before, before_rss = proxy.carried_bytes, terminal.process.memory_info().rss
            terminal.write("\r")
            opened_s = terminal.wait_for(f"{lines - 1:010d}", 20)
            terminal.settle(0.5)
            opening_bytes = proxy.carried_bytes - before
            figure(f"log of {lines * LINE_BYTES / 1e9:.1f} GB: its end on screen after", f"{opened_s * 1000:.0f} ms")
            figure("read for that, all polling included", f"{opening_bytes / 1e6:.2f} MB")
            known = 1000
            for page in (1000, 2000, 4000, 8000, 16_000, 16_000):
                before = proxy.carried_bytes
                terminal.write("g")
                known += page
                taken_s = terminal.wait_for(f"{known:,} lines".replace(",", " "), 20)
                carried = (proxy.carried_bytes - before) / 1e6
                figure(f"{page:6} earlier lines", f"{taken_s * 1000:.0f} ms, {carried:.1f} MB carried")
            terminal.write("g")
            terminal.wait_for(f"{lines - known:010d}", 5)
            rss = terminal.process.memory_info().rss
            figure("memory", f"{rss / 1e6:.0f} MB, {(rss - before_rss) / 1e6:+.0f} MB for {known:,} lines")
    assert opened_s < OPENED_WITHIN_S
    assert opening_bytes < OPENING_READS_MOST


def test_a_job_that_prints_1_gb_is_followed_whole(embedded_cluster, printed, figure) -> None:
    lines = 10_000_000

    async def run() -> tuple[int, str, bool]:
        """Look at each line's number as it comes, keep nothing."""
        client = DashboardClient(embedded_cluster.spec, embedded_cluster.token)
        expected, tail, lost, why = 0, b"", False, ""
        async with asyncio.timeout(400), aclosing(follow(client, printed(lines), lines=-1)) as following:
            async for event in following:
                if isinstance(event, LogData):
                    *whole, tail = (tail + event.data).split(b"\n")
                    for line in whole:
                        if len(line) == LINE_BYTES - 1:
                            assert int(line[:10]) == expected
                            expected += 1
                lost = lost or isinstance(event, LinkLost)
                why = event.why if isinstance(event, FollowEnded) else why
        await client.close()
        return expected, why, lost

    began = time.perf_counter()
    came, why, lost = asyncio.run(run())
    figure("1 GB printed and followed", f"{came:,} lines in {time.perf_counter() - began:.0f} s, link lost: {lost}")
    assert (came, why) == (lines, "job succeeded")
