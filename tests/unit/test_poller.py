"""One endless poll of one cluster: states, faults, back-off, recovery."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.clients.dashboard import DashboardClient
from console.errors import UnreachableError
from console.model.cluster import ClusterSnapshot, ClusterSpec, State
from console.services.back_off import rest_after
from console.services.fleet import Fleet
from console.services.poller import JOBS_EVERY_S, ClusterPoller
from tests.fakes.dashboard import FakeDashboard, fake_dashboard, recorded


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


PATIENT_S = 60.0  # a deadline that only tests of deadlines may shorten: the machine may be busy


def polled(
    work: Callable[[FakeDashboard, ClusterPoller, Clock], Awaitable[None]], refresh_s: float = 2, **spec: Any
) -> None:
    async def run() -> None:
        async with fake_dashboard() as fake:
            made = ClusterSpec(name="one", kind="local", dashboard=fake.url, **spec)
            dashboard, clock = DashboardClient(made, None, timeout_s=PATIENT_S), Clock()
            await work(fake, ClusterPoller(dashboard, refresh_s=refresh_s, clock=clock, jitter=lambda: 1.0), clock)
            await dashboard.close()

    asyncio.run(run())


def test_a_good_answer_is_up() -> None:
    async def work(fake: FakeDashboard, poller: ClusterPoller, clock: Clock) -> None:
        snapshot = await poller.poll()
        assert snapshot.state is State.UP
        assert snapshot.answered_at == clock.now
        assert snapshot.job_counts is not None
        assert len(snapshot.nodes) == 1
        assert fake.most_in_flight == 1

    polled(work)


def test_fewer_nodes_than_expected_is_degraded() -> None:
    async def work(_: FakeDashboard, poller: ClusterPoller, __: Clock) -> None:
        assert (await poller.poll()).state is State.DEGRADED

    polled(work, expected_nodes=2)


def test_a_node_that_died_lately_degrades_an_older_one_does_not() -> None:
    async def work(fake: FakeDashboard, poller: ClusterPoller, clock: Clock) -> None:
        dead = {"raylet": {"nodeId": "b", "state": "DEAD", "endTimeMs": str(int((clock.now - 60) * 1000))}}
        fake.replies["/nodes"]["data"]["summary"].append(dead)
        assert (await poller.poll()).state is State.DEGRADED
        clock.now += 600
        assert (await poller.poll()).state is State.UP

    polled(work)


def test_a_fault_keeps_its_beginning_and_the_last_figures_stay() -> None:
    async def work(fake: FakeDashboard, poller: ClusterPoller, clock: Clock) -> None:
        good = await poller.poll()
        fake.trouble = "error"
        clock.now += 2
        first = await poller.poll()
        clock.now += 2
        second = await poller.poll()
        assert (first.state, second.state) == (State.DOWN, State.DOWN)
        assert first.faults[0].since == second.faults[0].since == 1002.0
        assert second.nodes == good.nodes
        assert second.answered_at == 1000.0
        fake.trouble = ""
        assert (await poller.poll()).faults == ()

    polled(work)


def test_a_restarted_head_loses_what_was_known_of_the_old_one() -> None:
    async def work(fake: FakeDashboard, poller: ClusterPoller, _: Clock) -> None:
        await poller.poll()
        fake.replies["/api/version"]["session_name"] = "session_of_another_start"
        fake.replies["/nodes"] = {"data": {"summary": []}}
        fake.replies["/api/jobs/"] = []
        snapshot = await poller.poll()
        assert (snapshot.nodes, snapshot.jobs, snapshot.state) == ((), (), State.DEGRADED)

    polled(work)


def test_jobs_are_asked_for_slowly_unless_wanted() -> None:
    async def work(fake: FakeDashboard, poller: ClusterPoller, clock: Clock) -> None:
        for _ in range(4):
            await poller.poll()
            clock.now += 2
        assert fake.asked.count("/api/jobs/") == 1
        clock.now += JOBS_EVERY_S
        await poller.poll()
        assert fake.asked.count("/api/jobs/") == 2
        poller.jobs_wanted = True
        await poller.poll()
        assert fake.asked.count("/api/jobs/") == 3

    polled(work)


def test_free_resources_are_asked_for_as_often_as_nodes() -> None:
    async def work(fake: FakeDashboard, poller: ClusterPoller, clock: Clock) -> None:
        poller.nodes_every_s = 5.0
        for _ in range(4):
            await poller.poll()
            clock.now += 2
        assert fake.asked.count("/api/cluster_status") == fake.asked.count("/nodes") == 2
        poller.refresh()
        await poller.poll()
        assert fake.asked.count("/api/cluster_status") == 3

    polled(work)


def test_of_a_long_list_only_what_has_not_ended_is_asked_for_again() -> None:
    async def work(fake: FakeDashboard, poller: ClusterPoller, clock: Clock) -> None:
        [template, *_] = fake.replies["/api/jobs/"]
        ended = [template | {"submission_id": f"raysubmit_{n}", "status": "SUCCEEDED"} for n in range(1000)]
        running = template | {"submission_id": "raysubmit_runs", "status": "RUNNING"}
        fake.replies["/api/jobs/"] = [*ended, running]
        poller.jobs_wanted = True
        first = (await poller.poll()).jobs
        clock.now += 1
        assert (await poller.poll()).jobs is first
        assert fake.asked.count("/api/jobs/") == 1
        assert fake.asked.count("/api/jobs/raysubmit_runs") == 1
        running["status"] = "FAILED"
        counts = (await poller.poll()).job_counts
        assert counts is not None
        assert (counts.running, counts.failed) == (0, 1)
        clock.now += 2  # the whole list of a thousand is due every two seconds while somebody looks
        await poller.poll()
        assert fake.asked.count("/api/jobs/") == 2
        assert not any(path.startswith("/api/jobs/raysubmit_1") for path in fake.asked)

    polled(work)


def test_trouble_gets_more_and_more_rest_a_refused_connection_little() -> None:
    async def rests(poller: ClusterPoller) -> list[float]:
        found = []
        for _ in range(7):
            await poller.poll()
            found.append(poller._rest_s())
        return found

    async def work(fake: FakeDashboard, poller: ClusterPoller, _: Clock) -> None:
        fake.trouble = "error"
        assert await rests(poller) == [4, 8, 16, 30, 30, 30, 30]
        fake.trouble = ""
        await poller.poll()
        assert poller._rest_s() == 2

    polled(work)

    async def refused() -> None:
        dashboard = DashboardClient(ClusterSpec(name="x", kind="local", dashboard="http://127.0.0.1:1"), None)
        poller = ClusterPoller(dashboard, refresh_s=2, jitter=lambda: 1.0)
        assert await rests(poller) == [4] * 7
        await dashboard.close()

    asyncio.run(refused())


@given(st.integers(0, 50), st.floats(0.5, 60), st.floats(4, 30), st.floats(0, 1))
def test_a_rest_is_never_longer_than_its_longest_nor_shorter_than_a_refresh(
    failures: int, refresh_s: float, longest_s: float, jitter: float
) -> None:
    assert refresh_s <= rest_after(failures, refresh_s, longest_s, jitter) <= max(refresh_s, longest_s)


def test_a_head_that_is_being_started_is_unknown_not_down() -> None:
    async def work() -> ClusterSnapshot:
        spec = ClusterSpec(name="x", kind="local", dashboard="http://127.0.0.1:1", starting=True)
        dashboard = DashboardClient(spec, None)
        snapshot = await ClusterPoller(dashboard, refresh_s=2).poll()
        await dashboard.close()
        return snapshot

    snapshot = asyncio.run(work())
    assert (snapshot.state, snapshot.faults) == (State.UNKNOWN, ())


def test_refresh_ends_a_rest() -> None:
    async def work(fake: FakeDashboard, poller: ClusterPoller, _: Clock) -> None:
        seen = 0
        async with asyncio.timeout(PATIENT_S):
            async for _snapshot in poller.snapshots():
                seen += 1
                if seen == 3:
                    break
                asyncio.get_running_loop().call_later(0.05, poller.refresh)
        assert fake.asked.count("/api/version") == 3

    polled(work, refresh_s=3600)


def test_a_hung_cluster_holds_up_no_other() -> None:
    async def work() -> None:
        async with fake_dashboard() as good, fake_dashboard() as hung:
            hung.trouble = "hang"
            fleet = Fleet(
                lambda spec: DashboardClient(spec, None, timeout_s=3.0 if spec.name == "h" else PATIENT_S), refresh_s=2
            )
            await fleet.take_over(
                ClusterSpec(name=name, kind="local", dashboard=fake.url) for name, fake in (("h", hung), ("g", good))
            )
            waiting = asyncio.create_task(fleet.poller("h").poll())
            snapshot = await fleet.poller("g").poll()
            assert snapshot.state is State.UP
            assert not waiting.done()
            await waiting
            both = await fleet.ask_all()
            assert [snapshot.state for snapshot in both] == [State.DOWN, State.UP]
            await fleet.close()

    asyncio.run(work())


def test_another_refresh_holds_for_the_clusters_that_stay() -> None:
    async def work() -> None:
        fleet = Fleet(lambda spec: DashboardClient(spec, None), refresh_s=60)
        await fleet.take_over([ClusterSpec(name="one", kind="local", dashboard="http://127.0.0.1:1")])
        fleet.refresh_s = 2
        assert fleet.poller("one").refresh_s == 2
        await fleet.close()

    asyncio.run(work())


def test_taking_over_keeps_what_did_not_change() -> None:
    async def work() -> None:
        async with fake_dashboard() as fake:
            one = ClusterSpec(name="one", kind="local", dashboard=fake.url)
            two = ClusterSpec(name="two", kind="local", dashboard="http://127.0.0.1:1")
            fleet = Fleet(lambda spec: DashboardClient(spec, None), refresh_s=2)
            assert await fleet.take_over([one, two]) == ("one", "two")
            poller = fleet.poller("one")
            assert await fleet.take_over([one]) == ()
            assert fleet.poller("one") is poller
            await poller.poll()
            moved = ClusterSpec(name="one", kind="local", dashboard=fake.url, expected_nodes=2)
            assert await fleet.take_over([moved]) == ("one",)
            assert fleet.poller("one").last.nodes == poller.last.nodes
            await fleet.close()

    asyncio.run(work())


def test_whoever_holds_a_dashboard_goes_on_where_its_cluster_has_moved() -> None:
    async def work() -> None:
        async with fake_dashboard() as old, fake_dashboard() as new:
            fleet = Fleet(lambda spec: DashboardClient(spec, None), refresh_s=2)
            await fleet.take_over([ClusterSpec(name="one", kind="local", dashboard=old.url)])
            held = fleet.dashboard("one")
            old.trouble = "hang"
            asking = asyncio.create_task(held.identity())
            await old.reached.wait()
            await fleet.take_over([ClusterSpec(name="one", kind="local", dashboard=old.url, expected_nodes=2)])
            assert not asking.done()
            assert held.spec.expected_nodes == 2
            await fleet.take_over([ClusterSpec(name="one", kind="local", dashboard=new.url)])
            with pytest.raises(UnreachableError):
                await asking
            assert (await held.identity()).ray_version == "2.60.0"
            assert new.asked == ["/api/version"]
            await fleet.close()
            with pytest.raises(UnreachableError, match="its connections were closed"):
                await held.identity()

    asyncio.run(work())


def test_history_counts_a_sample_once_and_its_columns_stand_still() -> None:
    async def work(fake: FakeDashboard, poller: ClusterPoller, _: Clock) -> None:
        fleet = Fleet(lambda spec: DashboardClient(spec, None), refresh_s=2)
        summary = fake.replies["/nodes"]["data"]["summary"][0]
        for at, cpu in ((1000.0, 10), (1000.0, 10), (1031.0, 50), (1033.0, 70)):
            summary["now"], summary["cpu"] = at, cpu
            fleet.history.record(await poller.poll())
        assert list(fleet.history.trend("one", "", 10, 1034.0))[-3:] == [None, 10, 60]
        assert recorded("nodes")["data"]["summary"][0]["now"] != 1000.0

    polled(work)
