"""Stopping is verified by status and escalates in words."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from console.clients.dashboard import DashboardClient
from console.errors import UnreachableError, UsageError
from console.model.cluster import ClusterSpec
from console.services.stop import stop_job
from tests.fakes.head import FakeHead, fake_head

JOB = "raysubmit_x"


class Time:
    """Passes only while it is slept; ``at`` is what happens at which second."""

    def __init__(self, at: dict[float, Callable[[], None]]) -> None:
        self.now = 0.0
        self._at = dict(at)

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        for second in [second for second in self._at if second <= self.now]:
            self._at.pop(second)()

    def elapsed(self) -> float:
        return self.now


def stopped(status: str, at: Callable[[FakeHead], dict[float, Callable[[], None]]], **fields: object) -> list[str]:
    """Stop a job of a head whose stop does nothing; return the words."""

    async def scenario() -> list[str]:
        async with fake_head(lambda: 0.0) as head:
            head.ignores_stops = True
            head.add_job(JOB, status, **fields)
            dashboard = DashboardClient(ClusterSpec(name="c", kind="local", dashboard=head.url), None)
            time = Time(at(head))
            try:
                job = (await dashboard.jobs())[0]
                return [step.text async for step in stop_job(dashboard, job, time.sleep, time.elapsed)]
            finally:
                await dashboard.close()

    return asyncio.run(scenario())


def test_what_goes_on_is_asked_again_after_10_s_30_s_and_each_minute() -> None:
    words = stopped("RUNNING", lambda head: {150.0: lambda: head.end(JOB, "STOPPED")})
    assert [text.partition(":")[0] for text in words] == [
        "asked to stop",
        "still RUNNING after 10 s, asked again",
        "still RUNNING after 30 s, asked again",
        "still RUNNING after 60 s, asked again",
        "still RUNNING after 120 s, asked again",
        "has ended",
    ]
    assert words[1] == "still RUNNING after 10 s, asked again"
    assert "is its node alive?" in words[2]
    assert words[-1] == "has ended: STOPPED"


def test_a_pending_job_that_ray_does_not_stop_says_why() -> None:
    words = stopped("PENDING", lambda head: {11.0: lambda: head.end(JOB, "SUCCEEDED")})
    assert words[1].startswith("still PENDING after 10 s, asked again: its driver has not started")
    assert words[-1] == "has ended: SUCCEEDED"


def test_a_job_that_ended_meanwhile_is_not_asked() -> None:
    assert stopped("FAILED", lambda _: {}) == ["has already ended: FAILED"]


def test_a_link_that_breaks_is_said_and_waited_for() -> None:
    def at(head: FakeHead) -> dict[float, Callable[[], None]]:
        def trouble(kind: str) -> Callable[[], None]:
            return lambda: setattr(head, "trouble", kind)

        return {1.0: trouble("close"), 5.0: trouble(""), 6.0: lambda: head.end(JOB, "STOPPED")}

    words = stopped("RUNNING", at)
    assert words[1].startswith("cannot be seen: the connection was closed")
    assert words[2:] == ["has ended: STOPPED"]


def test_a_link_that_stays_broken_is_an_error() -> None:
    with pytest.raises(UnreachableError):
        stopped("RUNNING", lambda head: {1.0: lambda: setattr(head, "trouble", "close")})


def test_an_answer_that_was_lost_is_told_by_the_status_and_the_stop_is_asked_for_again() -> None:
    async def scenario(*, arrives: bool) -> tuple[list[str], int]:
        async with fake_head(lambda: 0.0) as head:
            head.add_job(JOB, "RUNNING")
            head.gateway_statuses = [503]
            if arrives:
                head.takes_behind_gateway = asyncio.Event()
                head.takes_behind_gateway.set()
            dashboard = DashboardClient(ClusterSpec(name="c", kind="local", dashboard=head.url), None)
            time = Time({})
            try:
                job = (await dashboard.jobs())[0]
                words = [step.text async for step in stop_job(dashboard, job, time.sleep, time.elapsed)]
                return words, len(head.stopped)
            finally:
                await dashboard.close()

    words, _ = asyncio.run(scenario(arrives=True))
    assert words[0].startswith("asked to stop, and the answer was lost: HTTP 503")
    assert words[1:] == ["has ended: STOPPED"]
    words, asked = asyncio.run(scenario(arrives=False))
    assert words[1:] == ["still RUNNING after 2 s, asked again", "has ended: STOPPED"]
    assert asked == 1


def test_a_driver_that_was_not_submitted_cannot_be_stopped() -> None:
    with pytest.raises(UsageError, match="01000000 was not submitted, so Ray cannot stop it"):
        stopped("RUNNING", lambda _: {}, submission_id=None, type="DRIVER")
