"""Answers of Prometheus -> figures; and the constructed replies of GPU nodes, from both sources."""

import re
from pathlib import Path

import msgspec
import pytest

from console.clients.grouping import groupings
from console.clients.node_summary import decode
from console.clients.prometheus import Answer, RangeSeries, Series
from console.clients.prometheus_figures import details, exported, overview, sessions, summed
from console.clients.promql import overview_query, range_query
from console.metrics import METRICS, MIB, OVERVIEW, exported_names
from console.model.cluster import ClusterSnapshot, ClusterSpec, Fault, Identity, State
from console.model.metrics import ClusterView
from console.services.metric_names import why_missing
from console.services.ranges import _lines
from console.services.reconcile import reconciled, troubles

REPLIES = Path(__file__).parents[2] / "replies" / "2.60.0"
NOW = 1795383955.0
SPEC = ClusterSpec(name="a", kind="local", dashboard="http://x", series={"job": "ray"}, prometheus="oss")


def series(value, **labels):
    return Series(labels, value)


def node_series(value, name, **labels):
    return series(value, __name__=name, job="ray", ip="192.0.2.7", instance="i", **labels)


def page(name):
    """The series of a constructed page, as a scrape and a detail query would give them."""
    found = [node_series(NOW - 1, "", k="at")]
    for line in (REPLIES / f"constructed-gpu-{name}.prom").read_text().splitlines():
        if not line.startswith("#"):
            metric, labels, value = re.fullmatch(r"(\w+)\{(.*)\} (\S+)", line).groups()
            scraped = {"__name__": metric, "job": "ray", "instance": "i"}
            found.append(Series(dict(re.findall(r'(\w+)="([^"]*)"', labels)) | scraped, float(value)))
    (node,) = details(Answer(tuple(found)), {"a": {"job": "ray"}})["a"]
    return node


def told(name):
    (node,) = decode((REPLIES / f"constructed-gpu-{name}.json").read_bytes(), "a")
    return node


def snapshot(*nodes, **more):
    spec = more.pop("spec", SPEC)
    more.setdefault("exported", frozenset())
    return ClusterSnapshot(
        spec=spec, taken_at=NOW, state=State.UP, identity=Identity("2.60.0", "s2"), nodes=nodes, **more
    )


def joined(name):
    view = ClusterView(nodes=(page(name),))
    return reconciled(snapshot(told(name)), view, NOW, 15).nodes[0]


def test_the_overview_is_assigned_and_carries_its_age():
    answer = Answer(
        (
            series(40.0, job="ray", k="cpu"),
            series(8.0, job="ray", __name__="ray_node_cpu_count"),
            series(3.0, job="ray", __name__="ray_node_mem_used"),
            series(2.0, job="ray", k="gpu", __name__="ray_node_gpus_available"),
            series(10.0, job="ray", k="gpu", __name__="ray_node_gram_used"),
            series(None, job="ray", k="gpu_percent"),
            series(990.5, job="ray", k="at"),
            series(1.0, job="other", k="cpu"),
            series(1.0, job="ray", k="session", SessionName="s1"),
        )
    )
    found = overview(answer, groupings([SPEC]))
    assert set(found) == {"a"}
    samples = found["a"].samples
    assert {name: sample.value for name, sample in samples.items()} == {
        "cpu_percent": 40.0,
        "cpu_cores": 8.0,
        "memory_used_bytes": 3.0,
        "gpu_count": 2.0,
        "gram_used_bytes": 10.0 * MIB,
    }
    assert {(sample.sampled_at, sample.source) for sample in samples.values()} == {(990.5, "prometheus")}
    assert [session.name for session in sessions(answer)] == ["s1"]


def test_figures_without_an_age_are_none():
    assert overview(Answer((series(40.0, job="ray", k="cpu"),)), groupings([SPEC])) == {}
    assert details(Answer((node_series(5.0, "ray_node_mem_used"),)), {"a": {"job": "ray"}}) == {"a": ()}


def test_an_older_name_has_its_own_unit():
    metric = METRICS["raylet_memory_bytes"]
    assert summed(metric, {"ray_component_rss_mb": 30.0}) == 30e6
    assert summed(metric, {"ray_component_rss_mb": 30.0, "ray_component_rss_bytes": 31e6}) == 31e6
    assert summed(METRICS["gram_total_bytes"], {"ray_node_gram_used": 1.0}) is None


@pytest.mark.parametrize(
    ("labels", "role"),
    [({}, None), ({"IsHeadNode": "true"}, "head"), ({"IsHeadNode": "false"}, "worker"),
     ({"RayNodeType": "worker", "IsHeadNode": "false"}, "worker")],
)  # fmt: skip
def test_the_role_is_told_in_three_ways(labels, role):
    answer = Answer((node_series(NOW, "", k="at"), node_series(1.0, "ray_node_mem_used", **labels)))
    assert details(answer, {"a": {"job": "ray"}})["a"][0].role == role


def test_several_gpus():
    gpus = joined("several").gpus
    assert [(gpu.index, gpu.used_percent) for gpu in gpus] == [(0, 97), (1, 3), (2, 0), (3, 0)]
    assert gpus[0].memory_used_bytes == 30000 * MIB
    assert gpus[0].memory_total_bytes == 40960 * MIB
    assert (gpus[0].power_watts, gpus[0].temperature_celsius, gpus[0].source) == (387.0, 61.0, "prometheus")


def test_a_mig_slice_has_no_utilisation():
    for found in (told("mig"), joined("mig")):
        assert [gpu.used_percent for gpu in found.gpus] == [None, None]
    assert joined("mig").gpus[0].memory_used_bytes == 4096 * MIB


