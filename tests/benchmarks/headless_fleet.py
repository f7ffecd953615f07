"""The headless half over a fleet, in a process of its own so that its CPU and memory are its own; prints one JSON line.

``python -m tests.benchmarks.headless_fleet SECONDS CLUSTERS FLEET_URL PROMETHEUS_URL``
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import time

import psutil

from console.clients.dashboard import DashboardClient
from console.clients.prometheus import PrometheusClient
from console.config import PrometheusServer
from console.model.cluster import ClusterSpec
from console.services.fleet import Fleet
from console.services.metrics_watch import MetricsWatch
from console.services.server_watch import ServerWatch

REFRESH_S = 2.0
WARM_S = 6.0


class Measured:
    """What one run found out; a refresh is timed until the rows of all clusters were made from it."""

    def __init__(self) -> None:
        self.refreshes_s: list[float] = []
        self.sent: list[int] = []
        self.received: list[int] = []
        self.queries: list[int] = []
        self.began = 0.0

    def install(self, watch: ServerWatch) -> None:
        """Time each refresh of a server from its first query on."""
        refresh = watch.refresh

        async def timed(on_screen: frozenset[str]) -> None:
            self.began = time.perf_counter()
            await refresh(on_screen)
            self.sent.append(watch.sent_bytes)
            self.received.append(watch.received_bytes)
            self.queries.append(watch.queries)

        watch.refresh = timed  # type: ignore[method-assign,assignment]


async def peer_ms(watch: ServerWatch) -> float:
    """Return what the plainest aggregation of the same series costs, the best of three."""
    costs = []
    for _ in range(3):
        began = time.perf_counter()
        await watch.client.instant('sum by (__name__,job)({__name__=~"ray_node_.*"})')
        costs.append(1000 * (time.perf_counter() - began))
    return min(costs)


async def main(seconds: float, clusters: int, fleet_url: str, prometheus_url: str) -> None:
    measured = Measured()
    server = PrometheusServer("bench", prometheus_url)
    metrics = MetricsWatch(lambda _: server, lambda found: PrometheusClient(found, lambda: None))
    fleet = Fleet(lambda spec: DashboardClient(spec, None), refresh_s=REFRESH_S, metrics=metrics)
    names = [f"bench-{n:02d}" for n in range(clusters)]
    await fleet.take_over(
        ClusterSpec(
            name=name, kind="local", dashboard=f"{fleet_url}/{n}", prometheus="bench", series={"job": name}
        )
        for n, name in enumerate(names)
    )  # fmt: skip
    watch = metrics.watch_of(names[0])
    assert watch is not None
    measured.install(watch)
    rows: set[str] = set()

    async def follow(name: str) -> None:
        async for snapshot in fleet.watch(name):
            if snapshot.figures and measured.began:
                rows.add(name)
                if len(rows) == clusters:
                    measured.refreshes_s.append(time.perf_counter() - measured.began)
                    measured.began = 0.0
                    rows.clear()

    tasks = [asyncio.create_task(follow(name)) for name in names]
    await asyncio.sleep(WARM_S)
    measured.refreshes_s.clear()
    process, began, cpu = psutil.Process(), time.monotonic(), time.process_time()
    overview = slice(len(measured.sent), None)
    await asyncio.sleep(seconds)
    wall, cpu = time.monotonic() - began, time.process_time() - cpu
    only_overview = measured.sent[overview], measured.received[overview]
    fleet.look_at(names[3])
    await asyncio.sleep(3 * REFRESH_S)
    found = {
        "peer_ms": await peer_ms(watch),
        "cpu_percent": 100 * cpu / wall,
        "rss_mb": process.memory_info().rss / 1e6,
        "refresh_ms": 1000 * statistics.median(measured.refreshes_s),
        "refresh_ms_most": 1000 * max(measured.refreshes_s),
        "refreshes": len(measured.refreshes_s),
        "queries_most": max(measured.queries),
        "overview_sent": statistics.median(only_overview[0]),
        "overview_received": statistics.median(only_overview[1]),
        "overview_most": max(map(sum, zip(*only_overview, strict=True))),
        "on_screen_bytes": measured.sent[-1] + measured.received[-1] - sum(map(statistics.median, only_overview)),
        "targets_bytes": watch.client.targets_bytes,
        "nodes_on_screen": len(watch.view(names[3]).nodes),
        "up": sum(snapshot.state == "up" for snapshot in fleet.snapshots),
        "faults": sorted({fault.message for snapshot in fleet.snapshots for fault in snapshot.faults}),
    }
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await fleet.close()
    print(json.dumps(found))


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]))
