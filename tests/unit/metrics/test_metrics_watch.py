"""Servers, clusters and dashboards together: assignment, faults, deadlines, and how the fleet shows it."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack

import prometheus_api_client.prometheus_connect  # noqa: F401 -- its import would count into the first deadline
import pytest

from console.clients.dashboard import DashboardClient
from console.clients.prometheus import PrometheusClient
from console.config import PrometheusServer
from console.model.cluster import ClusterSpec, State
from console.services.fleet import NODES_REST_S, Fleet
from console.services.metrics_watch import MetricsWatch
from console.services.server_watch import NO_SERIES_AFTER_S
from tests.fakes.dashboard import FakeDashboard, fake_dashboard, recorded
from tests.fakes.prometheus import TroubledPrometheus, vector

SESSION = recorded("version")["session_name"]
PATIENT_S, HUNG_S = 60.0, 3.0  # deadlines: of who answers, however busy the machine is, and of who never does


class Desk:
    """A fleet of clusters behind one dashboard, two Prometheus servers, and a clock that a test moves."""

    def __init__(self, dashboard: FakeDashboard, servers: dict[str, TroubledPrometheus]) -> None:
        self.dashboard, self.servers = dashboard, servers
        self.offset_s = 0.0
        self.timeouts_s: dict[str, float] = {}
        self.metrics = MetricsWatch(
            lambda spec: PrometheusServer(spec.prometheus, servers[spec.prometheus].url) if spec.prometheus else None,
            lambda server: PrometheusClient(
                server, lambda: None, timeout_s=self.timeouts_s.get(server.name, PATIENT_S)
            ),
            clock=self.clock,
        )
        self.fleet = Fleet(
            lambda spec: DashboardClient(spec, None, timeout_s=PATIENT_S),
            refresh_s=0.1,
            metrics=self.metrics,
            clock=self.clock,
        )

    def clock(self) -> float:
        return time.time() + self.offset_s

    def spec(self, name: str, server: str = "oss", job: str | None = None) -> ClusterSpec:
        series = {"job": job or name}
        return ClusterSpec(name=name, kind="local", dashboard=self.dashboard.url, prometheus=server, series=series)

    def tells(self, *clusters: str, cpu: float = 40.0, session: str = SESSION, age_s: float = 1.0) -> None:
        """Have the server tell of these clusters, in both kinds of answers."""
        found = []
        for job in clusters:
            at, node = str(self.clock() - age_s), {"job": job, "ip": "192.0.2.2", "instance": "i"}
            found += [
                ({"job": job, "raydeck_job": job, "k": "cpu"}, str(cpu)),
                ({"job": job, "raydeck_job": job, "k": "at"}, at),
                ({"job": job, "k": "session", "SessionName": session}, "1"),
                (node | {"k": "at"}, at),
                (node | {"__name__": "ray_node_cpu_utilization", "RayNodeType": "head"}, str(cpu)),
            ]
        self.servers["oss"].data = vector(*found)


def at_desk(work: Callable[[Desk], Awaitable[None]]) -> None:
    async def run() -> None:
        with ExitStack() as stack:
            servers = {name: stack.enter_context(TroubledPrometheus().running()) for name in ("oss", "other")}
            async with fake_dashboard() as dashboard:
                desk = Desk(dashboard, servers)
                try:
                    await work(desk)
                finally:
                    await desk.fleet.close()

    asyncio.run(run())


def kinds(snapshot) -> list[str]:
    return [fault.message for fault in snapshot.faults if fault.source == "prometheus"]


def test_figures_of_both_queries_arrive_with_their_source():
    async def work(desk: Desk) -> None:
        await desk.fleet.take_over([desk.spec("one"), desk.spec("two")])
        desk.tells("one", "two", "a-stranger")
        desk.fleet.look_at("one")
        one, two = await desk.fleet.ask_all()
        assert (one.state, one.faults) == (State.UP, ())
        assert one.figures["cpu_percent"].value == two.figures["cpu_percent"].value == 40.0
        assert (one.nodes[0].samples["cpu_percent"].source, one.nodes[0].value("cpu_percent")) == ("prometheus", 40.0)
        assert two.nodes[0].samples["cpu_percent"].source == "dashboard"
        assert sum("sum by" in query or "max by" in query for query in desk.servers["oss"].asked) == 2

    at_desk(work)


def test_two_queries_a_refresh_however_many_clusters_there_are():
    async def work(desk: Desk) -> None:
        specs = [desk.spec(f"c{n}") for n in range(30)]
        await desk.fleet.take_over(specs)
        desk.fleet.look_at("c3")
        for _ in range(3):
            await desk.metrics.refresh()
        asked = [query for query in desk.servers["oss"].asked if not query.endswith("targets")]
        assert len(asked) == 6
        assert desk.metrics.watch_of("c3").queries == 2

    at_desk(work)


def test_a_server_that_fails_is_a_fault_with_its_beginning_and_the_dashboard_steps_in():
    async def work(desk: Desk) -> None:
        await desk.fleet.take_over([desk.spec("one")])
        desk.servers["oss"].trouble = "broken"
        (first,) = await desk.fleet.ask_all()
        desk.offset_s += 10
        (second,) = await desk.fleet.ask_all()
        assert (second.state, second.figures) == (State.DEGRADED, {})
        assert second.nodes[0].samples["cpu_percent"].source == "dashboard"
        assert kinds(second) == ["prometheus oss: HTTP 503: upstream connect error\x1b[31m or disconnect"]
        assert first.faults[0].since == second.faults[0].since
        desk.servers["oss"].trouble = ""
        desk.tells("one")
        (third,) = await desk.fleet.ask_all()
        assert (third.state, third.faults, third.figures["cpu_percent"].value) == (State.UP, (), 40.0)

    at_desk(work)


def test_figures_grow_old_while_the_server_is_away_and_then_give_way():
    async def work(desk: Desk) -> None:
        await desk.fleet.take_over([desk.spec("one")])
        desk.tells("one")
        (snapshot,) = await desk.fleet.ask_all()
        sampled_at = snapshot.figures["cpu_percent"].sampled_at
        desk.servers["oss"].trouble = "gateway"
        desk.offset_s += 10
        (snapshot,) = await desk.fleet.ask_all()
        assert snapshot.figures["cpu_percent"].sampled_at == sampled_at
        desk.dashboard.replies["/nodes"]["data"]["summary"][0]["now"] = desk.clock() + 90
        desk.offset_s += 100
        (snapshot,) = await desk.fleet.ask_all()
        assert snapshot.figures == {}

    at_desk(work)


def test_a_hung_server_holds_up_nobody_elses_row():
    async def work(desk: Desk) -> None:
        desk.servers["other"].trouble = "hang"
        desk.timeouts_s["other"] = HUNG_S
        desk.tells("one")
        await desk.fleet.take_over([desk.spec("one"), desk.spec("two", "other")])
        seen: list[tuple[str, object]] = []
        told = asyncio.Event()

        async def follow(name: str) -> None:
            async for snapshot in desk.fleet.watch(name):
                seen.append((name, snapshot))
                if snapshot.faults:
                    told.set()

        tasks = [asyncio.create_task(follow(name)) for name in ("one", "two")]
        await asyncio.wait_for(told.wait(), 60)
        for task in tasks:
            task.cancel()
        at = next(place for place, (_, snapshot) in enumerate(seen) if snapshot.faults)
        before, (late, last) = seen[:at], seen[at]
        assert any(name == "one" and snapshot.figures for name, snapshot in before)
        assert any(name == "two" and snapshot.state is State.UP for name, snapshot in before)
        assert late == "two"
        (message,) = kinds(last)  # by the session, or on a busy machine by its thread, which has half a second more
        assert message in {f"prometheus other: no answer within {limit_s:g} s" for limit_s in (HUNG_S, HUNG_S + 0.5)}

    at_desk(work)


def test_at_most_one_query_in_flight_and_rests_grow():
    async def work(desk: Desk) -> None:
        await desk.fleet.take_over([desk.spec("one")])
        watch = desk.metrics.watch_of("one")
        desk.servers["oss"].trouble = "broken"
        rests = []
        for _ in range(6):
            await desk.metrics.refresh()
            rests.append(watch.rest_s(2.0, 1.0))
        assert rests == [4, 8, 16, 30, 30, 30]
        desk.servers["oss"].trouble = ""
        await desk.metrics.refresh()
        assert watch.rest_s(2.0, 1.0) == 2.0

    at_desk(work)


@pytest.mark.parametrize("data", [None, [], {}, {"result": None}, {"result": [{"metric": {}}]}, "x"])
def test_an_answer_of_another_shape_is_a_fault_and_asking_goes_on(data):
    async def work(desk: Desk) -> None:
        desk.servers["oss"].data = data
        await desk.fleet.take_over([desk.spec("one")])
        stream = desk.fleet.watch("one")
        async with asyncio.timeout(PATIENT_S):
            while not (faults := kinds(snapshot := await anext(stream))):
                pass
            assert "what answers is not Prometheus" in faults[0]
            desk.tells("one")
            desk.fleet.refresh()
            while not snapshot.figures or snapshot.faults:
                snapshot = await anext(stream)
        await stream.aclose()

    at_desk(work)


def test_whatever_an_answer_brings_about_does_not_end_the_asking(monkeypatch):
    def broken(*_):
        raise RuntimeError("a bug of ours")

    async def work(desk: Desk) -> None:
        await desk.fleet.take_over([desk.spec("one")])
        desk.tells("one")
        with monkeypatch.context() as patch:
            patch.setattr("console.services.server_watch.overview", broken)
            (snapshot,) = await desk.fleet.ask_all()
        assert kinds(snapshot) == ["prometheus oss: its answer is not understood (RuntimeError: a bug of ours)"]
        (snapshot,) = await desk.fleet.ask_all()
        assert (snapshot.faults, snapshot.figures["cpu_percent"].value) == ((), 40.0)

    at_desk(work)


@pytest.mark.parametrize("trouble", ["broken", "hang"])
def test_targets_that_are_not_told_hide_no_figure(trouble):
    async def work(desk: Desk) -> None:
        desk.servers["oss"].targets_trouble = trouble
        desk.timeouts_s["oss"] = HUNG_S if trouble == "hang" else PATIENT_S
        await desk.fleet.take_over([desk.spec("one")])
        desk.tells("one")
        (snapshot,) = await desk.fleet.ask_all()
        assert (snapshot.state, snapshot.faults, snapshot.figures["cpu_percent"].value) == (State.UP, (), 40.0)
        (server,) = desk.metrics.servers
        assert server.fault is None
        assert server.targets_fault.message.startswith("HTTP 503" if trouble == "broken" else "no answer within")
        desk.servers["oss"].targets_trouble = ""
        desk.offset_s += 100
        await desk.fleet.ask_all()
        assert desk.metrics.servers[0].targets_fault is None

    at_desk(work)


def test_figures_do_not_wait_for_history_or_targets_that_hang():
    async def work(desk: Desk) -> None:
        desk.timeouts_s["oss"] = 20.0
        await desk.fleet.take_over([desk.spec("one")])
        desk.tells("one")
        watch = desk.metrics.watch_of("one")
        await watch.refresh(())
        desk.servers["oss"].history_trouble = desk.servers["oss"].targets_trouble = "hang"
        slow = [
            asyncio.create_task(watch.client.over_time("up", 0, 10, 1)),
            asyncio.create_task(watch.scraped.refresh()),
        ]
        await asyncio.sleep(0.2)
        await watch.refresh(())
        assert (watch.state.fault, [task.done() for task in slow]) == (None, [False, False])
        for task in slow:
            task.cancel()

    at_desk(work)


def test_an_earlier_session_is_told_and_its_figures_are_not_used():
    async def work(desk: Desk) -> None:
        await desk.fleet.take_over([desk.spec("one")])
        desk.fleet.look_at("one")
        desk.tells("one", session="session_2025-01-01_00-00-00_1_1")
        (snapshot,) = await desk.fleet.ask_all()
        assert (snapshot.state, snapshot.figures) == (State.DEGRADED, {})
        assert snapshot.nodes[0].samples["cpu_percent"].source == "dashboard"
        assert "session_2025" in kinds(snapshot)[0]
        desk.tells("one")
        (snapshot,) = await desk.fleet.ask_all()  # asked again at once, not 15 s later
        assert (snapshot.state, snapshot.figures["cpu_percent"].value) == (State.UP, 40.0)

    at_desk(work)


def test_two_clusters_that_claim_the_same_series_are_told():
    async def work(desk: Desk) -> None:
        await desk.fleet.take_over([desk.spec("one", job="ray"), desk.spec("two", job="ra[y]"), desk.spec("three")])
        desk.tells("ray", "three")
        one, two, three = await desk.fleet.ask_all()
        assert kinds(one) == ["prometheus oss: two claims the same series"]
        assert kinds(two) == ["prometheus oss: one claims the same series"]
        assert kinds(three) == []

    at_desk(work)


def test_a_cluster_without_series_is_told_after_a_while_with_what_its_target_says():
    async def work(desk: Desk) -> None:
        await desk.fleet.take_over([desk.spec("one")])
        target = {
            "labels": {"job": "one", "instance": "i:1"},
            "health": "down",
            "lastError": "EOF",
            "scrapeInterval": "2s",
        }
        desk.servers["oss"].targets = [target]
        (snapshot,) = await desk.fleet.ask_all()
        assert (snapshot.state, snapshot.faults, snapshot.scrape_interval_s) == (State.UP, (), 2.0)
        desk.offset_s += NO_SERIES_AFTER_S + 1
        (snapshot,) = await desk.fleet.ask_all()
        (fault,) = snapshot.faults
        assert (fault.message, fault.hint) == ("prometheus oss has no series of one", "target i:1 is down: EOF")

    at_desk(work)


def test_a_partial_answer_is_told():
    async def work(desk: Desk) -> None:
        await desk.fleet.take_over([desk.spec("one")])
        desk.tells("one")
        desk.servers["oss"].warnings = ["store 3 did not answer"]
        (snapshot,) = await desk.fleet.ask_all()
        assert kinds(snapshot) == ["prometheus oss: answers in part: store 3 did not answer"]
        assert snapshot.figures["cpu_percent"].value == 40.0

    at_desk(work)


def test_the_dashboard_is_spared_while_prometheus_has_the_figures_and_nobody_looks():
    async def work(desk: Desk) -> None:
        await desk.fleet.take_over([desk.spec("one")])
        desk.tells("one")
        for _ in range(4):
            await desk.fleet.ask_all()
        assert desk.dashboard.asked.count("/nodes") == 1
        desk.offset_s += NODES_REST_S
        desk.tells("one")
        await desk.fleet.ask_all()
        assert desk.dashboard.asked.count("/nodes") == 2
        desk.fleet.look_at("one")
        for _ in range(3):
            await desk.fleet.ask_all()
        assert desk.dashboard.asked.count("/nodes") == 5

    at_desk(work)


def test_a_server_whose_clusters_stay_is_not_asked_anew_from_the_start():
    async def work(desk: Desk) -> None:
        one, two, away = desk.spec("one"), desk.spec("two", "other"), desk.spec("away", "other")
        await desk.fleet.take_over([one, two, away])
        before = desk.metrics.watch_of("one"), desk.metrics.watch_of("two")
        await desk.fleet.take_over([one, two])
        assert desk.metrics.watch_of("one") is before[0]
        assert desk.metrics.watch_of("two") is not before[1]
        assert desk.metrics.watch_of("away") is None
        assert [server.name for server in desk.metrics.servers] == ["oss", "other"]

    at_desk(work)


@pytest.mark.parametrize("looked_at", [True, False])
def test_sources_that_disagree_are_a_fault_of_the_selected_cluster_only(looked_at):
    async def work(desk: Desk) -> None:
        await desk.fleet.take_over([desk.spec("one"), desk.spec("two")])
        desk.fleet.look_at("one" if looked_at else "two")
        for _ in range(3):
            desk.tells("one", cpu=99.0, age_s=0.0)
            desk.dashboard.replies["/nodes"]["data"]["summary"][0]["now"] = desk.clock()
            one, _ = await desk.fleet.ask_all()
            desk.offset_s += 16
        told = ["192.0.2.2 CPU: Prometheus 99 %, dashboard 5 %"]
        assert kinds(one) == (told if looked_at else [])
        assert (one.state is State.DEGRADED) is looked_at

    at_desk(work)
