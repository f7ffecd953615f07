"""The metrics ports of clusters without a tunnel: named by the head, and due where they surely have to answer."""

import asyncio
import time

from console.config import Config, Kubernetes
from console.model.check import Outcome
from console.model.cluster import ClusterSpec
from console.services.core import Core, Options
from console.services.head_facts import MetricsPort
from console.services.own_metrics import OwnMetrics, is_own_address
from console.services.paths import path_of
from tests.fakes.head import fake_head, node_reply, nodes_reply

HEAD, WORKER = MetricsPort("metrics-head", "172.29.0.15", 8500), MetricsPort("metrics-worker", "172.29.0.16", 8501)


NOW = 1_795_384_800.0


def metrics_of(**keys):
    spec = ClusterSpec(name="a", kind="local", **({"dashboard": "http://127.0.0.1:8265"} | keys))
    return OwnMetrics(path_of(spec, Config(kubernetes=Kubernetes())), lambda: NOW)


def places(endpoints):
    return [(endpoint.service, endpoint.where) for endpoint in endpoints]


def test_a_containers_ports_are_asked_where_it_publishes_them_and_due_once_they_answered():
    metrics = metrics_of()
    metrics.take((HEAD, WORKER))
    found = dict(places(metrics.endpoints))
    assert found == {"metrics-head": "127.0.0.1:8500", "metrics-worker": "127.0.0.1:8501"}
    assert metrics.due == ()
    metrics.note_answer(next(one for one in metrics.endpoints if one.service == "metrics-worker"))
    assert places(metrics.due) == [("metrics-worker", "127.0.0.1:8501")]
    metrics.take((HEAD,))
    assert (places(metrics.endpoints), metrics.due) == ([("metrics-head", "127.0.0.1:8500")], ())


def test_our_own_clusters_ports_have_to_answer_once_their_nodes_have_run_for_a_while():
    metrics = metrics_of(embedded=True)
    head = MetricsPort("metrics-head", "127.0.0.1", 9001, NOW - 30)
    metrics.take((head, MetricsPort("metrics-worker", "127.0.0.1", 9002, NOW - 29)))
    assert places(metrics.due) == [("metrics-head", "127.0.0.1:9001")]
    metrics.take((head, MetricsPort("metrics-worker", "127.0.0.1", 9002)))  # nobody knows since when
    assert places(metrics.due) == [("metrics-head", "127.0.0.1:9001")]


def test_one_worker_stands_for_them_all():
    metrics = metrics_of()
    metrics.take(MetricsPort("metrics-worker", "127.0.0.1", port) for port in (9003, 9002))
    assert places(metrics.endpoints) == [("metrics-worker", "127.0.0.1:9002")]


def test_behind_a_gateway_no_port_can_be_named_by_the_head():
    metrics = metrics_of(dashboard="http://ray.cloud.dash-1.oss:7001")
    assert not metrics.is_wanted
    metrics.take((HEAD,))
    assert metrics.endpoints == ()


def test_an_address_of_this_machine_is_told_from_others():
    assert is_own_address("127.0.0.1")
    assert not any(map(is_own_address, ("172.29.0.15", "203.0.113.7", "ray-head", "")))


async def answer(reader, writer):
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    await writer.drain()
    writer.close()


async def test_a_metrics_agent_is_asked_from_the_first_walk_on_and_named_when_it_has_gone(tmp_path):
    async with fake_head(time.time) as head:
        agent = await asyncio.start_server(answer, "127.0.0.1", 0)
        port = agent.sockets[0].getsockname()[1]
        head.replies["/nodes"] = nodes_reply(node_reply(time.time(), metricsExportPort=port))
        file = tmp_path / "clusters.toml"
        file.write_text(f'[[clusters]]\nname = "a"\nkind = "local"\ndashboard = "{head.url}"\n')
        core = Core(Options(file, False, {"XDG_STATE_HOME": str(tmp_path / "state")}, tmp_path))
        core.load()
        await core.begin()
        (whole,) = await core.check(["a"])
        agent.close()
        await agent.wait_closed()
        (broken,) = await core.check(["a"])
        await core.close()
    (asked,) = [check for check in whole.checks if check.probe == "metrics"]
    assert (asked.outcome, asked.sent.partition(",")[0], whole.total) == (Outcome.OK, "GET /favicon.ico", 2)
    assert (broken.first_broken, broken.broken.service) == ("listener", "metrics-head")
    assert broken.broken.cause == "the node's metrics agent is not running"
    assert broken.dark is None
