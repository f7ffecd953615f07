"""Calling a route of a cluster through its own reach: what may be called, with which headers and body, and again.

A header's value may be a reference, ``env:NAME`` or ``file:PATH``: what it leads to is sent and never shown or kept.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from http import HTTPStatus
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

import msgspec

from console.clients.http import Call, Reply
from console.errors import NotFoundError, RaydeckError, UsageError
from console.model.cluster import ClusterSpec
from console.services.core import Core

REPEAT_MOST = 100  # calls
REPEAT_MOST_S = 60.0
ANSWER_MOST_BYTES = 16 * 1024**2
CALL_TIMEOUT_S = 30.0
_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+\Z")
_SECRET = re.compile(r"auth|token|secret|key|cookie|password|credential", re.IGNORECASE)
_EVERYWHERE = {"0.0.0.0", "127.0.0.1", "localhost", "::", "::1"}  # noqa: S104 -- compared, not bound


class RouteCall(msgspec.Struct, frozen=True):
    """What is to be called. ``headers`` are as they were given: references stay references until they are sent."""

    method: str
    route: str
    data: str = ""
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def shown_headers(self) -> tuple[tuple[str, str], ...]:
        """Return the headers as they may be shown: references as they are, the value of a secret's name never."""
        return tuple((name, "…" if _is_bare_secret(name, value) else value) for name, value in self.headers)

    def __repr__(self) -> str:
        """Leave headers and body out."""
        return f"RouteCall({self.method} {self.route})"


class Called(msgspec.Struct, frozen=True):
    """One of several calls: its status and seconds, or why there was no answer."""

    http_status: int | None
    seconds: float
    trouble: str = ""

    @property
    def good(self) -> bool:
        """Return whether it was answered, and not by an error."""
        return self.http_status is not None and self.http_status < HTTPStatus.BAD_REQUEST


def route_of(spec: ClusterSpec, text: str) -> str:
    """Return the route that a route or URL names on a cluster; raise UsageError for an address that is not its own.

    A job's log tells the address that its cluster sees (``http://0.0.0.0:8350/``): the route of that is meant.
    """
    if spec.serve is None:
        raise NotFoundError(spec.name, "has no serve address", "set `serve` for it in clusters.toml")
    if text.startswith("/"):
        return text
    own, given = urlsplit(spec.serve), _split(text)
    here = (given.scheme, given.hostname, _port(given)) == (own.scheme, own.hostname, _port(own))
    inside = given.hostname in _EVERYWHERE and _port(given) in {_port(own), spec.serve_port}
    if given.scheme not in {"http", "https"} or not (here or inside):
        raise UsageError(
            text[:200], f"is no route of {spec.name}", f"a route begins with /, an address with {spec.serve}"
        )
    return (given.path or "/") + (f"?{given.query}" if given.query else "")


def _split(text: str) -> SplitResult:
    try:
        found = urlsplit(text)
        found.port  # noqa: B018 -- raises for a port that is none
    except ValueError as error:
        raise UsageError(text[:200], f"is no address: {error}") from error
    return found


def _port(address: SplitResult) -> int:
    return address.port or (443 if address.scheme == "https" else 80)


def header_of(text: str) -> tuple[str, str]:
    """Return name and value of ``NAME=VALUE``; raise UsageError, which does not repeat the value."""
    name, equals, value = text.partition("=")
    name = name.strip()
    if not equals or not _NAME.match(name):
        raise UsageError("--header", f"expected NAME=VALUE, got {name[:60]!r}" if equals else "expected NAME=VALUE")
    return name, value


def checked_data(text: str) -> str:
    """Return a body that is JSON, or empty; raise UsageError."""
    if text.strip():
        try:
            msgspec.json.decode(text.encode())
        except (msgspec.DecodeError, UnicodeError) as error:
            raise UsageError("--data", f"is not JSON: {error}") from error
    return text.strip()


def resolved(headers: tuple[tuple[str, str], ...], environ: Mapping[str, str]) -> dict[str, str]:
    """Return the headers with what their references lead to; raise UsageError that names the reference alone."""
    return {name: _sendable(name, _resolved(name, value, environ)) for name, value in headers}


def _resolved(name: str, value: str, environ: Mapping[str, str]) -> str:
    kind, _, where = value.partition(":")
    if kind == "env":
        if where not in environ:
            raise UsageError(f"--header {name}", f"the environment has no {where}")
        return environ[where]
    if kind == "file":
        try:
            return Path(where).expanduser().read_text(encoding="utf-8").strip()
        except (OSError, UnicodeError) as error:
            raise UsageError(f"--header {name}", f"{where} cannot be read") from error
    return value


def _sendable(name: str, value: str) -> str:
    if not value.isascii() or not value.isprintable():
        raise UsageError(f"--header {name}", "its value holds what no header may hold")
    return value


def _is_bare_secret(name: str, value: str) -> bool:
    return bool(_SECRET.search(name)) and not value.startswith(("env:", "file:"))


async def call_route(core: Core, cluster: str, wanted: RouteCall) -> Reply:
    """Call once. Raise ReadOnlyError for anything but GET in read-only mode, UsageError, or a SourceError."""
    if wanted.method != "GET":
        core.refuse_if_read_only(f"call {wanted.method}")
    spec = core.fleet.dashboard(cluster).spec
    headers = resolved(wanted.headers, core.options.environ)
    content = checked_data(wanted.data).encode() or None
    if content is not None:
        headers.setdefault("Content-Type", "application/json")
    call = Call(wanted.method, route_of(spec, wanted.route), {}, content, headers)
    async with core.serving(cluster, CALL_TIMEOUT_S) as serve:
        if serve is None:
            raise NotFoundError(cluster, "has no serve address", "set `serve` for it in clusters.toml")
        return await serve.call(call, most_bytes=ANSWER_MOST_BYTES)


async def repeat_call(
    core: Core,
    cluster: str,
    wanted: RouteCall,
    *,
    pause_s: float = 0.1,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> AsyncIterator[tuple[Called, Reply | None]]:
    """Call again and again, one after the other, for at most REPEAT_MOST calls and REPEAT_MOST_S seconds."""
    give_up_at = clock() + REPEAT_MOST_S
    for _ in range(REPEAT_MOST):
        began_at = clock()
        if began_at >= give_up_at:
            return
        try:
            reply = await call_route(core, cluster, wanted)
            yield Called(reply.http_status, reply.seconds), reply
        except UsageError:
            raise
        except RaydeckError as error:
            yield Called(None, clock() - began_at, error.what), None
        await sleep(pause_s)
