"""Scenes that several tests show: a fleet in all states, jobs of every kind, an output to plot."""

from __future__ import annotations

import math
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, cast

import msgspec

from console.model.cluster import ClusterSnapshot, Node, Sample
from console.model.event import Event, EventKind, Level
from console.services.core import Core
from console.services.event_log import EventFeed, EventLog
from console.services.history import CpuHistory
from tests.fakes.figure_prometheus import FigurePrometheus, ScrapedNode
from tests.fakes.head import GIB, FakeHead, fake_head, node_reply, nodes_reply
from tests.pilot.deck import Clock

STATISTICS = ("seed", "name", "priority", "length")


class Fleet:
    """The servers behind a scene, and the configuration that points at them."""

    def __init__(self) -> None:
        self.heads: dict[str, FakeHead] = {}
        self.clusters: dict[str, dict[str, Any]] = {}
        self.before = ""
        self.prometheus: FigurePrometheus | None = None


@asynccontextmanager
async def one_cluster(
    clock: Clock, name: str = "local-1", prepare: Callable[[Fleet], None] = lambda _: None, **keys: Any
) -> AsyncIterator[Fleet]:
    """One healthy cluster of one node, without jobs."""
    async with fake_head(clock) as head:
        fleet = Fleet()
        fleet.heads[name] = head
        fleet.clusters[name] = {"kind": "local", "dashboard": head.url, "serve": head.serve_url} | keys
        prepare(fleet)
        yield fleet


@asynccontextmanager
async def many_clusters(clock: Clock, names: Sequence[str]) -> AsyncIterator[Fleet]:
    """As many healthy clusters as there are names."""
    async with AsyncExitStack() as stack:
        fleet = Fleet()
        for name in names:
            head = fleet.heads[name] = await stack.enter_async_context(fake_head(clock))
            fleet.clusters[name] = {"kind": "local", "dashboard": head.url}
        yield fleet


@asynccontextmanager
async def mixed_fleet(clock: Clock) -> AsyncIterator[Fleet]:
    """A cloud cluster with GPUs, a healthy local one, a degraded one with a full GPU, and one that refuses."""
    async with AsyncExitStack() as stack:
        fleet = Fleet()
        for name, kind in (("cloud-1", "cloud"), ("local-1", "local"), ("local-2", "local")):
            head = fleet.heads[name] = await stack.enter_async_context(fake_head(clock))
            head.replies["/api/version"]["ray_version"] = "2.49.2"
            fleet.clusters[name] = {"kind": kind, "dashboard": head.url, "serve": head.serve_url}
        fleet.clusters["local-2"]["nodes"] = 3
        fleet.clusters["local-3"] = {"kind": "local", "dashboard": "http://127.0.0.1:9"}
        _cloud(fleet.heads["cloud-1"])
        _small(fleet.heads["local-1"])
        _busy(fleet.heads["local-2"])
        yield fleet


@asynccontextmanager
async def measured_fleet(clock: Clock) -> AsyncIterator[Fleet]:
    """The mixed fleet, of which a Prometheus scrapes the cloud cluster with four GPUs, and the small local one."""
    four = ((27.0, 4660.0, 19916.0), (55.0, 9000.0, 15576.0), (80.0, 20000.0, 4576.0), (12.0, 900.0, 23676.0))
    nodes = (
        ScrapedNode("cloud-1", "10.0.3.7", cpu=31, memory_gib=(7.9, 30)),
        ScrapedNode("cloud-1", "10.0.3.8", head=False, cpu=88, memory_gib=(12.2, 30), gpus=four),
        ScrapedNode("cloud-1", "10.0.3.11", head=False, cpu=43, memory_gib=(10.8, 30)),
        ScrapedNode("local-1", "172.29.0.15", cpu=11, memory_gib=(1.3, 4)),
    )
    async with mixed_fleet(clock) as fleet:
        prometheus = fleet.prometheus = FigurePrometheus(clock, *nodes)
        with prometheus.running():
            prometheus.add_target("cloud-1", "10.0.3.7:8080")
            prometheus.add_target("cloud-1", "10.0.3.8:8080")
            refused = 'Get "http://10.0.3.11:8080/metrics": dial tcp 10.0.3.11:8080: connect: connection refused'
            prometheus.add_target("cloud-1", "10.0.3.11:8080", "down", refused)
            fleet.before = f'[prometheus.oss]\nurl = "{prometheus.url}"\n\n'
            for name in ("cloud-1", "local-1"):
                fleet.clusters[name] |= {"prometheus": "oss", "series": {"job": name}}
            summary = fleet.heads["cloud-1"].replies["/nodes"]["data"]["summary"]
            cards = tuple((percent, used, used + free) for percent, used, free in four)
            summary[1]["gpus"] = node_reply(clock(), "10.0.3.8", gpus=cards)["gpus"]
            summary[2]["gpus"] = []
            yield fleet


