"""What is served on a cluster: the dashboard's word, the routes that an application documents, Prometheus' figures."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from console.clients.http import Call
from console.clients.serve import ServeClient
from console.errors import RaydeckError, SourceError
from console.model.serve import Application, Route, ServeState
from console.services.core import Core
from console.services.serve_figures import serve_figures

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
_ROUTES_MOST = 100  # of one application
_OPENAPI_MOST_BYTES = 4 * 1024**2
_OPENAPI_TIMEOUT_S = 3.0


class _OpenApi(msgspec.Struct):
    paths: dict[str, dict[str, Any]] = {}


class ServeAsker:
    """Asks clusters what they serve, and remembers the routes of an application until it is deployed anew."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._routes: dict[tuple[str, str, float | None], tuple[Route, ...]] = {}

    async def ask(self, cluster: str) -> ServeState:
        """Return what a cluster serves; what could not be had is said in it."""
        spec = self._core.fleet.dashboard(cluster).spec
        try:
            status = await self._core.fleet.dashboard(cluster).serve_status()
        except SourceError as error:
            return ServeState(cluster, spec.serve, trouble=error.what)
        port = status.http_options.port if status.http_options else None
        (figures, figures_trouble), routes = await asyncio.gather(
            self._figures(cluster), self._all_routes(cluster, status.applications)
        )
        return ServeState(cluster, spec.serve, port, status.applications, routes, figures, "", figures_trouble)

    async def _figures(self, cluster: str) -> tuple[dict[Any, Any], str]:
        try:
            return await serve_figures(self._core.fleet, cluster), ""
        except SourceError as error:
            return {}, f"{error.where}: {error.what}"

    async def _all_routes(self, cluster: str, applications: dict[str, Application]) -> dict[str, tuple[Route, ...]]:
        wanted = {
            name: app for name, app in applications.items() if app.status == "RUNNING" and app.route_prefix is not None
        }
        if not wanted:
            return {}
        async with self._core.serving(cluster, _OPENAPI_TIMEOUT_S) as serve:
            return {name: await self._routes_of(cluster, name, app, serve) for name, app in wanted.items()}

    async def _routes_of(
        self, cluster: str, name: str, app: Application, serve: ServeClient | None
    ) -> tuple[Route, ...]:
        key = (cluster, name, app.last_deployed_time_s)
        if key not in self._routes:
            found = await _documented(app, serve)
            if found is None:
                return (Route("GET", app.route_prefix or "/"),)
            self._routes = {k: v for k, v in self._routes.items() if k[:2] != key[:2]} | {key: found}
        return self._routes[key]


async def _documented(app: Application, serve: ServeClient | None) -> tuple[Route, ...] | None:
    """Return the routes that an application built with FastAPI documents; None when they cannot be told now."""
    prefix = (app.route_prefix or "/").rstrip("/")
    if app.docs_path is None:
        return (Route("GET", prefix or "/"),)
    if serve is None:
        return None
    try:
        reply = await serve.call(Call("GET", f"{prefix}/openapi.json"), most_bytes=_OPENAPI_MOST_BYTES)
        paths = msgspec.json.decode(reply.body, type=_OpenApi).paths
    except (RaydeckError, msgspec.DecodeError, UnicodeDecodeError):
        return None
    routes = [
        Route(method.upper(), prefix + path)
        for path, methods in paths.items()
        for method in methods
        if method.upper() in METHODS
    ]
    return tuple(routes[:_ROUTES_MOST]) or None


async def ask_serve(core: Core, clusters: tuple[str, ...]) -> tuple[ServeState, ...]:
    """Ask these clusters once, all at the same time."""
    asker = ServeAsker(core)
    return tuple(await asyncio.gather(*(asker.ask(name) for name in clusters)))