def test_zero_of_a_laptop_gpu_that_measures_nothing_is_not_shown():
    assert page("laptop").gpus[0].used_percent == 0
    assert joined("laptop").gpus[0].used_percent is None


def test_the_average_gives_way_where_a_gpu_is_not_measured():
    figures = overview(
        Answer((series(0.0, job="ray", k="gpu_percent"), series(NOW, job="ray", k="at"))), groupings([SPEC])
    )["a"]
    view = ClusterView(figures=figures, nodes=(page("laptop"),))
    assert "gpu_percent" not in reconciled(snapshot(told("laptop")), view, NOW, 15).figures
    assert "gpu_percent" in reconciled(snapshot(told("several")), view, NOW, 15).figures


def test_amd_names_and_what_it_does_not_tell():
    gpus = joined("amd").gpus
    assert [(gpu.name, gpu.used_percent) for gpu in gpus] == [("AMD Instinct MI300X", 42), ("AMD Instinct MI300X", 0)]
    assert gpus[0].temperature_celsius is None
    assert (
        why_missing(snapshot(joined("amd")), joined("amd"), "gpu_temperature_celsius") == "not measured by the driver"
    )


def test_logical_gpus_without_any_gpu_series_are_a_fault():
    blind = msgspec.structs.replace(told("several"), gpus=())
    (found,) = troubles(snapshot(blind), None)
    assert (found.kind, "4 GPU" in found.message, "CUDA" in found.hint) == ("cuda", True, True)
    assert list(troubles(snapshot(told("several")), None)) == []


def test_why_a_figure_is_not_there():
    node = joined("several")
    bare = msgspec.structs.replace(node, gpus=tuple(msgspec.structs.replace(g, power_watts=None) for g in node.gpus))
    old = msgspec.structs.replace(snapshot(bare), identity=Identity("2.40.0", "s"))
    assert why_missing(old, bare, "gpu_power_watts") == "not exported by Ray 2.40.0, but from 2.55 on"
    assert why_missing(old, bare, "raylet_memory_bytes") == "not exported by Ray 2.40.0"
    assert why_missing(old, bare, "cpu_percent") is None
    plain = snapshot(bare, spec=msgspec.structs.replace(SPEC, prometheus=None))
    assert "Prometheus would have it" in why_missing(plain, bare, "raylet_memory_bytes")
    other = msgspec.structs.replace(node, node_id="other")
    assert why_missing(snapshot(bare, other), bare, "gpu_power_watts") == "not measured on this node"
    assert why_missing(old, msgspec.structs.replace(bare, gpus=()), "gpu_power_watts") == "has no GPU that Ray sees"


def test_the_disk_of_a_pod_is_unknown_from_both_sources():
    used, free = node_series(0.0, "ray_node_disk_usage"), node_series(1.0, "ray_node_disk_free")
    answer = Answer((node_series(NOW, "", k="at"), used, free, node_series(5.0, "ray_node_mem_used")))
    (found,) = details(answer, {"a": {"job": "ray"}})["a"]
    assert set(found.samples) == {"memory_used_bytes"}
    body = {"now": NOW, "cpu": 3.0, "disk": {"/": {"used": 0, "free": 1}}, "raylet": {"nodeId": "n", "state": "ALIVE"}}
    (node,) = decode(msgspec.json.encode({"data": {"summary": [body]}}), "a")
    assert set(node.samples) == {"cpu_percent"}


def test_what_is_exported_is_only_said_once_prometheus_has_told_of_series():
    bare = msgspec.structs.replace(joined("several"), samples={})
    silent = (Fault("prometheus", "prometheus oss: no answer", "", NOW, "server"),)
    for more, said in (
        ({"exported": None}, "not told yet by Prometheus"),
        ({"exported": None, "faults": silent}, "Prometheus does not answer"),
        ({"exported": frozenset({"ray_node_mem_total"})}, "not exported by Ray 2.60.0"),
        ({"exported": frozenset({"ray_node_mem_used"})}, "not measured on this node"),
    ):
        assert why_missing(snapshot(bare, **more), bare, "memory_used_bytes") == said


def test_the_names_of_a_clusters_series_are_kept():
    answer = Answer((node_series(5.0, "ray_node_mem_used"), series(1.0, job="other", __name__="ray_node_mem_total")))
    clusters = {"a": {"job": "ray"}, "b": {"job": "none"}}
    assert exported(answer, clusters) == {"a": frozenset({"ray_node_mem_used"})}


def test_aggregation_follows_from_the_declaration():
    for metric, start in (("gpu_temperature_celsius", "max("), ("gpu_power_watts", "sum("), ("gpu_percent", "avg((")):
        assert range_query(metric, {"job": "ray"}, node=None).startswith(start)
    assert "*max by (ip)" in range_query("cpu_percent", {"job": "ray"}, node=None)
    overview_text = overview_query(groupings([SPEC]), sessions=False)
    assert all(name in overview_text for name in exported_names(*OVERVIEW))
    assert 'GpuDeviceName!~".*MIG.*"' in overview_text


@pytest.mark.parametrize(
    ("metric", "name", "value", "shown"),
    [("gpu_percent", "A100 MIG 1g.5gb", 0.0, None), ("gpu_percent", "A100", 0.0, 0.0),
     ("gpu_percent", "A100", -1.0, None), ("disk_used_bytes", "", 0.0, None), ("memory_used_bytes", "", 0.0, 0.0)],
)  # fmt: skip
def test_a_line_over_time_has_holes_where_nothing_is_measured(metric, name, value, shown):
    found = RangeSeries({"k": metric, "GpuIndex": "0", "GpuDeviceName": name}, ((100.0, value),))
    (line,) = _lines([found], "10.0.0.1", 100.0, 100.0, 1.0)
    assert line.points == ((100.0, shown),)
