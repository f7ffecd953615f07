"""Following real jobs on a real head: to their end, through a link that breaks, and without a trace on the head."""

import asyncio
import os
import re
import shlex
from collections.abc import Callable
from contextlib import aclosing, suppress
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import pytest

from console.clients.dashboard import DashboardClient
from console.clients.http import http_client
from console.clients.submission import Submission, send
from console.services.embedded import processes
from console.services.follow import FollowEnded, JobSeen, LinkBack, LinkLost, LogData, LogEvent, Pace, follow
from tests.fakes.cutting_proxy import CuttingProxy
from tests.live.conftest import LiveCluster

pytestmark = pytest.mark.live

FLOOD_LINES = 200_000


async def submitted(cluster: LiveCluster, name: str, program: str) -> str:
    job_id = f"follow_{name}_{os.urandom(4).hex()}"
    entrypoint = f"python -uc {shlex.quote(program)}"
    submission = Submission(submission_id=job_id, entrypoint=entrypoint, runtime_env={})
    await send(cluster.spec, cluster.token, submission, 30)
    return job_id


def client_of(cluster: LiveCluster, url: str | None = None, timeout_s: float = 5.0) -> DashboardClient:
    spec = msgspec.structs.replace(cluster.spec, dashboard=url or cluster.spec.dashboard)
    return DashboardClient(spec, cluster.token, timeout_s=timeout_s)


async def followed(
    client: DashboardClient,
    job_id: str,
    lines: int = 1000,
    pace: Pace | None = None,
    on_event: Callable[[LogEvent], None] | None = None,
) -> list[LogEvent]:
    events = []
    async with asyncio.timeout(240), aclosing(follow(client, job_id, lines=lines, pace=pace or Pace())) as following:
        async for event in following:
            events.append(event)
            if on_event:
                on_event(event)
    await client.close()
    return events


def text_of(events: list[LogEvent]) -> bytes:
    return b"".join(event.data for event in events if isinstance(event, LogData))


def numbers(log: bytes) -> list[int]:
    return [int(number) for number in re.findall(rb"^number (\d+)$", log, re.MULTILINE)]


def readers_of_the_log(cluster: LiveCluster, job_id: str) -> int:
    """How many times the cluster's processes hold the job's log open."""
    count = 0
    for process in processes.family(cluster.record):
        for link in Path(f"/proc/{process.pid}/fd").glob("*"):
            with suppress(OSError):
                count += job_id in str(link.readlink())
    return count


def test_a_job_is_followed_from_its_submission_to_its_end(embedded_cluster: LiveCluster) -> None:
    program = """import sys, time
for n in range(30):
    print('number', n)
    time.sleep(0.05)
sys.stdout.buffer.write(bytes([255]) + b' no end')"""

    async def run() -> list[LogEvent]:
        return await followed(client_of(embedded_cluster), await submitted(embedded_cluster, "whole", program))

    events = asyncio.run(run())
    assert numbers(text_of(events)) == list(range(30))
    assert text_of(events).endswith(b"\xff no end")
    seen = [event.job.status for event in events if isinstance(event, JobSeen)]
    assert seen[-1] == "SUCCEEDED"
    assert not any(isinstance(event, LinkLost) for event in events)
    assert isinstance(last := events[-1], FollowEnded)
    assert last.why == "job succeeded"


def test_a_job_that_fails_says_why(embedded_cluster: LiveCluster) -> None:
    async def run() -> list[LogEvent]:
        job_id = await submitted(embedded_cluster, "failing", "print('number 1'); raise SystemExit(3)")
        return await followed(client_of(embedded_cluster), job_id)

    events = asyncio.run(run())
    assert numbers(text_of(events)) == [1]
    assert isinstance(last := events[-1], FollowEnded)
    assert last.why.startswith("job failed: ")
    assert "exit code 3" in last.why


