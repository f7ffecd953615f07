"""Following real jobs on a real head: to their end, through a link that breaks, and without a trace on the head."""

import asyncio
import os
import re
import shlex
import subprocess
from collections.abc import Callable
from contextlib import aclosing, suppress
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import psutil
import pytest

from console.clients.dashboard import DashboardClient
from console.clients.http import http_client
from console.clients.submission import Submission, send
from console.services.embedded import processes
from console.services.follow import FollowEnded, JobSeen, LinkBack, LinkLost, LogData, LogEvent, Pace, follow
from tests.fakes.cutting_proxy import CuttingProxy
from tests.live.conftest import LiveCluster, only_process

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
    """200 000 lines as fast as Python prints them, and breaks of four kinds."""
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
    assert links
    assert all(link.complete for link in links if isinstance(link, LinkBack))


def test_following_leaves_nothing_open_on_the_head(embedded_cluster: LiveCluster) -> None:
    """Ray frees no log stream whose reader has gone, and stops giving out logs after 100 of them."""

    async def run() -> None:
        job_id = await submitted(embedded_cluster, "quiet", "print('number 1'); import time; time.sleep(3)")
        for _ in range(8):
            client = client_of(embedded_cluster)
            async with aclosing(follow(client, job_id)) as following:
                async for event in following:
                    if isinstance(event, LogData):
                        break
            await client.close()
        await followed(client_of(embedded_cluster), job_id)
        async with asyncio.timeout(20):
            while readers_of_the_log(embedded_cluster, job_id):  # noqa: ASYNC110 -- nothing tells of it
                await asyncio.sleep(0.1)

    asyncio.run(run())


def test_jobs_that_print_binary_or_nothing_or_leave_a_child_that_goes_on(embedded_cluster: LiveCluster) -> None:
    programs = {
        "binary": "import sys; sys.stdout.buffer.write(bytes(range(256)) * 2000)",
        "nothing": "pass",
        "forks": """import os, sys, time
for n in range(10):
    print('number', n)
if not os.fork():
    for n in range(40):
        print('child', n)
        time.sleep(0.05)
    sys.exit()
os._exit(0)""",
    }

    async def run() -> dict[str, list[LogEvent]]:
        ids = {name: await submitted(embedded_cluster, name, program) for name, program in programs.items()}
        found = await asyncio.gather(*(followed(client_of(embedded_cluster), job_id, -1) for job_id in ids.values()))
        return dict(zip(programs, found, strict=True))

    events = asyncio.run(run())
    assert bytes(range(256)) * 2000 in text_of(events["binary"])  # a line of Ray's may come after it
    assert numbers(text_of(events["forks"])) == list(range(10))
    of_ray = (b"Runtime env is setting up", b"Running entrypoint for job")
    lines = text_of(events["nothing"]).splitlines()
    assert [line for line in lines if not any(words in line for words in of_ray)] == []
    for each in events.values():
        assert isinstance(last := each[-1], FollowEnded)
        assert last.why == "job succeeded"
        assert not any(isinstance(event, LinkLost) for event in each)


class Watched:
    """The events of a follow, to be waited for."""

    def __init__(self) -> None:
        self.events: list[LogEvent] = []

    async def until(self, condition: Callable[[list[LogEvent]], object]) -> None:
        async with asyncio.timeout(60):
            while not condition(self.events):  # noqa: ASYNC110 -- what is waited for differs
                await asyncio.sleep(0.05)

    def has(self, kind: type[LogEvent]) -> bool:
        return any(isinstance(event, kind) for event in self.events)

    @property
    def numbers(self) -> list[int]:
        return numbers(text_of(self.events))


def kill_dashboard(cluster: LiveCluster) -> Callable[[], subprocess.Popen[bytes]]:
    """SIGKILL to the dashboard and the processes of its modules alone; return what starts the same one again."""
    family = processes.family(cluster.record)
    main = only_process(family, lambda process: any("dashboard/dashboard.py" in word for word in process.cmdline()))
    command, environ, folder = main.cmdline(), main.environ(), main.cwd()
    dying = [*main.children(recursive=True), main]
    for process in dying:
        with suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(dying, timeout=10)
    return lambda: subprocess.Popen(
        command, env=environ, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def test_a_dashboard_that_dies_alone_costs_no_line_and_a_restarted_head_ends_it(
    fresh_cluster: Callable[..., LiveCluster],
) -> None:
    program = "import time\nfor n in range(15000):\n    print('number', n)\n    time.sleep(0.02)"

    async def run(cluster: LiveCluster) -> list[LogEvent]:
        job_id, seen = await submitted(cluster, "restart", program), Watched()
        following = asyncio.create_task(followed(client_of(cluster), job_id, -1, on_event=seen.events.append))
        await seen.until(lambda _: len(seen.numbers) > 50)
        start_again = await asyncio.to_thread(kill_dashboard, cluster)
        await seen.until(lambda _: seen.has(LinkLost))
        dashboard = start_again()
        await seen.until(lambda _: seen.has(LinkBack))
        back_at = len(seen.numbers)
        await seen.until(lambda _: len(seen.numbers) > back_at + 50)
        await asyncio.to_thread(cluster.restart_head)
        dashboard.wait(30)
        return await following

    events = asyncio.run(run(fresh_cluster()))
    found = numbers(text_of(events))
    assert found == list(range(len(found)))
    links = [event for event in events if isinstance(event, LinkLost | LinkBack)]
    assert [type(link) for link in links] == [LinkLost, LinkBack, LinkLost]
    assert all(link.complete for link in links if isinstance(link, LinkBack))
    assert isinstance(last := events[-1], FollowEnded)
    assert last.job is not None
    assert "any more: was its head restarted?" in last.why
