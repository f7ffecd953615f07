"""A small real HTTP server with recorded dashboard replies, for failures that a real head cannot be made to show."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from email.utils import formatdate
from pathlib import Path
from typing import Any

from aiohttp import web

REPLIES = Path(__file__).parent.parent / "replies" / "2.60.0"


def recorded(name: str) -> Any:
    """Return a recorded reply as JSON values, free to be changed."""
    return json.loads((REPLIES / f"{name}.json").read_text())


class FakeDashboard:
    """Answers like a head; ``trouble`` says how it fails: hang, html, error, close, unauthorized, forbidden."""

    def __init__(self) -> None:
        self.trouble = ""
        self.error_body = "boom \x1b[31m[@click=app.quit]x[/]"
        self.clock: Callable[[], float] | None = None
        self.replies = {
            "/api/version": recorded("version"),
            "/nodes": recorded("nodes"),
            "/api/cluster_status": recorded("cluster_status"),
            "/api/jobs/": recorded("jobs"),
            "/api/serve/applications/": recorded("serve_applications"),
        }
        self.raw: dict[str, bytes] = {}  # bodies that are made already
        self.asked: list[str] = []
        self.changing: list[str] = []  # what was asked that is no mere question
        self.tokens: list[str | None] = []
        self.in_flight = 0
        self.reached = asyncio.Event()
        self.most_in_flight = 0
        self.url = ""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.path)
        if request.method not in {"GET", "HEAD"}:
            self.changing.append(f"{request.method} {request.path}")
        self.tokens.append(request.headers.get("Authorization"))
        self.in_flight += 1
        self.reached.set()
        self.most_in_flight = max(self.in_flight, self.most_in_flight)
        try:
            response = await self._answer(request)
            if self.clock is not None and not response.prepared:
                response.headers["Date"] = formatdate(self.clock(), usegmt=True)
            return response
        finally:
            self.in_flight -= 1

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        if self.trouble == "hang":
            await asyncio.sleep(60)
        if self.trouble == "close":
            assert request.transport is not None
            request.transport.close()
        troubled = {
            "html": web.Response(text="<html>login</html>", content_type="text/html"),
            "error": web.Response(status=500, text=self.error_body),
            "unauthorized": web.Response(status=401, text="Unauthorized: Missing authentication token"),
            "forbidden": web.Response(status=403, text="Forbidden: Invalid authentication token"),
        }
        if self.trouble in troubled:
            return troubled[self.trouble]
        if request.path.startswith("/api/jobs/") and len(request.path) > len("/api/jobs/"):
            return self._job(request.path.removeprefix("/api/jobs/"))
        if request.path in self.raw:
            return web.Response(body=self.raw[request.path], content_type="application/json")
        reply = self.replies.get(request.path)
        return web.json_response(reply) if reply is not None else web.Response(status=404, text="not found")

    def _job(self, job_id: str) -> web.Response:
        found = next((job for job in self.replies["/api/jobs/"] if job["submission_id"] == job_id), None)
        missing = web.Response(status=404, text=f"Job {job_id} does not exist")
        return web.json_response(found) if found else missing


@asynccontextmanager
async def fake_dashboard(port: int = 0) -> AsyncIterator[FakeDashboard]:
    """Run one on a free port of 127.0.0.1."""
    fake = FakeDashboard()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", fake.answer)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port)
    await site.start()
    fake.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield fake
    finally:
        await runner.cleanup()
