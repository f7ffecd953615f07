"""Real Prometheus servers: what the console tells is what they answer, however old, and whatever becomes of them."""

import asyncio
import json
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from console.clients.dashboard import DashboardClient
from console.clients.prometheus import PrometheusClient
from console.config import PrometheusServer
from console.model.cluster import ClusterSnapshot, ClusterSpec
from console.model.metrics import stale_limit_s
from console.model.portplan import port_plan
from console.model.usage import cluster_sampled_at, cluster_usage
from console.render.clusters_table import cluster_row
from console.render.glyphs import UNICODE
from console.services.core import Core, Options
from console.services.fleet import Fleet
from console.services.metrics_watch import MetricsWatch
from console.services.ranges import Place, lines_over_time
from tests.benchmarks.synthetic_fleet import MIB, SyntheticFleet
from tests.fakes.prometheus import Exporter
from tests.fakes.real_prometheus import RealPrometheus, Scrape, free_port
from tests.live.measured import check_figures

pytestmark = pytest.mark.live

ROOT = Path(__file__).parents[2]
NOBODY = "http://127.0.0.1:1"  # no dashboard: all figures are from Prometheus


@pytest.fixture
def prometheus(program, tmp_path):
    """``prometheus(*scrapes)`` is a running server with these jobs."""
    binary = program("prometheus", "prometheus")
    with ExitStack() as stack:
        yield lambda *scrapes: stack.enter_context(RealPrometheus(binary, tmp_path / "prometheus", scrapes))


@pytest.fixture
def exporter():
    with Exporter().running() as running:
        yield running


def planned(slot):
    plan = port_plan("local", slot)
    return ClusterSpec(
        name=f"local-{slot}", kind="local", dashboard=NOBODY, prometheus="oss", plan=plan, series=plan.series()
    )


def cluster(name, **series):
    return ClusterSpec(name=name, kind="local", dashboard=NOBODY, prometheus="oss", series=series)


def fleet_of(server, *specs):
    metrics = MetricsWatch(
        lambda _: PrometheusServer("oss", server.url), lambda found: PrometheusClient(found, lambda: None)
    )
    return Fleet(lambda spec: DashboardClient(spec, None, timeout_s=2), refresh_s=0.5, metrics=metrics), specs


def asked(server, *specs, look_at=()):
    async def work():
        fleet, wanted = fleet_of(server, *specs)
        await fleet.take_over(wanted)
        fleet.look_at(*look_at)
        try:
            return await fleet.ask_all(), {name: fleet.metrics.watch_of(name).view(name).nodes for name in look_at}
        finally:
            await fleet.close()

    return asyncio.run(work())


def value_of(answers):
    ((_, value),) = answers
    return value


def test_figures_are_what_the_server_answers(prometheus, exporter):
    fleet = SyntheticFleet(clusters=3, nodes=4, gpus=2)
    exporter.pages = {f"/{n}": fleet.page(n) for n in range(3)}
    server = prometheus(*(Scrape(fleet.name(n), exporter.address, f"/{n}") for n in range(3)))
    server.until("up == 1", 3)
    snapshots, nodes = asked(
        server, *(cluster(fleet.name(n), job=fleet.name(n)) for n in range(3)), look_at=["bench-01"]
    )
    for number, snapshot in enumerate(snapshots):
        job = f'job="{fleet.name(number)}"'
        use = cluster_usage(snapshot)
        cpus, cores = (server.answers(f"ray_node_cpu_{name}{{{job}}}") for name in ("utilization", "count"))
        percents = {labels["ip"]: value for labels, value in cpus}
        weighted = sum(percents[labels["ip"]] * count for labels, count in cores)
        assert use.cpu_percent == pytest.approx(weighted / sum(count for _, count in cores))
        assert use.cores == value_of(server.answers(f"sum(ray_node_cpu_count{{{job}}})"))
        assert use.memory_used_bytes == value_of(server.answers(f"sum(ray_node_mem_used{{{job}}})"))
        assert use.memory_total_bytes == value_of(server.answers(f"sum(ray_node_mem_total{{{job}}})"))
        assert use.gpu_count == 8
        assert use.gpu_percent == pytest.approx(value_of(server.answers(f"avg(ray_node_gpus_utilization{{{job}}})")))
        assert use.gram_used_bytes == MIB * value_of(server.answers(f"sum(ray_node_gram_used{{{job}}})"))
        assert use.gram_total_bytes == 8 * 40960 * MIB
    for node, found in enumerate(nodes["bench-01"]):
        told = fleet.node_figures(1, node)
        assert (found.ip, found.role) == (fleet.ip(1, node), "worker" if node else "head")
        assert found.samples["cpu_percent"].value == told["ray_node_cpu_utilization"]
        assert found.samples["disk_total_bytes"].value == told["ray_node_disk_usage"] + told["ray_node_disk_free"]
        assert found.samples["object_store_used_bytes"].value == node * MIB
        assert [gpu.used_percent for gpu in found.gpus] == [fleet.gpu_percent(1, node, gpu) for gpu in range(2)]
        assert [gpu.uuid for gpu in found.gpus] == [fleet.uuid(1, node, gpu) for gpu in range(2)]