def test_a_job_that_waits_is_shown_waiting(embedded_cluster: LiveCluster) -> None:
    """Two jobs that want four of six CPUs: until the first has ended, the second has no driver and no log."""

    async def run() -> list[LogEvent]:
        spec, job_id = embedded_cluster.spec, f"follow_waiting_{os.urandom(4).hex()}"
        async with http_client(spec.dashboard, embedded_cluster.token) as client:
            for name, entrypoint in ((f"{job_id}_first", "sleep 3"), (job_id, "echo number 7")):
                wanted = {"entrypoint": entrypoint, "submission_id": name, "entrypoint_num_cpus": 4}
                (await client.post("/api/jobs/", json=wanted)).raise_for_status()
        return await followed(client_of(embedded_cluster), job_id)

    events = asyncio.run(run())
    assert isinstance(first := events[0], JobSeen)
    assert (first.job.status, first.job.driver_node_id) == ("PENDING", None)
    assert numbers(text_of(events)) == [7]
    assert isinstance(last := events[-1], FollowEnded)
    assert last.why == "job succeeded"
    assert {type(event) for event in events} == {JobSeen, LogData, FollowEnded}


def test_a_flood_behind_a_link_that_breaks_comes_whole(embedded_cluster: LiveCluster) -> None:
    """200 000 lines as fast as Python prints them, and 20 breaks of four kinds."""
    program = f"for n in range({FLOOD_LINES}):\n    print('number', n, flush=n % 500 == 0)"

    async def run() -> tuple[list[LogEvent], CuttingProxy]:
        address = urlsplit(embedded_cluster.spec.dashboard)
        proxy = CuttingProxy(address.hostname or "", address.port or 0, seed=7, cuts=20, mean_bytes=150_000)
        async with proxy:
            job_id = await submitted(embedded_cluster, "flood", program)
            pace = Pace(retry_most_s=0.3, stall_s=0.5)
            events = await followed(client_of(embedded_cluster, proxy.url, 1.0), job_id, lines=-1, pace=pace)
            return events, proxy

    events, proxy = asyncio.run(run())
    assert numbers(text_of(events)) == list(range(FLOOD_LINES))
    assert proxy.cuts_made >= 10
    links = [event for event in events if isinstance(event, LinkLost | LinkBack)]
    assert [type(link) for link in links] == [LinkLost, LinkBack] * (len(links) // 2)
    assert len(links) >= 4
    assert all(link.complete for link in links if isinstance(link, LinkBack))


def test_following_leaves_nothing_open_on_the_head(embedded_cluster: LiveCluster) -> None:
    """Ray frees no log stream whose reader has gone, and stops giving out logs after 100 of them."""

    async def run() -> int:
        job_id = await submitted(embedded_cluster, "quiet", "print('number 1'); import time; time.sleep(3)")
        for _ in range(8):
            client = client_of(embedded_cluster)
            async with aclosing(follow(client, job_id)) as following:
                async for event in following:
                    if isinstance(event, LogData):
                        break
            await client.close()
        await followed(client_of(embedded_cluster), job_id)
        await asyncio.sleep(0.5)
        return readers_of_the_log(embedded_cluster, job_id)

    assert asyncio.run(run()) == 0


def test_a_head_that_is_restarted_ends_it_with_clear_words(fresh_cluster: Callable[..., LiveCluster]) -> None:
    async def run(cluster: LiveCluster) -> list[LogEvent]:
        job_id = await submitted(cluster, "restart", "print('number 1'); import time; time.sleep(300)")
        read = asyncio.Event()

        def note(event: LogEvent) -> None:
            if isinstance(event, LogData) and b"number 1" in event.data:
                read.set()

        following = asyncio.create_task(followed(client_of(cluster), job_id, on_event=note))
        await asyncio.wait_for(read.wait(), 30)
        await asyncio.to_thread(cluster.restart_head)
        return await following

    events = asyncio.run(run(fresh_cluster()))
    kinds = [type(event).__name__ for event in events if not isinstance(event, LogData)]
    assert kinds.count("LinkLost") == 1
    assert isinstance(last := events[-1], FollowEnded)
    assert last.job is not None
    assert "any more: was its head restarted?" in last.why
