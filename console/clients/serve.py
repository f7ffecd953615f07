"""Serve's routes, as the cluster's own ``serve`` address reaches them. Ray's token is not Serve's, and never sent."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING

import msgspec

from console.clients.http import MAX_REPLY_BYTES, Call, Reply, exchange, http_client, status_error
from console.errors import NotFoundError, NotRayError
from console.model.cluster import ClusterSpec

if TYPE_CHECKING:
    import httpx


class About(msgspec.Struct, frozen=True):
    """Who serves: ``GET /about`` of a bundled job."""

    submission_id: str


class ServeClient:
    """One cluster's Serve address."""

    def __init__(
        self, spec: ClusterSpec, *, timeout_s: float = 10.0, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        if spec.serve is None:
            raise NotFoundError(spec.name, "has no serve address", "set `serve` for it in clusters.toml")
        self._where = f"{spec.name} serve"
        self._timeout_s = timeout_s
        self._http = http_client(spec.serve, None, transport)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def call(self, call: Call, *, most_bytes: int = MAX_REPLY_BYTES, received: bytearray | None = None) -> Reply:
        """Send any request; every HTTP status is an answer. ``received`` gets the body as it comes."""
        return await exchange(
            self._http, call, where=self._where, timeout_s=self._timeout_s, most_bytes=most_bytes, received=received
        )

    async def get(self, route: str) -> bytes:
        """GET a route; raise a SourceError for anything but 200."""
        return (await self.page(route)).body

    async def page(
        self, route: str, params: Mapping[str, str | int] | None = None, received: bytearray | None = None
    ) -> Reply:
        """GET a route, or a page of what it answers; raise a SourceError for anything but 200."""
        reply = await self.call(Call("GET", route, params or {}), received=received)
        if reply.http_status != HTTPStatus.OK:
            raise status_error(self._where, reply)
        return reply

    async def about(self, route: str) -> About:
        """Ask a bundled job's application whose it is."""
        body = await self.get(route)
        try:
            return msgspec.json.decode(body, type=About)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise NotRayError(self._where, f"{route} does not say whose application this is") from error