def test_what_two_containers_of_one_host_show_is_counted_once(prometheus, exporter):
    def page(ip, uuid, *, percent=97):
        gpu = f'ip="{ip}",GpuIndex="0",GpuDeviceName="RTX"' + (f',GpuUuid="{uuid}"' if uuid else "")
        figures = {"cpu_utilization": 40, "cpu_count": 3, "mem_used": 1000, "mem_total": 4000}
        gpus = {"gpus_available": 1, "gpus_utilization": percent, "gram_used": 100, "gram_available": 900}
        lines = [f'ray_node_{name}{{ip="{ip}",SessionName="s"}} {value}' for name, value in figures.items()]
        return "\n".join([*lines, *(f"ray_node_{name}{{{gpu}}} {value}" for name, value in gpus.items()), ""])

    exporter.pages = {
        "/1h": page("172.29.0.15", "GPU-1"), "/1w": page("172.29.0.2", "GPU-1"),  # one laptop, its card seen twice
        "/2h": page("172.29.0.15", ""), "/2w": page("172.29.0.15", ""),  # too old to tell a uuid, one address
        "/3h": page("172.29.0.15", "GPU-3", percent=-1),  # a driver that measures nothing
    }  # fmt: skip
    roles = {"h": "head", "w": "worker"}
    scrapes = [
        Scrape(f"ray-local-{path[1]}-metrics-{roles[path[2]]}", exporter.address, path) for path in exporter.pages
    ]
    server = prometheus(*scrapes)
    server.until("up == 1", 5)
    (one, two, three), _ = asked(server, planned(1), planned(2), planned(3))
    assert [cluster_usage(found).gpu_count for found in (one, two, three)] == [1, 1, 1]
    assert [cluster_usage(found).gpu_percent for found in (one, two, three)] == [97, 97, None]
    assert [cluster_usage(found).cpu_percent for found in (one, two, three)] == [40, 40, 40]
    assert [cluster_usage(found).cores for found in (one, two, three)] == [6, 3, 3]
    assert [cluster_usage(found).memory_used_bytes for found in (one, two, three)] == [2000, 1000, 1000]


def test_clusters_by_words_by_regex_and_by_several_labels_on_one_server(prometheus, exporter):
    fleet = SyntheticFleet(clusters=5, nodes=2, gpus=1)
    exporter.pages = {f"/{n}": fleet.page(n) for n in range(5)}
    jobs = ["ray-local-1-metrics-head", "kuberay", "odd.1", "site", "site"]
    labels = [{}, {"ray_io_cluster": "raycluster-kuberay"}, {}, {"site": "north"}, {"site": "south"}]
    server = prometheus(
        *(Scrape(job, exporter.address, f"/{n}", labels=labels[n]) for n, job in enumerate(jobs))
    )  # fmt: skip
    server.until("up == 1", 5)
    specs = [
        planned(1), cluster("cloud", ray_io_cluster="raycluster-kuberay"), cluster("odd", job=r"odd\.(1|2)"),
        cluster("north", job="site", site="north"), cluster("south", job="si.e", site="s[o]uth"),
        cluster("absent", job="none"),
    ]  # fmt: skip
    snapshots, _ = asked(server, *specs)
    used = [cluster_usage(found).memory_used_bytes for found in snapshots]
    right = [sum(fleet.memory_used_bytes(n, node) for node in range(2)) for n in range(5)]
    assert used == [*right, None]


