"""A small dashboard with one job whose log grows: the same paths, parameters and line rules as Ray's.

The rules were read in Ray 2.60: the last K lines count an unfinished line, ``lines=0`` means 1000, a log is sent in
chunks and ends with its end at the time of asking, one that is not there is an HTTP 500.
"""

from collections import Counter
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from console.clients.dashboard import DashboardClient
from console.model.cluster import ClusterSpec

JOB_ID = "raysubmit_1"


def last_lines(log: bytes, lines: int) -> bytes:
    """The end of ``log`` as Ray cuts it."""
    if lines == -1:
        return log
    at = len(log) - log.endswith(b"\n")
    for _ in range(lines or 1000):
        at = log.rfind(b"\n", 0, at)
        if at < 0:
            return log
    return log[at + 1 :]


class LogDashboard:
    """``async with LogDashboard() as head``; tests change its public attributes while it is asked."""

    def __init__(self) -> None:
        self.log: bytes | None = b""
        self.refuse: int | None = None
        self.refuse_log: int | None = None
        self.unknown_times = 0
        self.asked: Counter[str] = Counter()
        self.windows: list[int] = []
        self.job: dict[str, Any] = {
            "type": "SUBMISSION",
            "status": "RUNNING",
            "entrypoint": "python x.py",
            "submission_id": JOB_ID,
            "start_time": 1_760_000_000_000,
            "driver_node_id": "node",
        }
        self._runner: web.AppRunner | None = None
        self.port = 0

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.add_routes([web.get("/api/jobs/{id}", self._job), web.get("/api/v0/logs/file", self._file)])
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    def write(self, data: bytes) -> None:
        self.log = (self.log or b"") + data

    def end(self, status: str = "SUCCEEDED", message: str = "") -> None:
        self.job |= {"status": status, "message": message, "end_time": 1_760_000_100_000}

    def client(self, url: str | None = None, timeout_s: float = 5.0) -> DashboardClient:
        spec = ClusterSpec(name="here", kind="local", dashboard=url or f"http://127.0.0.1:{self.port}")
        return DashboardClient(spec, None, timeout_s=timeout_s)

    async def _job(self, request: web.Request) -> web.Response:
        self.asked["job"] += 1
        if self.refuse:
            return web.Response(status=self.refuse)
        self.unknown_times -= (unknown := self.unknown_times > 0)
        if unknown or request.match_info["id"] != JOB_ID:
            return web.Response(status=404, text=f"Job {request.match_info['id']} does not exist")
        return web.json_response(self.job)

    async def _file(self, request: web.Request) -> web.StreamResponse:
        self.asked["log"] += 1
        if refused := self.refuse or self.refuse_log:
            return web.Response(status=refused)
        if self.log is None:
            return web.Response(status=500, text="A file is not found")
        window = last_lines(self.log, int(request.query["lines"]))
        self.windows.append(len(window))
        response = web.StreamResponse()
        await response.prepare(request)
        for start in range(0, len(window), 65536):
            await response.write(window[start : start + 65536])
        await response.write_eof()
        return response