def _cloud(head: FakeHead) -> None:
    now, card = head.now(), (27.0, 4660.0, 24576.0)
    head.replies["/nodes"] = nodes_reply(
        node_reply(now, "10.0.3.7", cpu=31.0, memory_gib=(7.9, 30)),
        node_reply(now, "10.0.3.8", head=False, cpu=88.0, memory_gib=(12.2, 30), gpus=(card,)),
        node_reply(now, "10.0.3.11", head=False, cpu=43.0, memory_gib=(10.8, 30), gpus=(card,)),
    )
    head.add_job("raysubmit_9fQsYcVnJ3hTz2Kd", "RUNNING", start_time=int((now - 312) * 1000))
    head.add_job("raysubmit_Xw4GmPbRt7uEe5Na", "RUNNING", start_time=int((now - 44) * 1000))
    for number in range(14):
        head.add_job(f"raysubmit_Bc{number:02}SgHkLmNpQrSt", "SUCCEEDED", start_time=int((now - 9000) * 1000))


def _small(head: FakeHead) -> None:
    now = head.now()
    head.replies["/nodes"] = nodes_reply(
        node_reply(now, "172.29.0.15", cpu=11.0, memory_gib=(1.3, 4)),
        node_reply(now, "172.29.0.2", head=False, cpu=6.0, memory_gib=(0.8, 4)),
    )
    for number in range(3):
        head.add_job(f"raysubmit_7Kq{number}hGdFsApWnVbY", "SUCCEEDED")


def _busy(head: FakeHead) -> None:
    now = head.now()
    head.replies["/nodes"] = nodes_reply(
        node_reply(now, "172.30.0.4", cpu=79.0, memory_gib=(3.6, 4)),
        node_reply(now, "172.30.0.9", head=False, cpu=87.0, memory_gib=(3.3, 4), gpus=((100.0, 7987.2, 8192.0),)),
    )
    head.add_job("raysubmit_uT6RvDcXs2QzAw8E", "RUNNING")
    message = "Job entrypoint command failed with exit code 1, last available logs:\nKeyError: 'amount'"
    for letter in "MN":
        head.add_job(f"raysubmit_{letter}j5YhGtRfVdEcWsX", "FAILED", message=message, driver_exit_code=1)


def output_document(groups: int = 5, batches: int = 5, seed: int = 7) -> dict[str, Any]:
    """Return an output as the route ``/output`` sends it: means and variances as the real job has them."""
    draw = random.Random(seed)
    spreads = {"seed": (24, 9, 180), "name": (104, 6, 420), "priority": (3.4, 0.9, 2.6), "length": (4.4, 0.8, 2.9)}
    output = []
    for number in range(groups):
        statistics = {
            name: {
                "mean": [round(centre + draw.uniform(-width, width), 3) for _ in range(batches)],
                "variance": [round(draw.uniform(0.05, 1.0) * most, 3) for _ in range(batches)],
            }
            for name, (centre, width, most) in spreads.items()
        }
        worker = number % 2
        members = {"workers": [worker] * batches, "actors": [worker] * batches}
        output.append({"id": f"{worker}-{worker}-{number}", **members, "batches": list(range(batches))} | statistics)
    return {"output": output}