def is_stale(snapshot: ClusterSnapshot, now: float) -> bool:
    return cluster_row(snapshot, (), now, 15, UNICODE).stale


@pytest.mark.parametrize("age_s", [10, 45, 100])
def test_age_and_staleness_with_scrape_intervals_of_2_20_and_60_s(program, tmp_path, age_s):
    program("promtool", "prometheus")
    binary = program("prometheus", "prometheus")
    intervals = {"2s": 15, "20s": 50, "60s": 150}
    sampled_at = time.time() - age_s
    lines = []
    for name in ("mem_used", "mem_total", "cpu_utilization", "cpu_count"):
        lines.append(f"# TYPE ray_node_{name} gauge")
        lines += [f'ray_node_{name}{{job="every-{i}",ip="1.2.3.4"}} 50 {sampled_at:.3f}' for i in intervals]
    (tmp_path / "series").write_text("\n".join([*lines, "# EOF", ""]))
    subprocess.run(
        ["promtool", "tsdb", "create-blocks-from", "openmetrics", tmp_path / "series", tmp_path / "p" / "data"],
        check=True,
        capture_output=True,
    )
    scrapes = [Scrape(f"every-{interval}", "127.0.0.1:1", interval=interval) for interval in intervals]
    with RealPrometheus(binary, tmp_path / "p", scrapes) as server:
        server.until_targets(3)
        snapshots, _ = asked(server, *(cluster(i, job=f"every-{i}") for i in intervals))
        now = time.time()
        told = {labels["job"]: at for labels, at in server.answers("timestamp(ray_node_mem_used)")}
    for snapshot, (interval, limit_s) in zip(snapshots, intervals.items(), strict=True):
        at = cluster_sampled_at(snapshot)
        assert abs((now - at) - (now - told[f"every-{interval}"])) < 1
        assert at == pytest.approx(sampled_at, abs=0.01)
        assert stale_limit_s(15, snapshot.scrape_interval_s) == limit_s
        assert is_stale(snapshot, at + limit_s + 0.1)
        assert not is_stale(snapshot, at + limit_s - 0.1)
        assert is_stale(snapshot, now) is (now - at > limit_s)


def test_a_server_that_is_stopped_and_started_again(prometheus, exporter):
    fleet = SyntheticFleet(clusters=1, nodes=2, gpus=0)
    exporter.pages = {"/0": fleet.page(0)}
    server = prometheus(Scrape("bench-00", exporter.address, "/0"))
    server.until("up == 1", 1)

    async def work():
        watched, specs = fleet_of(server, cluster("one", job="bench-00"))
        await watched.take_over(specs)
        stream = watched.watch("one")

        async def until(condition):
            async with asyncio.timeout(60):
                async for snapshot in stream:
                    if condition(
                        snapshot, [fault.message for fault in snapshot.faults if fault.source == "prometheus"]
                    ):
                        return snapshot
            raise AssertionError

        await until(lambda snapshot, faults: snapshot.figures and not faults)
        await asyncio.to_thread(server.stop)
        stopped = await until(lambda _, faults: faults)
        assert "connection refused" in stopped.faults[-1].message
        assert stopped.figures  # what it said last, growing old
        await asyncio.to_thread(server.start)
        began = time.time()
        await until(lambda snapshot, faults: not faults and cluster_sampled_at(snapshot) > began)
        await stream.aclose()
        await watched.close()

    asyncio.run(work())


