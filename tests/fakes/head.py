"""A head that takes jobs: packages, submissions, stops and logs over the paths that Ray's own client uses.

Nothing runs: a test writes the log, ends the job and sets what Serve answers, on a port of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

from aiohttp import web

from tests.fakes.dashboard import FakeDashboard, recorded
from tests.fakes.log_dashboard import last_lines

_NUMBERS = count(1)
MIB, GIB = 1024**2, 1024**3


class FakeHead(FakeDashboard):
    """``now`` gives the times of jobs and samples in Unix seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        super().__init__()
        self.now = self.clock = now
        # No two heads have one session, or one of them would be taken for the other.
        self.replies["/api/version"]["session_name"] += f"_{next(_NUMBERS)}"
        self.packages: dict[str, bytes] = {}
        self.submissions: list[dict[str, Any]] = []
        self.stopped: list[str] = []
        self.logs: dict[str, bytes] = {}
        self.log_delay_s = 0.0
        self.served: dict[str, Any] = {}
        self.called: list[tuple[str, str, bytes, dict[str, str]]] = []
        self.refuses_submissions = False
        self.ignores_stops = False
        self.holds_submissions: asyncio.Event | None = None
        self.holding = asyncio.Event()
        self.took_submission = asyncio.Event()
        self.gateway_statuses: list[int] = []  # what a gateway in front answers to the next submissions and stops
        self.takes_behind_gateway: asyncio.Event | None = None  # when the head takes them; None: never
        self._late: list[asyncio.Task[None]] = []
        self.serve_url = ""
        self.replies["/api/jobs/"] = []
        del self.replies["/api/serve/applications/"]["http_options"]  # the recorded one's own port
        self.replies["/nodes"] = nodes_reply(node_reply(now()))
        self.has(free={"CPU": (0, 6), "memory": (0, 5.1 * GIB)})

    @property
    def jobs(self) -> list[dict[str, Any]]:
        return self.replies["/api/jobs/"]

    def has(self, *, free: dict[str, tuple[float, float]]) -> None:
        """Set used and total of the logical resources."""
        usage = self.replies["/api/cluster_status"]["data"]["clusterStatus"]["loadMetricsReport"]["usage"]
        usage.clear()
        usage.update(free)

    def add_job(self, job_id: str, status: str = "RUNNING", **fields: Any) -> dict[str, Any]:
        """Let the head know a job, the newest of all."""
        ended = status in {"SUCCEEDED", "FAILED", "STOPPED"}
        job = {
            "type": "SUBMISSION",
            "submission_id": job_id,
            "job_id": "01000000",
            "status": status,
            "entrypoint": "python parallel_processing.py '{}'",
            "message": "",
            "metadata": {"job_name": "parallel_processing", "raydeck_job": "parallel_processing"},
            "start_time": int((self.now() - 12) * 1000),
            "end_time": int((self.now() - 2) * 1000) if ended else None,
            "driver_node_id": "node-1",
        } | fields
        self.jobs.append(job)
        self.logs.setdefault(job_id, b"")
        return job

    def end(self, job_id: str, status: str, message: str = "") -> None:
        job = next(job for job in self.jobs if job["submission_id"] == job_id)
        job |= {"status": status, "message": message, "end_time": int(self.now() * 1000)}

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        path, method = request.path, request.method
        if self.trouble:
            return await super()._answer(request)
        if path.startswith("/api/packages/"):
            return await self._package(request)
        if path.startswith("/api/jobs/") and method == "POST":
            return await self._changed(request)
        if path == "/api/v0/logs/file":
            await asyncio.sleep(self.log_delay_s)
            return self._log(request)
        if path == "/api/v0/actors":
            return self._supervisor(request)
        return await super()._answer(request)

    async def _changed(self, request: web.Request) -> web.Response:
        """Answer a submission or a stop."""
        stops = request.path.endswith("/stop")
        asked = {} if stops else await request.json()
        take = (lambda: self._stop(request.path.split("/")[-2])) if stops else (lambda: self._submitted(asked))
        if self.gateway_statuses:
            return self._gateway(take)
        if not stops and self.holds_submissions is not None:
            self.holding.set()
            await self.holds_submissions.wait()
        return take()

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Answer as Serve's proxy, which knows of itself how it is."""
        self.called.append((request.method, request.path, await request.read(), dict(request.headers)))
        if request.path == "/-/healthz":
            return web.Response(text="success")
        found = self.served.get(request.path)
        return web.Response(status=404, text="Path not found") if found is None else web.json_response(found)

    async def _package(self, request: web.Request) -> web.Response:
        if request.method == "PUT":
            self.packages[request.path] = await request.read()
        return web.Response(status=200 if request.path in self.packages else 404)

    def _gateway(self, take: Callable[[], web.Response]) -> web.Response:
        """Answer in the place of a head that does what was asked, later."""

        async def later(taking: asyncio.Event) -> None:
            await taking.wait()
            take()

        if self.takes_behind_gateway is not None:
            self._late.append(asyncio.create_task(later(self.takes_behind_gateway)))
        return web.Response(status=self.gateway_statuses.pop(0), text="upstream request timeout")

    def _submitted(self, asked: dict[str, Any]) -> web.Response:
        if self.refuses_submissions:
            return web.Response(status=500, text="No available agent to submit job, please try again later.")
        if any(job["submission_id"] == asked["submission_id"] for job in self.jobs):
            return web.Response(status=400, text="Job with submission_id already exists.")
        self.submissions.append(asked)
        job_id = asked["submission_id"]
        kept = {name: asked[name] for name in ("entrypoint", "metadata", "runtime_env") if name in asked}
        self.add_job(job_id, **kept)
        self.took_submission.set()
        return web.json_response({"job_id": job_id, "submission_id": job_id})

    def _stop(self, job_id: str) -> web.Response:
        self.stopped.append(job_id)
        if not self.ignores_stops:
            self.end(job_id, "STOPPED")
        return web.json_response({"stopped": True})

    def _supervisor(self, request: web.Request) -> web.Response:
        """Answer as the state API of a job's supervisor; a job's ``reserved`` None is forgotten."""
        name = request.query["filter_values"]
        job = next((job for job in self.jobs if name.endswith(f"_{job['submission_id']}")), {"reserved": None})
        wanted = job.get("reserved", {})
        labels = {} if wanted else {"ray.io/node-id": "node-1"}
        actor = {"name": name, "required_resources": wanted, "label_selector": labels}
        return web.json_response({"data": {"result": {"result": [] if wanted is None else [actor]}}})

    def _log(self, request: web.Request) -> web.Response:
        log = self.logs.get(request.query["submission_id"])
        if log is None:
            return web.Response(status=500, text="A file is not found")
        return web.Response(body=last_lines(log, int(request.query["lines"])))


