"""The figures of Serve mode from a real Prometheus that scrapes pages of both ages of Ray."""

import asyncio
import time
from contextlib import ExitStack

import pytest

from console.clients.dashboard import DashboardClient
from console.clients.prometheus import PrometheusClient
from console.config import PrometheusServer
from console.model.cluster import ClusterSpec
from console.services.fleet import Fleet
from console.services.metrics_watch import MetricsWatch
from console.services.serve_figures import serve_figures
from tests.fakes.prometheus import Exporter
from tests.fakes.real_prometheus import RealPrometheus, Scrape

pytestmark = pytest.mark.live

LABELS = 'application="requests",deployment="Model",replica="a",route="/"'


def page(number, total):
    """What a node agent exports after ``number`` scrapes: ten requests a scrape, half of them slower than 10 ms."""
    count = number * 10
    return "\n".join([
        f"ray_serve_deployment_request_counter{total}{{{LABELS}}} {count}",
        *([f"ray_serve_deployment_error_counter{total}{{{LABELS}}} {number}"] if not total else []),
        f'ray_serve_deployment_processing_latency_ms_bucket{{{LABELS},le="10.0"}} {count // 2}',
        f'ray_serve_deployment_processing_latency_ms_bucket{{{LABELS},le="100.0"}} {count}',
        f'ray_serve_deployment_processing_latency_ms_bucket{{{LABELS},le="+Inf"}} {count}',
        "",
    ])  # fmt: skip


def is_told(figures):
    """Whether two scrapes saw different pages: from the same ones come rates of nothing."""
    one = figures.get(("requests", "Model"))
    return one is not None and one.requests_per_s


def spec(name):
    series = {"job": f"{name}-head"}
    return ClusterSpec(name=name, kind="local", dashboard="http://127.0.0.1:1", prometheus="oss", series=series)


def figures(server, *names):
    async def work():
        metrics = MetricsWatch(
            lambda _: PrometheusServer("oss", server.url), lambda found: PrometheusClient(found, lambda: None)
        )
        fleet = Fleet(lambda one: DashboardClient(one, None, timeout_s=2), refresh_s=0.5, metrics=metrics)
        await fleet.take_over([spec(name) for name in names])
        try:
            return {name: await serve_figures(fleet, name) for name in names}
        finally:
            await fleet.close()

    return asyncio.run(work())


def test_requests_errors_and_latency_under_the_names_of_old_and_new_rays(program, tmp_path):
    binary = program("prometheus", "prometheus")
    with ExitStack() as stack:
        exporter = stack.enter_context(Exporter().running())
        pages = {"/old": "", "/new": "_total"}
        exporter.pages = {path: page(1, total) for path, total in pages.items()}
        scrapes = [Scrape(f"{path[1:]}-head", exporter.address, path) for path in pages]
        server = stack.enter_context(RealPrometheus(binary, tmp_path / "prometheus", scrapes))
        give_up_at, found, number = time.monotonic() + 60, {}, 1
        while not found or not all(map(is_told, found.values())):
            assert time.monotonic() < give_up_at, found
            number += 1
            exporter.pages = {path: page(number, total) for path, total in pages.items()}
            time.sleep(0.5)
            found = figures(server, "old", "new", "none")
            assert found.pop("none") == {}
    for name, errors in (("old", True), ("new", False)):
        one = found[name]["requests", "Model"]
        assert one.requests_per_s > 0
        assert (one.errors_per_s > 0) is errors  # without a counter of errors there was none: 0, not unknown
        assert 0 < one.p50_ms <= 10
        assert 10 < one.p95_ms <= 100
