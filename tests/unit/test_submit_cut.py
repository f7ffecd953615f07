"""A link that is cut anywhere in a submission leaves exactly zero or one job, and which of them is told."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from console.clients.dashboard import DashboardClient
from console.errors import ReplyError, SlowError, SourceError
from console.model.cluster import ClusterSpec
from console.services import submit as submitting
from console.services.submit import Request, new_submission_id, submit
from tests.fakes.exchange_proxy import ExchangeProxy, Kind
from tests.fakes.head import FakeHead, fake_head

OFFSETS = 24


@pytest.fixture
def work(tmp_path: Path) -> Path:
    (tmp_path / "job.py").write_text("print('hello')\n" * 50)
    return tmp_path


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(submitting, "_RESTS_S", (0.01, 0.01, 0.05))
    monkeypatch.setattr(submitting, "_SETTLE_S", 0.05)


async def one(proxy: ExchangeProxy, work: Path) -> tuple[str, SourceError | None]:
    """Submit once through the proxy; return the id and the error that was told, None for a job."""
    dashboard = DashboardClient(ClusterSpec(name="c", kind="local", dashboard=proxy.url), None)
    submission_id = new_submission_id()
    request = Request(job="", command="python job.py", working_dir=work)
    try:
        job = await submit(dashboard, None, request, submission_id=submission_id)
        assert job.id == submission_id
    except SourceError as error:
        return submission_id, error
    finally:
        await dashboard.close()
    return submission_id, None


def jobs_of(head: FakeHead, submission_id: str) -> int:
    return sum(job["submission_id"] == submission_id for job in head.jobs)


async def cut_places(head: FakeHead, work: Path) -> list[int]:
    """Return every message boundary of an exchange that nothing disturbs, and seeded offsets between them."""
    async with ExchangeProxy(head.url) as proxy:
        assert (await one(proxy, work))[1] is None
        draw = random.Random(7)
        between = draw.sample(range(1, proxy.carried_bytes), OFFSETS)
        return sorted({*proxy.boundaries, *between})


def test_a_link_that_is_cut_and_mended_makes_exactly_one_job(work: Path) -> None:
    async def scenario() -> None:
        async with fake_head(lambda: 0.0) as head:
            for number, place in enumerate(await cut_places(head, work)):
                head.packages.clear()
                kind: Kind = "reset" if number % 2 else "close"
                async with ExchangeProxy(head.url, place, kind) as proxy:
                    submission_id, told = await one(proxy, work)
                    assert jobs_of(head, submission_id) == (told is None), (place, kind, told)
                    assert len(head.submissions) == len({job["submission_id"] for job in head.submissions})

    asyncio.run(scenario())


def test_a_link_that_stays_cut_is_told_as_no_job_or_as_not_known_and_never_as_a_job_that_is_none(work: Path) -> None:
    async def scenario() -> None:
        async with fake_head(lambda: 0.0) as head:
            for place in await cut_places(head, work):
                head.packages.clear()
                async with ExchangeProxy(head.url, place, dead_after=True) as proxy:
                    submission_id, told = await one(proxy, work)
                    there = jobs_of(head, submission_id)
                    if told is None:
                        assert there == 1
                    elif there:
                        assert isinstance(told, SlowError), (place, told)
                        assert submission_id in told.what

    asyncio.run(scenario())


def test_a_head_that_refuses_is_not_asked_again(work: Path) -> None:
    async def scenario() -> None:
        async with fake_head(lambda: 0.0) as head:
            head.refuses_submissions = True
            async with ExchangeProxy(head.url) as proxy:
                _, told = await one(proxy, work)
            assert isinstance(told, ReplyError)
            assert "No available agent" in told.what
            assert head.asked.count("/api/jobs/") == 1

    asyncio.run(scenario())


def test_a_head_that_hangs_may_take_the_job_later_and_nothing_else_is_said(work: Path) -> None:
    async def scenario() -> None:
        async with fake_head(lambda: 0.0) as head:
            head.holds_submissions = asyncio.Event()
            dashboard = DashboardClient(ClusterSpec(name="c", kind="local", dashboard=head.url), None)
            request = Request(job="", command="python job.py", working_dir=work)
            with pytest.raises(SlowError, match="cannot tell whether raysubmit_slow was started"):
                await submit(dashboard, None, request, submission_id="raysubmit_slow", timeout_s=1.0)
            posts = head.asked.count("/api/jobs/")
            head.holds_submissions.set()
            await asyncio.wait_for(head.took_submission.wait(), 15)
            assert [job["submission_id"] for job in head.jobs] == ["raysubmit_slow"]
            assert head.asked.count("/api/jobs/") == posts == 1
            await dashboard.close()

    asyncio.run(scenario())
