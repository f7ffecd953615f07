"""HTTP as all clients need it: one deadline for a whole exchange, a bound on its size, and errors in our own words.

httpx hides the errno and often the text of what went wrong, so the chain behind an exception is walked and decided
by type and errno, never by message. httpx is imported with the first client, so that a screen is painted before it.
"""

from __future__ import annotations

import asyncio
import errno
import importlib.util
import socket
import ssl
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING

from msgspec import Struct

from console.errors import AuthError, NotRayError, ReplyError, SlowError, SourceError, UnreachableError

if TYPE_CHECKING:
    import httpx

MAX_REPLY_BYTES = 64 * 1024 * 1024
_SHOWN_BODY_CHARACTERS = 200

_ERRNO_WORDS = {
    errno.ECONNREFUSED: ("nothing listens there (connection refused)", "is the head, or the tunnel to it, running?"),
    errno.ENETUNREACH: ("the network is unreachable", "is this machine online?"),
    errno.EHOSTUNREACH: ("the host is unreachable", "is that machine on, and the address right?"),
    errno.ECONNRESET: ("the connection was reset", "something in between answers for a target that does not"),
}


class Call(Struct, frozen=True):
    """One request: what it asks for and what it brings along."""

    method: str
    path: str
    params: Mapping[str, str | int] = {}
    content: bytes | None = None
    headers: Mapping[str, str] = {}


class Reply(Struct, frozen=True):
    """A whole answer: HTTP status, body, content type, the seconds it took, and its headers by lower-case names."""

    http_status: int
    body: bytes
    content_type: str
    seconds: float
    headers: Mapping[str, str] = {}