def clustering_document() -> dict[str, Any]:
    """Return an output of three clusters, the last of which could not be reached."""
    about: tuple[dict[str, Any], ...] = (
        {"url": "Main", "weight": 0.55, "files": 220, "seconds": 2.5, "ray_version": "2.60.0", "error": None},
        {"url": "ray://head-1:10001", "weight": 0.45, "files": 180, "seconds": 3.0,
         "ray_version": "2.60.0", "error": None},
        {"url": "ray://head-2:10001", "weight": None, "files": 0, "seconds": 0.0, "ray_version": None,
         "error": "cannot be reached: Connection refused"},
    )  # fmt: skip
    data = (output_document(8, seed=1)["output"], output_document(7, seed=2)["output"], [])
    return {"output": {str(n): each | {"data": data[n]} for n, each in enumerate(about)}}


def serving(fleet: Fleet) -> None:
    """Have the cluster serve a bundled job's output and an application of somebody's, and fail to start another."""
    head = fleet.heads["local-1"]
    job = "raysubmit_7KqWmXsTz4bGhY2n"
    head.served = {"/about": {"submission_id": job}, "/output": output_document(), "/items": {"taken": 1}}
    paths = {"/output": {"get": {}}, "/about": {"get": {}}, "/items": {"post": {}}}
    head.served["/openapi.json"] = {"openapi": "3.1.0", "paths": paths}
    replica = {"replica_id": "abc", "state": "RUNNING", "node_ip": "172.29.0.15"}
    deployment = {"name": "raydeck-requests", "status": "HEALTHY", "message": "", "target_num_replicas": 1}
    failed = {"name": "Model", "status": "UNHEALTHY", "message": "", "target_num_replicas": 2, "replicas": []}
    head.replies["/api/serve/applications/"] = {
        "http_options": {"host": "0.0.0.0", "port": 8350},
        "applications": {
            "requests": {
                "status": "RUNNING", "route_prefix": "/", "docs_path": "/docs", "message": "",
                "last_deployed_time_s": 1.0,
                "deployments": {"raydeck-requests": deployment | {"replicas": [replica]}},
            },
            "broken": {
                "status": "DEPLOY_FAILED", "route_prefix": "/broken", "docs_path": None,
                "message": "ImportError: no module named 'torch'", "deployments": {"Model": failed},
            },
        },
    }  # fmt: skip


def free_memory(head: FakeHead, gib: float) -> None:
    """Leave this much memory to Ray."""
    head.has(free={"CPU": (0, 6), "memory": (0, gib * GIB)})


def fixed_events(core: Core) -> None:
    """Give the console a past of its own: which fault is told first depends on who answers first."""
    at = core.clock() - 60
    told = (
        ("local-1", "", "state", "ok", "is up again after 12 s"),
        ("local-2", "172.30.0.9", "threshold", "bad", "GPU memory used is at 98 % (threshold 95 %)"),
        ("cloud-1", "10.0.3.8", "node", "warn", "the node died"),
        ("local-3", "", "state", "bad", "is down: nothing listens there (connection refused)"),
    )
    log = EventLog(core.state)
    log.append(
        Event(at + number, cluster, node, cast("EventKind", kind), "state", cast("Level", level), message)
        for number, (cluster, node, kind, level, message) in enumerate(told)
    )
    core.events = _OnlyPast(log)


class _OnlyPast(EventFeed):
    """Tells what was kept, and nothing of what is seen from now on."""

    def observe(self, snapshot: ClusterSnapshot) -> None:
        """Leave it."""


def fill_history(core: Core) -> None:
    """Give every cluster and node a past of five minutes, so that trends have something to show."""
    core.fleet.history = CpuHistory()
    for number, snapshot in enumerate(core.fleet.snapshots):
        for at_s in range(-295, 1, 5):
            swing = 1 + 0.45 * math.sin(at_s / 43 + number)
            nodes = tuple(_at(node, core.clock() + at_s, swing) for node in snapshot.nodes)
            core.fleet.history.record(msgspec.structs.replace(snapshot, nodes=nodes))


def _at(node: Node, sampled_at: float, swing: float) -> Node:
    value = min(100.0, (node.value("cpu_percent") or 0.0) * swing)
    return msgspec.structs.replace(
        node, samples={**node.samples, "cpu_percent": Sample(value, sampled_at, "dashboard")}
    )
