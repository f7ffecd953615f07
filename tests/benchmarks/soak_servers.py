"""What a soak runs against: dashboards and a Prometheus of a small fleet with churn, on a clock that runs fast.

``python -m tests.benchmarks.soak_servers EPOCH SPEED`` prints both addresses and serves until it is ended.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler

from aiohttp import web

from tests.benchmarks.fleet_server import FleetServer
from tests.benchmarks.synthetic_fleet import SyntheticFleet
from tests.fakes.figure_prometheus import FigurePrometheus, Labelled, ScrapedNode

CLUSTERS, NODES, GPUS = 1, 2, 1


def fast_clock(epoch: float, speed: float) -> Callable[[], float]:
    """Return a clock that runs ``speed`` times as fast as ours since ``epoch``."""
    return lambda: epoch + (time.time() - epoch) * speed


class ForgetfulPrometheus(FigurePrometheus):
    """Keeps no record of what it was asked: a soak asks often. It tells the sessions that the dashboards have."""

    def __init__(self, now: Callable[[], float], fleet: SyntheticFleet) -> None:
        super().__init__(now)
        self.fleet = fleet

    def take(self, request: BaseHTTPRequestHandler, query: str) -> None:
        fleet = self.fleet
        self.nodes = [
            ScrapedNode(fleet.name(c), fleet.ip(c, n), head=n == 0, cpu=fleet.cpu_percent(c, n),
                        gpus=((float(fleet.gpu_percent(c, n, 0)), float(fleet.gram_used_mib(c, n, 0)), 9000.0),))
            for c in range(CLUSTERS) for n in fleet.present(c)
        ]  # fmt: skip
        super().take(request, query)
        for record in (self.asked, self.methods, self.headers):
            record.clear()

    def _overview(self) -> Iterator[Labelled]:
        yield from super()._overview()
        for cluster in range(CLUSTERS):
            yield {"job": self.fleet.name(cluster), "k": "session", "SessionName": self.fleet.session(cluster)}, "1"


async def main(epoch: float, speed: float) -> None:
    clock = fast_clock(epoch, speed)
    fleet = SyntheticFleet(CLUSTERS, NODES, GPUS)
    server = FleetServer(fleet, clock)
    application = web.Application()
    application.router.add_get(r"/{cluster:\d+}/{path:.*}", server.answer)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    with ForgetfulPrometheus(clock, fleet).running() as prometheus:
        print(f"http://127.0.0.1:{runner.addresses[0][1]} {prometheus.url}", flush=True)
        while True:
            await asyncio.sleep(2.0 / speed)
            fleet.tick += 1
            if fleet.tick % 20 == 0:
                fleet.churn()


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1]), float(sys.argv[2])))