class Connections:
    """The one client of a server, made for the first question, so that a row stands before httpx is imported."""

    def __init__(self, base_url: str, token: str | None, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._asked_for = (base_url, token, transport)
        self._client: httpx.AsyncClient | None = None

    @property
    def client(self) -> httpx.AsyncClient:
        """Return the client."""
        if self._client is None:
            self._client = http_client(*self._asked_for)
        return self._client

    async def close(self) -> None:
        """Close what was opened."""
        if self._client is not None:
            await self._client.aclose()


def import_client() -> None:
    """Import what the first question needs, for a thread beside the running console: 60 ms of no key's time."""
    import httpx  # noqa: F401, PLC0415


def http_client(
    base_url: str, token: str | None, transport: httpx.AsyncBaseTransport | None = None
) -> httpx.AsyncClient:
    """Make the one client of a server. TLS is always verified; redirects are not followed, a token could leave."""
    import httpx  # noqa: PLC0415 -- see import_client

    _know_what_is_missing()
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return httpx.AsyncClient(
        base_url=base_url,
        headers=headers,
        transport=transport,
        timeout=None,  # noqa: S113 -- one deadline covers the whole exchange, see `exchange`
        verify=_tls(base_url),
        trust_env=False,
    )


def _know_what_is_missing() -> None:
    """Have Python remember that there is no sniffio: httpcore looks for it on disk anew, four times a request.

    That is a third of what a request costs, and at each look another thread may take the interpreter away.
    """
    if importlib.util.find_spec("sniffio") is None:
        sys.modules["sniffio"] = None  # type: ignore[assignment]  # Python's own mark for what cannot be imported


def _tls(base_url: str) -> ssl.SSLContext:
    """Return a context that verifies; loading the CA bundle costs 25-40 ms, which plain http need not pay."""
    if base_url.startswith("https:"):
        return ssl.create_default_context()
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


async def exchange(
    client: httpx.AsyncClient,
    call: Call,
    *,
    where: str,
    timeout_s: float,
    most_bytes: int = MAX_REPLY_BYTES,
    received: bytearray | None = None,
) -> Reply:
    """Send one request and read its whole answer within ``timeout_s``; any HTTP status is an answer.

    ``received`` is filled with the body as it comes, so that whoever wants it has the half that came before an error.
    """
    received = bytearray() if received is None else received
    started = asyncio.get_running_loop().time()
    with explained(where, timeout_s):
        request = client.build_request(
            call.method, call.path, params=call.params or None, content=call.content, headers=call.headers
        )
        async with asyncio.timeout(timeout_s):
            response = await client.send(request, stream=True)
            try:
                await _read_bounded(response, where, received, most_bytes)
            finally:
                await _close(response)
    seconds = asyncio.get_running_loop().time() - started
    kind = response.headers.get("content-type", "")
    return Reply(response.status_code, bytes(received), kind, seconds, dict(response.headers))


@asynccontextmanager
async def open_stream(
    client: httpx.AsyncClient, url: str, *, where: str, timeout_s: float, params: Mapping[str, str | int]
) -> AsyncIterator[AsyncIterator[bytes]]:
    """Open a GET whose body goes on; ``timeout_s`` bounds only the time until its headers have come."""
    with explained(where, timeout_s):
        request = client.build_request("GET", url, params=params)
        async with asyncio.timeout(timeout_s):
            response = await client.send(request, stream=True)
    try:
        if response.status_code != HTTPStatus.OK:
            with explained(where, timeout_s):
                async with asyncio.timeout(timeout_s):
                    body = bytearray()
                    await _read_bounded(response, where, body, MAX_REPLY_BYTES)
            raise status_error(where, Reply(response.status_code, bytes(body), "", 0.0))
        yield _chunks(response, where, timeout_s)
    finally:
        await _close(response)


async def _close(response: httpx.Response) -> None:
    """Give the connection back, and let go of the stream, which holds the response: only garbage collection would."""
    await response.aclose()
    del response.stream


async def _chunks(response: httpx.Response, where: str, timeout_s: float) -> AsyncIterator[bytes]:
    with explained(where, timeout_s):
        async for chunk in response.aiter_bytes():
            yield chunk


async def _read_bounded(response: httpx.Response, where: str, received: bytearray, most_bytes: int) -> None:
    async for chunk in response.aiter_bytes():
        received += chunk
        if len(received) > most_bytes:
            raise NotRayError(where, f"the answer is larger than {most_bytes // 1024**2} MiB")


def status_error(where: str, reply: Reply) -> SourceError:
    """Turn an HTTP error into ours; the server's own words are kept, cut short."""
    said = " ".join(reply.body.decode("utf-8", "replace").split())[:_SHOWN_BODY_CHARACTERS]
    if reply.http_status == HTTPStatus.UNAUTHORIZED:
        return AuthError(where, "wants a token and got none", "set auth_token_file in clusters.toml")
    if reply.http_status == HTTPStatus.FORBIDDEN:
        return AuthError(where, "refuses our token", "is auth_token_file that of this cluster?")
    return ReplyError(where, f"HTTP {reply.http_status}" + (f": {said}" if said else ""), http_status=reply.http_status)


class explained:  # noqa: N801 -- a context manager used like contextlib's, which are lower case too
    """Turn what httpx, asyncio and the system raise inside the block into a SourceError of ``where``."""

    def __init__(self, where: str, timeout_s: float) -> None:
        self.where = where
        self.timeout_s = timeout_s

    def __enter__(self) -> None:
        """Nothing is needed on the way in."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: object) -> None:
        import httpx  # noqa: PLC0415 -- see import_client

        if isinstance(error, TimeoutError | httpx.TimeoutException):
            raise SlowError(self.where, f"no answer within {self.timeout_s:g} s") from error
        if isinstance(error, httpx.InvalidURL):
            raise UnreachableError(self.where, f"not a usable address: {error}") from error
        if isinstance(error, httpx.HTTPError | OSError):
            raise UnreachableError(self.where, *_words(error)) from error
        if isinstance(error, RuntimeError):  # what httpx raises, as it is, where its client was closed meanwhile
            raise UnreachableError(self.where, "its connections were closed", "did clusters.toml change?") from error


def _words(error: BaseException) -> tuple[str, str]:
    import httpx  # noqa: PLC0415 -- see import_client

    causes = list(chain(error))
    for cause in causes:
        if isinstance(cause, ssl.SSLError):
            reason = cause.reason or "certificate not trusted"
            return f"TLS failed: {reason}", "is the address https, and its CA known here?"
        if isinstance(cause, socket.gaierror):
            return "the name does not resolve", "is it in /etc/hosts or DNS?"
    for cause in causes:
        if isinstance(cause, OSError) and cause.errno in _ERRNO_WORDS:
            return _ERRNO_WORDS[cause.errno]
    if isinstance(error, httpx.ConnectError):
        return "cannot connect", ""
    return "the connection was closed before the answer was whole", "the tunnel stands, what is behind it does not"


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """Walk causes, contexts and groups, the outermost first."""
    seen: set[int] = set()
    queue = [error]
    while queue:
        current = queue.pop(0)
        if current is None or id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        queue += [current.__cause__, current.__context__]
        if isinstance(current, BaseExceptionGroup):
            queue += current.exceptions
