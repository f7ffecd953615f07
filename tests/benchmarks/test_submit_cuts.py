"""The long form of tests/unit/test_submit_cut.py: a real head, every message boundary and 200 seeded offsets."""

from __future__ import annotations

import asyncio
import random

import pytest

from console.clients.dashboard import DashboardClient
from console.errors import SourceError
from console.model.cluster import ClusterSpec
from console.services.submit import Request, new_submission_id, submit
from tests.fakes.exchange_proxy import KINDS, ExchangeProxy

pytestmark = [pytest.mark.bench, pytest.mark.live]

OFFSETS, AT_ONCE = 200, 6


async def one(proxy: ExchangeProxy, token: str, work) -> tuple[str, SourceError | None]:
    dashboard = DashboardClient(ClusterSpec(name="c", kind="local", dashboard=proxy.url), token, timeout_s=15.0)
    submission_id = new_submission_id()
    try:
        await submit(dashboard, token, Request(job="", command="true", working_dir=work), submission_id=submission_id)
    except SourceError as error:
        return submission_id, error
    finally:
        await dashboard.close()
    return submission_id, None


@pytest.mark.timeout(1800)
def test_cut_anywhere_a_submission_is_exactly_one_job_or_none_and_which_is_told(embedded_cluster, tmp_path, figure):
    address, token = embedded_cluster.spec.dashboard, embedded_cluster.token

    def folder(number):
        """A folder of its own for each submission: what is on the head already is not sent again."""
        made = tmp_path / str(number)
        made.mkdir()
        (made / "job.py").write_text(f"print({number})\n" * 50)
        return made

    async def scenario() -> None:
        async with ExchangeProxy(address) as proxy:
            assert (await one(proxy, token, folder("whole")))[1] is None
            whole, boundaries = proxy.carried_bytes, proxy.boundaries
        places = [*boundaries, *random.Random(7).sample(range(1, whole), OFFSETS)]
        direct = DashboardClient(ClusterSpec(name="c", kind="local", dashboard=address), token, timeout_s=15.0)
        turns = asyncio.Semaphore(AT_ONCE)

        async def cut(number: int, place: int) -> tuple[str, SourceError | None]:
            async with turns, ExchangeProxy(address, place, KINDS[number % len(KINDS)]) as proxy:
                return await one(proxy, token, folder(number))

        told = await asyncio.gather(*(cut(number, place) for number, place in enumerate(places)))
        there = [job.submission_id for job in await direct.jobs()]
        await direct.close()
        wrong = [(i, error) for i, error in told if there.count(i) != (error is None)]
        made = sum(error is None for _, error in told)
        figure("cut submissions", f"{len(places)} of {whole} bytes, {len(boundaries)} boundaries: {made} jobs")
        figure("told as no job, and none", sum(error is not None and i not in there for i, error in told))
        assert wrong == []

    asyncio.run(scenario())
