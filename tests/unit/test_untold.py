"""What became of a submission that nobody could tell of is looked for, and told once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from console.clients.dashboard import DashboardClient
from console.errors import UntoldError
from console.model.cluster import ClusterSnapshot, ClusterSpec, State
from console.model.event import Event
from console.services import submit as submitting
from console.services.core import Core, Options
from console.services.sending import send_request
from console.services.submit import Request
from console.services.untold import GIVE_UP_AFTER_S, MISSED_AFTER_S, UntoldJobs
from tests.fakes.head import FakeHead, fake_head
from tests.pilot.deck import configuration

JOB = "raysubmit_x"


class Looking:
    def __init__(self, head: FakeHead) -> None:
        self.now = 0.0
        self.told: list[Event] = []
        self.spec = ClusterSpec(name="c", kind="local", dashboard=head.url)
        self.dashboard = DashboardClient(self.spec, None)
        self.jobs = UntoldJobs(self.told.append, lambda: self.now)

    async def sees(self, state: State = State.UP) -> list[str]:
        """Let a snapshot come, and wait until what it leads to is over."""
        self.jobs.observe(ClusterSnapshot(spec=self.spec, taken_at=self.now, state=state), self.dashboard)
        await asyncio.gather(*self.jobs._asking)
        return [event.message for event in self.told]


def test_it_is_told_once_when_its_cluster_answers_again() -> None:
    async def scenario() -> None:
        async with fake_head(lambda: 0.0) as head:
            looking = Looking(head)
            looking.jobs.remember("c", JOB)
            assert await looking.sees(State.DOWN) == []
            assert await looking.sees() == []
            looking.now = MISSED_AFTER_S + 1
            assert (await looking.sees()) == (await looking.sees()) == [f"{JOB} was not started, as c answers now"]
            assert looking.jobs.of("c") == ()
            head.add_job(JOB)  # a head that took it even later
            for _ in range(2):
                assert (await looking.sees())[1:] == [f"{JOB} was started after all: RUNNING"]
            looking.jobs.remember("c", "raysubmit_never")
            looking.now += GIVE_UP_AFTER_S + 1
            await looking.sees()
            asked = len(head.asked)
            await looking.sees()
            assert len(head.asked) == asked
            await looking.dashboard.close()

    asyncio.run(scenario())


@asynccontextmanager
async def noting(tmp_path: Path) -> AsyncIterator[tuple[Core, FakeHead, list[str]]]:
    """A core on one cluster, and what it notes."""
    async with fake_head(lambda: 0.0) as head:
        config = tmp_path / "clusters.toml"
        config.write_text(configuration({"c": {"kind": "local", "dashboard": head.url}}))
        core = Core(Options(config, False, {"HOME": str(tmp_path)}, tmp_path))
        noted: list[str] = []
        core.note = noted.append
        core.load()
        await core.begin()
        try:
            yield core, head, noted
        finally:
            await core.close()


def test_what_is_cut_short_after_it_was_sent_is_told_by_its_id(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with noting(tmp_path) as (core, head, noted):
            head.holds_submissions = asyncio.Event()
            sending = asyncio.create_task(send_request(core, "c", Request(job="", command="true", working_dir=None)))
            await asyncio.wait_for(head.holding.wait(), 30)
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
            [(cluster, job_id)] = core.untold.left
            assert noted == [f"{job_id} may have been started: raydeck logs {job_id} --cluster {cluster} tells it"]

    asyncio.run(scenario())


def test_what_a_gateway_swallowed_is_remembered_and_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(submitting, "_RESTS_S", ())
    monkeypatch.setattr(submitting, "_SETTLE_S", 0.01)

    async def scenario() -> None:
        async with noting(tmp_path) as (core, head, noted):
            head.gateway_statuses = [503]
            head.takes_behind_gateway = asyncio.Event()
            with pytest.raises(UntoldError):
                await send_request(core, "c", Request(job="", command="true", working_dir=None))
            assert len(core.untold.of("c")) == 1
            head.takes_behind_gateway.set()
            async for _ in core.fleet.watch("c"):
                if noted:
                    break
                core.fleet.refresh()
            assert noted == [f"c: {head.submissions[0]['submission_id']} was started after all: RUNNING"]
            assert core.events.recent[-1].kind == "job"
            assert len(head.submissions) == 1

    asyncio.run(scenario())