def test_history_is_the_servers(prometheus, exporter):
    fleet = SyntheticFleet(clusters=1, nodes=2, gpus=2)
    exporter.pages = {"/0": fleet.page(0)}
    server = prometheus(Scrape("bench-00", exporter.address, "/0"))
    server.until("count_over_time(ray_node_mem_used[30s]) > 3", 2)

    async def work():
        watched, specs = fleet_of(server, cluster("one", job="bench-00"))
        await watched.take_over(specs)
        metrics = ("cpu_percent", "gpu_percent", "gram_used_bytes", "memory_used_bytes", "object_store_used_bytes")
        whole, error = await lines_over_time(watched, "one", None, metrics, 60, time.time())
        node, _ = await lines_over_time(watched, "one", Place(fleet.ip(0, 1)), metrics, 60, time.time())
        await watched.close()
        return whole, node, error

    whole, node, error = asyncio.run(work())
    assert error is None
    last = {line.metric: line.points[-1][1] for line in whole}
    assert last["memory_used_bytes"] == value_of(server.answers("sum(ray_node_mem_used)"))
    assert last["gram_used_bytes"] == MIB * value_of(server.answers("sum(ray_node_gram_used)"))
    assert last["gpu_percent"] == pytest.approx(value_of(server.answers("avg(ray_node_gpus_utilization)")))
    gpus = {line.gpu: line.points[-1][1] for line in node if line.metric == "gpu_percent"}
    assert gpus == {gpu: fleet.gpu_percent(0, 1, gpu) for gpu in range(2)}
    assert all(line.points[0][1] is None for line in whole)  # before the server was there
    assert {line.source for line in (*whole, *node)} == {"prometheus"}


def test_a_head_with_a_new_session_and_a_lost_worker(prometheus, exporter):
    fleet = SyntheticFleet(clusters=1, nodes=3, gpus=1)
    exporter.pages = {"/0": fleet.page(0)}
    server = prometheus(Scrape("bench-00", exporter.address, "/0"))
    server.until("up == 1", 1)

    def look():
        return asked(server, cluster("one", job="bench-00"), look_at=["one"])

    (before,), _ = look()
    assert cluster_usage(before).gpu_count == 3
    fleet.restart(0)
    fleet.lost.add((0, 2))
    exporter.pages = {"/0": fleet.page(0)}
    server.until(f'ray_node_mem_used{{SessionName="{fleet.session(0)}"}}', 2)
    (after,), nodes = look()
    assert (cluster_usage(after).gpu_count, cluster_usage(after).cores) == (2, 12)  # the old series are gone at once
    assert [node.ip for node in nodes["one"]] == [fleet.ip(0, 0), fleet.ip(0, 1)]


