"""Prometheus first, the dashboard second, nothing third; and what follows from both for faults."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.model.cluster import ClusterSnapshot, ClusterSpec, Identity, Node, Sample, State
from console.model.metrics import ClusterFigures, ClusterView, NodeFigures, Trouble, stale_limit_s
from console.model.usage import cluster_sampled_at, cluster_source, cluster_sources, cluster_usage
from console.services.cross_check import CHECK_EVERY_S, CrossCheck, far_apart
from console.services.reconcile import better, is_of_earlier_session, reconciled, troubles

NOW = 10_000.0
SPEC = ClusterSpec(name="a", kind="local", dashboard="http://x", series={"job": "ray"}, prometheus="oss")


def told(value, age_s=1.0):
    return Sample(value, NOW - age_s, "dashboard")


def ours(value, age_s=1.0):
    return Sample(value, NOW - age_s, "prometheus")


def node(name="n1", ip="10.0.0.1", role="head", **samples):
    return Node(name, ip, name, role, True, samples or {"cpu_percent": told(10.0)})


def snapshot(*nodes, session="session_2026-02"):
    identity = Identity("2.60.0", session)
    return ClusterSnapshot(spec=SPEC, taken_at=NOW, state=State.UP, identity=identity, nodes=nodes)


def figures(ip="10.0.0.1", role="head", instance="i", **samples):
    return NodeFigures(ip, instance, role, samples or {"cpu_percent": ours(20.0)})


def test_prometheus_comes_first_and_says_so():
    view = ClusterView(nodes=(figures(cpu_percent=ours(20.0, 2)),))
    (found,) = reconciled(snapshot(node(cpu_percent=told(10.0), disk_used_bytes=told(5.0))), view, NOW, 15).nodes
    assert found.samples == {"cpu_percent": ours(20.0, 2), "disk_used_bytes": told(5.0)}


def test_what_is_stale_gives_way_to_what_is_newer_but_not_to_what_is_older():
    old = ClusterView(nodes=(figures(cpu_percent=ours(20.0, 60)),))
    assert reconciled(snapshot(node(cpu_percent=told(10.0, 5))), old, NOW, 15).nodes[0].value("cpu_percent") == 10.0
    assert reconciled(snapshot(node(cpu_percent=told(10.0, 90))), old, NOW, 15).nodes[0].value("cpu_percent") == 20.0


@pytest.mark.parametrize(("interval_s", "limit_s"), [(None, 15), (2.0, 15), (6.0, 15), (20.0, 50), (60.0, 150)])
def test_stale_is_the_larger_of_the_two(interval_s, limit_s):
    assert stale_limit_s(15, interval_s) == limit_s
    for age_s, expected in ((limit_s - 0.5, 20.0), (limit_s + 0.5, 10.0)):
        view = ClusterView(nodes=(figures(cpu_percent=ours(20.0, age_s)),), interval_s=interval_s)
        assert reconciled(snapshot(node()), view, NOW, 15).nodes[0].value("cpu_percent") == expected


@given(st.none() | st.floats(0, 100), st.none() | st.floats(0, 100), st.floats(0, 100))
def test_the_better_sample_is_one_of_both_and_never_an_older_stale_one(ours_at, told_at, oldest_at):
    mine = None if ours_at is None else Sample(1.0, ours_at, "prometheus")
    theirs = None if told_at is None else Sample(2.0, told_at, "dashboard")
    found = better(mine, theirs, oldest_at)
    assert (found is None) == (mine is None and theirs is None)
    if found is not None and found.sampled_at < oldest_at:
        assert all(found.sampled_at >= other.sampled_at for other in (mine, theirs) if other is not None)


def test_two_nodes_at_one_address_are_told_apart_by_their_role():
    pair = snapshot(node(), node("n2", role="worker"))
    view = ClusterView(nodes=(figures(cpu_percent=ours(20.0)), figures(role="worker", cpu_percent=ours(30.0))))
    assert [one.value("cpu_percent") for one in reconciled(pair, view, NOW, 15).nodes] == [20.0, 30.0]


def test_several_workers_at_one_address_share_the_host_and_nothing_else():
    pair = snapshot(node("n1", role="worker"), node("n2", role="worker"))
    samples = {"cpu_percent": ours(30.0), "object_store_used_bytes": ours(7.0)}
    view = ClusterView(nodes=tuple(figures(role="worker", instance=i, **samples) for i in "ab"))
    for one in reconciled(pair, view, NOW, 15).nodes:
        assert one.value("cpu_percent") == 30.0
        assert one.value("object_store_used_bytes") is None


def test_another_nodes_figures_are_not_taken():
    view = ClusterView(nodes=(figures(ip="10.0.0.9"), figures(role="worker")))
    assert reconciled(snapshot(node()), view, NOW, 15).nodes == snapshot(node()).nodes


def test_the_whole_clusters_figures_their_source_and_age():
    view = ClusterView(figures=ClusterFigures({"cpu_percent": ours(42.0, 3)}))
    found = reconciled(snapshot(node(memory_used_bytes=told(5.0))), view, NOW, 15)
    use = cluster_usage(found)
    assert (use.cpu_percent, use.memory_used_bytes) == (42.0, 5.0)
    assert cluster_sources(found) == {"prometheus", "dashboard"}
    assert cluster_source(found) == "dashboard"  # as many of each: the one that knows less
    assert cluster_sampled_at(found) == NOW - 3
    late = reconciled(snapshot(node(memory_used_bytes=told(5.0, 9), disk_used_bytes=told(1.0, 99))), view, NOW, 15)
    assert cluster_sampled_at(late) == NOW - 9  # of what the row shows, whatever its source; the disk is not on it
    plain = snapshot(node())
    assert (cluster_usage(plain).cpu_percent, cluster_source(plain)) == (None, "dashboard")
    assert cluster_source(snapshot()) is None


def test_stale_figures_of_the_cluster_give_way_to_the_nodes_own():
    view = ClusterView(figures=ClusterFigures({"cpu_percent": ours(42.0, 60)}))
    assert reconciled(snapshot(node()), view, NOW, 15).figures == {}
    assert reconciled(snapshot(), view, NOW, 15).figures == {"cpu_percent": ours(42.0, 60)}


def test_series_of_an_earlier_session_are_not_used_and_told():
    view = ClusterView(
        figures=ClusterFigures({"cpu_percent": ours(42.0)}), nodes=(figures(),), sessions=frozenset({"session_2026-01"})
    )
    found = reconciled(snapshot(node()), view, NOW, 15)
    assert (found.figures, found.nodes[0].value("cpu_percent")) == ({}, 10.0)
    (trouble,) = troubles(found, view)
    assert (trouble.kind, "session_2026-01" in trouble.message) == ("session", True)
    for sessions in ({"session_2026-01", "session_2026-02"}, {"session_2026-03"}, set()):
        assert not is_of_earlier_session(snapshot(node()), msgspec.structs.replace(view, sessions=frozenset(sessions)))


def test_without_a_server_nothing_changes():
    plain = snapshot(node())
    assert reconciled(plain, None, NOW, 15) is plain
    assert list(troubles(plain, None)) == []


@pytest.mark.parametrize(
    ("metric", "dashboard", "prometheus", "apart"),
    [("cpu_percent", 20, 30, False), ("cpu_percent", 20, 30.1, True), ("cpu_percent", 100, 80, True),
     ("memory_used_bytes", 100, 91, False), ("memory_used_bytes", 100, 89, True), ("memory_used_bytes", 0, 0, False)],
)  # fmt: skip
def test_far_apart(metric, dashboard, prometheus, apart):
    assert far_apart(metric, dashboard, prometheus) is apart


class Clock:
    """Looks every 15 s at what both sources say of CPU."""

    def __init__(self):
        self.check, self.now = CrossCheck(), NOW

    def look(self, dashboard, prometheus, *, between_s=0.0, after_s=CHECK_EVERY_S, update=True):
        self.now += after_s
        at = self.now - 1 if update else NOW
        one = node(cpu_percent=Sample(dashboard, at, "dashboard"))
        mine = figures(cpu_percent=Sample(prometheus, at + between_s, "prometheus"))
        self.check.look(snapshot(one), ClusterView(nodes=(mine,)), self.now)
        return [trouble.message for trouble in self.check.troubles()]


def test_three_updates_far_apart_are_a_fault_that_names_both():
    clock = Clock()
    assert clock.look(10, 40) == clock.look(10, 40) == []
    assert clock.look(12, 45) == ["10.0.0.1 CPU: Prometheus 45 %, dashboard 12 %"]
    assert clock.look(12, 13) == []


def test_an_update_that_agrees_begins_the_count_anew():
    clock = Clock()
    assert [clock.look(10, value) for value in (40, 40, 11, 40, 40)] == [[]] * 5


def test_samples_of_different_moments_prove_nothing():
    clock = Clock()
    assert [clock.look(10, 40, between_s=4) for _ in range(5)] == [[]] * 5


def test_the_same_update_counts_once_and_looks_are_15_s_apart():
    clock = Clock()
    clock.look(10, 40)
    assert [clock.look(10, 40, update=False) for _ in range(5)] == [[]] * 5
    clock = Clock()
    clock.look(10, 40)
    assert [clock.look(10, 40, after_s=2) for _ in range(5)] == [[]] * 5


def test_a_trouble_stays_the_same_while_its_words_change():
    clock = Clock()
    for value in (40, 41, 42):
        clock.look(10, value)
    (before,) = clock.check.troubles()
    clock.look(10, 43)
    (after,) = clock.check.troubles()
    assert isinstance(before, Trouble)
    assert (before.kind, before.message != after.message) == (after.kind, True)


@pytest.mark.parametrize("every_s", [2.0, 20.0, 60.0])
def test_sources_are_compared_however_seldom_prometheus_scrapes(every_s):
    check, found, now = CrossCheck(), [], NOW
    while now < NOW + 6 * every_s + 60 and not found:
        scraped_at, told_at = now - now % every_s, now - now % 5 - 1
        one = node(cpu_percent=Sample(10.0, told_at, "dashboard"))
        mine = figures(cpu_percent=Sample(40.0, scraped_at, "prometheus"))
        check.look(snapshot(one), ClusterView(nodes=(mine,)), now)
        found = list(check.troubles())
        now += 2
    assert [trouble.message for trouble in found] == ["10.0.0.1 CPU: Prometheus 40 %, dashboard 10 %"]


def test_another_cluster_begins_the_count_anew_and_the_same_one_goes_on():
    clock = Clock()
    clock.look(10, 40)
    clock.look(10, 40)
    other = msgspec.structs.replace(snapshot(node()), spec=ClusterSpec(name="b", kind="local", dashboard="http://y"))
    clock.check.look(other, ClusterView(), clock.now)
    assert clock.look(10, 40) == clock.look(10, 40) == []
    assert clock.look(10, 40) != []


def test_a_node_is_as_often_scraped_as_its_own_target_not_the_slowest_of_the_cluster():
    fast, slow = figures(instance="fast:1"), figures(ip="10.0.0.2", role="worker", instance="slow:1")
    view = ClusterView(nodes=(fast, slow), interval_s=60.0, intervals={"fast:1": 2.0, "slow:1": 60.0})
    newer = told(10.0, -15)
    pair = snapshot(node(cpu_percent=newer), node("n2", "10.0.0.2", "worker", cpu_percent=newer))
    found = reconciled(pair, view, NOW + 20, 15).nodes
    assert [one.scrape_interval_s for one in found] == [2.0, 60.0]
    assert [one.value("cpu_percent") for one in found] == [10.0, 20.0]  # 21 s: stale for the one, fresh for the other
