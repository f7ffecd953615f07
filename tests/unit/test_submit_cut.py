"""A link that is cut anywhere in a submission leaves exactly zero or one job, and which of them is told."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from console.clients import packages
from console.clients.dashboard import DashboardClient
from console.errors import RefusedError, SlowError, SourceError, UntoldError
from console.model.cluster import ClusterSpec
from console.services import submit as submitting
from console.services.submit import Request, new_submission_id, submit
from tests.fakes.exchange_proxy import KINDS, ExchangeProxy
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


async def one(proxy: ExchangeProxy, work: Path, timeout_s: float = 60.0) -> tuple[str, SourceError | None]:
    """Submit once through the proxy; return the id and the error that was told, None for a job."""
    spec = ClusterSpec(name="c", kind="local", dashboard=proxy.url)
    dashboard = DashboardClient(spec, None, timeout_s=min(5.0, timeout_s))
    submission_id = new_submission_id()
    request = Request(job="", command="python job.py", working_dir=work)
    try:
        job = await submit(dashboard, None, request, submission_id=submission_id, timeout_s=timeout_s)
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
                kind = KINDS[number % len(KINDS)]
                async with ExchangeProxy(head.url, place, kind) as proxy:
                    submission_id, told = await one(proxy, work)
                    assert jobs_of(head, submission_id) == (told is None), (place, kind, told)
                    assert len(head.submissions) == len({job["submission_id"] for job in head.submissions})

    asyncio.run(scenario())


def test_a_link_that_stalls_anywhere_is_one_job_or_none_and_which_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def folder(number: int) -> Path:
        made = tmp_path / str(number)
        made.mkdir()
        (made / "job.py").write_text(f"print({number})\n" * 50)
        return made

    async def scenario() -> None:
        async with fake_head(lambda: 0.0) as head:
            places = (await cut_places(head, folder(-1)))[::4]
            monkeypatch.setattr(packages, "_SHORT_S", 1.0)  # only now: what nothing stalls has its time

            async def stalled(number: int, place: int) -> None:
                async with ExchangeProxy(head.url, place, "stall") as proxy:
                    submission_id, told = await one(proxy, folder(number), timeout_s=1.0)
                    there = jobs_of(head, submission_id)
                    assert there == (told is None) or isinstance(told, UntoldError), (place, told)

            await asyncio.gather(*(stalled(number, place) for number, place in enumerate(places)))

    asyncio.run(scenario())


@pytest.mark.parametrize("status", [502, 503, 504])
def test_what_a_gateway_answers_is_no_refusal_the_head_may_take_the_job_a_moment_later(work: Path, status: int) -> None:
    async def scenario() -> None:
        async with fake_head(lambda: 0.0) as head:
            head.gateway_statuses = [status]
            head.takes_behind_gateway = asyncio.Event()
            asyncio.get_running_loop().call_later(0.02, head.takes_behind_gateway.set)
            async with ExchangeProxy(head.url) as proxy:
                submission_id, told = await one(proxy, work)
            assert (told, jobs_of(head, submission_id)) == (None, 1)

    asyncio.run(scenario())


def test_a_gateway_that_goes_on_answering_leaves_it_untold_and_the_id_to_look_for(work: Path) -> None:
    async def scenario() -> None:
        async with fake_head(lambda: 0.0) as head:
            head.gateway_statuses = [503] * 9
            async with ExchangeProxy(head.url) as proxy:
                submission_id, told = await one(proxy, work)
            assert isinstance(told, UntoldError)
            assert told.submission_id == submission_id
            assert submission_id in told.what
            assert "status code 503" in told.what
            assert head.submissions == []

    asyncio.run(scenario())


def test_a_refusal_after_an_answer_of_a_gateway_is_not_the_last_word(work: Path) -> None:
    async def scenario() -> None:
        async with fake_head(lambda: 0.0) as head:
            head.gateway_statuses = [503]
            head.refuses_submissions = True
            async with ExchangeProxy(head.url) as proxy:
                _, told = await one(proxy, work)
            assert isinstance(told, UntoldError)

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
                        assert isinstance(told, UntoldError), (place, told)
                        assert submission_id in told.what

    asyncio.run(scenario())


def test_a_head_that_refuses_is_not_asked_again(work: Path) -> None:
    async def scenario() -> None:
        async with fake_head(lambda: 0.0) as head:
            head.refuses_submissions = True
            async with ExchangeProxy(head.url) as proxy:
                _, told = await one(proxy, work)
            assert isinstance(told, RefusedError)
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
                await submit(dashboard, None, request, submission_id="raysubmit_slow", timeout_s=5.0)
            posts = head.asked.count("/api/jobs/")
            head.holds_submissions.set()
            await asyncio.wait_for(head.took_submission.wait(), 15)
            assert [job["submission_id"] for job in head.jobs] == ["raysubmit_slow"]
            assert head.asked.count("/api/jobs/") == posts == 1
            await dashboard.close()

    asyncio.run(scenario())
