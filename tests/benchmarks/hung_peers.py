"""Eight clusters on one Prometheus, alone and then beside a hung dashboard and a hung Prometheus; prints one JSON line.

``python -m tests.benchmarks.hung_peers``. A row's delay is from the moment its dashboard answered, or was due to be
asked, to the snapshot; all servers are in threads of this process, so the figures hold what they cost, too.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from itertools import pairwise

import prometheus_api_client.prometheus_connect  # noqa: F401 -- its import would count into the first refresh

from console.clients.dashboard import DashboardClient
from console.clients.prometheus import PrometheusClient
from console.config import PrometheusServer
from console.model.cluster import ClusterSpec
from console.services.fleet import Fleet
from console.services.metrics_watch import MetricsWatch
from tests.benchmarks.scenes import fakes
from tests.fakes.dashboard import FakeDashboard
from tests.fakes.figure_prometheus import FigurePrometheus, ScrapedNode

REFRESH_S, DEADLINE_S, SPAN_S = 1.0, 3.0, 20.0
GOOD = 8


class Rows:
    """When each cluster's poll began, and how long after that its snapshot came."""

    def __init__(self) -> None:
        self.delays_ms: list[float] = []
        self.told_at: dict[str, float] = {}
        self.recovered_at: dict[str, float] = {}
        self.in_flight: Counter[str] = Counter()
        self.in_flight_most = 0

    async def follow(self, fleet: Fleet, name: str) -> None:
        polled = fleet.poller(name)
        began = 0.0
        ask: Callable[[], object] = polled.poll

        async def timed() -> object:
            nonlocal began
            began = time.perf_counter()
            self.in_flight[name] += 1
            self.in_flight_most = max(self.in_flight_most, self.in_flight[name])
            try:
                return await ask()  # type: ignore[misc]
            finally:
                self.in_flight[name] -= 1

        polled.poll = timed  # type: ignore[method-assign,assignment]
        seen = 0.0
        async for snapshot in fleet.watch(name):
            now = time.perf_counter()
            if began != seen and snapshot.answered_at is not None and name.startswith("good"):
                seen = began
                self.delays_ms.append(1000 * (now - began))
            for fault in snapshot.faults:
                self.told_at.setdefault(f"{name} {fault.source}", now)
            if not snapshot.faults and self.told_at.get(f"{name} dashboard"):
                self.recovered_at.setdefault(name, now)


def servers(stack: ExitStack) -> tuple[dict[str, FakeDashboard], dict[str, FigurePrometheus]]:
    """Start a dashboard a cluster, one that will hang, and two Prometheus servers."""
    heads = stack.enter_context(fakes(GOOD + 2))
    names = [*(f"good-{n}" for n in range(GOOD)), "hung", "beside"]
    oss, other = (FigurePrometheus(time.time, *(ScrapedNode(name, "192.0.2.2") for name in names)) for _ in range(2))
    for server in (oss, other):
        stack.enter_context(server.running())
    return dict(zip(names, heads, strict=True)), {"oss": oss, "other": other}


def fleet_of(
    heads: dict[str, FakeDashboard], prometheus: dict[str, FigurePrometheus]
) -> tuple[Fleet, list[ClusterSpec]]:
    metrics = MetricsWatch(
        lambda spec: PrometheusServer(spec.prometheus, prometheus[spec.prometheus].url) if spec.prometheus else None,
        lambda server: PrometheusClient(server, lambda: None, timeout_s=DEADLINE_S),
    )
    fleet = Fleet(lambda spec: DashboardClient(spec, None, timeout_s=DEADLINE_S), refresh_s=REFRESH_S, metrics=metrics)
    specs = [
        ClusterSpec(name=name, kind="local", dashboard=head.url, series={"job": name},
                    prometheus="other" if name == "beside" else "oss")
        for name, head in heads.items()
    ]  # fmt: skip
    return fleet, specs


async def main() -> None:
    with ExitStack() as stack:
        heads, prometheus = servers(stack)
        fleet, specs = fleet_of(heads, prometheus)
        rows = Rows()
        await fleet.take_over(specs)
        tasks = [asyncio.create_task(rows.follow(fleet, spec.name)) for spec in specs]
        await asyncio.sleep(3)
        rows.delays_ms.clear()
        await asyncio.sleep(SPAN_S)
        alone, rows.delays_ms = rows.delays_ms, []
        asked_before = len(heads["hung"].asked)
        heads["hung"].trouble = prometheus["other"].trouble = "hang"
        began, asked, server_asked = time.perf_counter(), list[float](), len(prometheus["other"].asked)
        server_at = 0.0
        while time.perf_counter() - began < SPAN_S:
            await asyncio.sleep(0.005)
            if not server_at and len(prometheus["other"].asked) > server_asked:
                server_at = time.perf_counter()
            asked += [time.perf_counter()] * (len(heads["hung"].asked) - asked_before - len(asked))
        beside = rows.delays_ms
        heads["hung"].trouble = ""
        before = len(heads["hung"].asked)
        good_at = await until(lambda: len(heads["hung"].asked) > before)  # which it answers at once
        await until(lambda: "hung" in rows.recovered_at)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await fleet.close()
    print(
        json.dumps(
            {
                "alone_ms": statistics.median(alone), "alone_most_ms": max(alone),
                "beside_ms": statistics.median(beside), "beside_most_ms": max(beside),
                "dashboard_told_s": rows.told_at["hung dashboard"] - asked[0],
                "server_told_s": rows.told_at["beside prometheus"] - server_at,
                "rests_s": [after - before - DEADLINE_S for before, after in pairwise(asked)],
                "in_flight_most": rows.in_flight_most,
                "recovered_ms": 1000 * (rows.recovered_at["hung"] - good_at),
                "deadline_s": DEADLINE_S, "refresh_s": REFRESH_S,
            }
        )
    )  # fmt: skip


async def until(condition: Callable[[], bool]) -> float:
    """Return when a condition became true."""
    give_up_at = time.perf_counter() + 40
    while not condition():
        assert time.perf_counter() < give_up_at
        await asyncio.sleep(0.002)
    return time.perf_counter()


if __name__ == "__main__":
    asyncio.run(main())
