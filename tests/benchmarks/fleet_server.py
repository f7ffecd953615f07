"""Serves a synthetic fleet from a process of its own: exporters for a real Prometheus, and a dashboard a cluster.

``python -m tests.benchmarks.fleet_server CLUSTERS NODES GPUS [churn]`` prints its port and serves until it is ended;
cluster N is under ``/N``. Figures move every two seconds, as Ray's do; with ``churn`` nodes come and go, heads restart.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable

from aiohttp import web

from tests.benchmarks.synthetic_fleet import SyntheticFleet

TICK_S = 2.0
NOT_FOUND = web.HTTPNotFound


class FleetServer:
    """The replies of all clusters, made once a tick."""

    def __init__(self, fleet: SyntheticFleet, clock: Callable[[], float] = time.time) -> None:
        self.fleet, self.clock = fleet, clock
        self._made: dict[tuple[int, str], tuple[int, bytes]] = {}

    async def answer(self, request: web.Request) -> web.Response:
        cluster, path = int(request.match_info["cluster"]), request.match_info["path"]
        known = self._made.get((cluster, path))
        if known is None or known[0] != self.fleet.tick:
            known = self._made[cluster, path] = (self.fleet.tick, self._reply(cluster, path))
        kind = "text/plain" if path == "metrics" else "application/json"
        return web.Response(body=known[1], content_type=kind)

    def _reply(self, cluster: int, path: str) -> bytes:
        if path == "metrics":
            return self.fleet.page(cluster).encode()
        replies = {
            "api/version": lambda: self.fleet.version(cluster),
            "nodes": lambda: self.fleet.summary(cluster, self.clock()),
            "api/cluster_status": lambda: {"data": {"clusterStatus": {"loadMetricsReport": {"usage": {}}}}},
            "api/jobs/": list,
        }
        if path not in replies:
            raise NOT_FOUND
        return json.dumps(replies[path]()).encode()

    async def tick(self, *, churn: bool) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            self.fleet.tick += 1
            if churn:
                self.fleet.churn()


async def main(clusters: int, nodes: int, gpus: int, *, churn: bool) -> None:
    server = FleetServer(SyntheticFleet(clusters, nodes, gpus))
    application = web.Application()
    application.router.add_get(r"/{cluster:\d+}/{path:.*}", server.answer)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)
    await server.tick(churn=churn)


if __name__ == "__main__":
    asyncio.run(main(*map(int, sys.argv[1:4]), churn="churn" in sys.argv[4:]))