def raydeck(live, *arguments):
    done = subprocess.run(
        [sys.executable, "-m", "console", *arguments],
        check=False,
        env=live.environ | {"PYTHONPATH": str(ROOT)},
        cwd=live.state.path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.returncode, done.stdout


def until(condition, timeout_s=60.0):
    deadline = time.monotonic() + timeout_s
    while not (value := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.5)
    return value


def told_by_prometheus(live):
    def look():
        document = json.loads(raydeck(live, "nodes", "--cluster", live.name, "--json")[1])
        (node,) = document["nodes"]
        sources = {figure["source"] for figure in node["metrics"].values()}
        return node if sources == {"prometheus"} else None

    return until(look)


def test_a_real_head_is_told_by_prometheus(program, embedded_cluster):
    program("prometheus", "prometheus")
    live = embedded_cluster
    node = told_by_prometheus(live)
    expected = {"cpu_percent", "cpu_cores", "memory_used_bytes", "memory_total_bytes", "disk_used_bytes",
                "disk_total_bytes", "network_receive_bytes_per_s", "network_send_bytes_per_s",
                "object_store_used_bytes", "object_store_total_bytes", "raylet_memory_bytes"}  # fmt: skip
    assert set(node["metrics"]) == expected
    assert all(figure["age_s"] < 15 for figure in node["metrics"].values())

    def told_whole():  # a scrape of a busy agent may come too late
        (row,) = [
            row for row in json.loads(raydeck(live, "status", "--json")[1])["clusters"] if row["name"] == live.name
        ]
        return row if (row["source"], row["state"], row["faults"]) == ("prometheus", "up", []) else None

    row = until(told_whole)
    assert row["memory"]["total_bytes"] == node["metrics"]["memory_total_bytes"]["value"]
    status, text = raydeck(live, "targets", "--json")
    (target,) = [target for target in json.loads(text)["targets"] if target["cluster"] == live.name]
    assert (status, target["state"], target["interval_s"]) == (0, "up", 2.0)
    status, text = raydeck(live, "metrics", "--cluster", live.name, "--json")
    lines = {line["metric"]: line for line in json.loads(text)["lines"]}
    assert status == 0
    assert lines["memory_total_bytes"]["points"][-1][1] == row["memory"]["total_bytes"]


def test_figures_of_two_real_clusters_are_what_prometheus_answers(program, two_embedded_clusters, tmp_path):
    program("prometheus", "prometheus")
    first, second = two_embedded_clusters
    check_figures(first.environ, tmp_path, (first.name, second.name))


def test_both_sources_tell_nearly_the_same_of_a_real_head(program, embedded_cluster):
    program("prometheus", "prometheus")
    told_by_prometheus(embedded_cluster)

    async def work():
        core = Core(Options(None, False, embedded_cluster.environ, embedded_cluster.state.path))
        core.load()
        await core.begin()
        try:
            core.fleet.look_at(embedded_cluster.name)
            await core.fleet.ask([embedded_cluster.name])
            view = core.fleet.metrics.watch_of(embedded_cluster.name).view(embedded_cluster.name)
            return core.fleet.poller(embedded_cluster.name).last.nodes[0], view.nodes[0]
        finally:
            await core.close()

    told, ours = asyncio.run(work())
    assert told.samples["memory_used_bytes"].source == "dashboard"
    for metric in ("cpu_cores", "memory_total_bytes", "disk_total_bytes"):
        assert ours.samples[metric].value == pytest.approx(told.samples[metric].value, rel=0.001)
    for metric in ("memory_used_bytes", "disk_used_bytes"):
        assert ours.samples[metric].value == pytest.approx(told.samples[metric].value, rel=0.25)


@contextmanager
def worker_node(live, folder):
    """Start a second node of a cluster on this machine, and end it and all that it started."""
    ports = [f"--{name}={free_port()}" for name in ("metrics-export-port", "dashboard-agent-listen-port",
                                                    "dashboard-agent-grpc-port", "runtime-env-agent-port")]  # fmt: skip
    address, temp_folder = f"127.0.0.1:{live.record.ports.gcs}", Path(tempfile.mkdtemp(prefix="rw-"))
    words = ["start", f"--address={address}", "--num-cpus=1", f"--temp-dir={temp_folder}", *ports, "--block",
             "--min-worker-port=0", "--max-worker-port=0", "--disable-usage-stats"]  # fmt: skip
    with (folder / "worker.log").open("wb") as log:
        command = [sys.executable, "-m", "ray.scripts.scripts", *words]
        process = psutil.Popen(command, env=live.environ, stdout=log, stderr=log)
    try:
        yield
    finally:
        # The raylet first: it ends what it started, and says to the head that it goes.
        family = [*process.children(recursive=True), process]
        for is_turn in (lambda name: name == "raylet", lambda _: True):
            for one in family:
                with suppress(psutil.Error):
                    if is_turn(one.name()):
                        one.terminate()
        for one in psutil.wait_procs(family, timeout=10)[1]:
            with suppress(psutil.Error):
                one.kill()
        shutil.rmtree(temp_folder, ignore_errors=True)


def test_a_worker_that_is_lost_and_a_head_that_is_started_again(program, fresh_cluster, tmp_path):
    program("prometheus", "prometheus")
    live = fresh_cluster(cpus=2)
    told_by_prometheus(live)

    def row():
        (found,) = json.loads(raydeck(live, "status", "--json")[1])["clusters"]
        return found

    with worker_node(live, tmp_path):
        until(lambda: row()["nodes"] == {"alive": 2, "dead": 0})
    until(lambda: row()["nodes"] == {"alive": 1, "dead": 1})
    lost = row()
    assert lost["state"] == "degraded"
    assert any("worker node" in fault["message"] and "died" in fault["message"] for fault in lost["faults"])
    before = row()["session_name"]
    live.restart_head()
    until(lambda: row()["source"] == "prometheus" and row()["session_name"] != before and not row()["faults"])