def nodes_reply(*nodes: dict[str, Any]) -> dict[str, Any]:
    """Return the body of ``/nodes?view=summary``."""
    return {"data": {"summary": list(nodes)}}


def node_reply(
    now: float,
    ip: str = "172.29.0.15",
    *,
    head: bool = True,
    cpu: float = 11.0,
    memory_gib: tuple[float, float] = (1.3, 4),
    gpus: tuple[tuple[float, float, float], ...] = (),
    **raylet: Any,
) -> dict[str, Any]:
    """Return a node as a head tells of it; ``gpus``: percent, used and total MiB of each."""
    node = recorded("nodes")["data"]["summary"][0]
    used, total = (round(gib * GIB) for gib in memory_gib)
    node |= {
        "now": now - 1,
        "ip": ip,
        "hostname": f"host-{ip}",
        "cpu": cpu,
        "cpus": [4, 4],
        "mem": [total, total - used, 0, used],
        "networkSpeed": [9 * 1024, 2 * 1024],
        "gpus": [
            {
                "index": n,
                "uuid": f"GPU-{ip}-{n}",
                "name": "NVIDIA H200",
                "utilizationGpu": busy,
                "memoryUsed": used_mib,
                "memoryTotal": total_mib,
            }
            for n, (busy, used_mib, total_mib) in enumerate(gpus)
        ],
    }
    node["disk"]["/"] = {"total": 100 * GIB, "used": 41 * GIB, "free": 59 * GIB, "percent": 41}
    node["raylet"] |= {"nodeId": f"node-{ip}", "nodeManagerAddress": ip, "isHeadNode": head, "metricsExportPort": 0}
    node["raylet"] |= raylet
    return node


@asynccontextmanager
async def fake_head(now: Callable[[], float], kind: type[FakeHead] = FakeHead) -> AsyncIterator[FakeHead]:
    """Run one on free ports of 127.0.0.1."""
    head = kind(now)
    async with _listening(head.answer) as head.url, _listening(head.serve) as head.serve_url:
        yield head


@asynccontextmanager
async def _listening(answer: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> AsyncIterator[str]:
    application = web.Application(client_max_size=64 * MIB)
    application.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
