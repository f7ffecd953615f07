"""`p`: why a job is pending or failed, asked of its head."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from console.model.diagnosis import Diagnosis
from console.model.job import Job
from console.screens.log import LogScreen
from console.services.core import Core
from tests.pilot.deck import Clock, deck
from tests.pilot.scenes import one_cluster

JOB = "raysubmit_7KqWmXsTz4bGhY2n"
OOM = (
    "Job entrypoint command failed with exit code 1, last available logs (truncated to 20,000 chars):\n"
    "Memory on the node (IP: 172.29.0.2, ID: aa41) was 3.81GB used / 4.00GB limit (0.95)"
)


async def test_p_tells_a_failed_jobs_cause_and_l_opens_its_log(tmp_path: Path) -> None:
    clock = Clock()
    async with one_cluster(clock) as fleet, deck(tmp_path, fleet.clusters, clock=clock) as console:
        fleet.heads["local-1"].add_job(JOB, "FAILED", message=OOM, driver_exit_code=1)
        await console.press("2")
        await console.shows(JOB)
        await console.press("p")
        await console.shows("out of memory on node 172.29.0.2: 3.81 GB used of 4.00 GB", "try: less at a time")
        await console.press("y")
        assert console.app.clipboard == f"raydeck logs {JOB} --cluster local-1 --why"
        await console.press("l")
        await console.until(lambda: isinstance(console.app.screen, LogScreen))
        await console.press("escape", "escape")
        assert console.table.cursor_key == f"local-1/{JOB}"


async def test_p_tells_what_a_running_job_waits_for_and_notices_when_it_is_over(tmp_path: Path) -> None:
    clock = Clock()
    async with one_cluster(clock) as fleet, deck(tmp_path, fleet.clusters, clock=clock) as console:
        head = fleet.heads["local-1"]
        head.add_job(JOB, "RUNNING")
        task = {"name": "huge", "state": "PENDING_NODE_ASSIGNMENT", "required_resources": {"CPU": 100.0}}
        head.replies["/api/v0/tasks"] = {"data": {"result": {"result": [task, task | {"state": "RUNNING"}]}}}
        await console.press("2")
        await console.shows(JOB)
        await console.press("p")
        await console.shows("huge: 100 CPU: never: the cluster has 6 CPU in all")
        head.end(JOB, "STOPPED", "Job was intentionally stopped.")
        console.core.fleet.refresh()
        await console.shows("Job was intentionally stopped.")


async def test_a_head_that_does_not_answer_is_said(tmp_path: Path) -> None:
    clock = Clock()
    async with one_cluster(clock) as fleet, deck(tmp_path, fleet.clusters, clock=clock) as console:
        head = fleet.heads["local-1"]
        head.add_job(JOB, "FAILED")
        await console.press("2")
        await console.shows(JOB)
        head.trouble = "close"
        await console.press("p")
        await console.shows("local-1: the connection was closed before the answer was whole")


async def test_a_slow_head_is_asked_one_question_at_a_time_and_r_asks_again(tmp_path: Path) -> None:
    clock = Clock()
    async with one_cluster(clock) as fleet, deck(tmp_path, fleet.clusters, clock=clock) as console:
        head = fleet.heads["local-1"]
        head.add_job(JOB, "RUNNING")
        await console.press("2")
        await console.shows(JOB)
        asked, answered = [], asyncio.Event()

        async def slowly(_: Core, job: Job) -> Diagnosis:
            asked.append(job.status)
            await answered.wait()
            return Diagnosis("runs", f"told {len(asked)} times")

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("console.screens.why.why", slowly)
            await console.press("p")
            await console.until(lambda: asked)
            for _ in range(5):
                console.app.fleet_changed.publish(None)
                await console.pilot.pause()
            assert len(asked) == 1
            answered.set()
            await console.shows("told 1 times")
            head.end(JOB, "STOPPED")
            console.core.fleet.refresh()
            await console.until(lambda: asked[-1] == "STOPPED")
            before = len(asked)
            await console.press("r")
            await console.until(lambda: len(asked) == before + 1)
