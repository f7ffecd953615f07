"""One connection to one port, as a probe needs it: connect, send a few bytes, take what comes back, all timed.

An exception is turned into a Failure by its type and errno, along the whole chain behind it. A TCP connect alone proves
nothing: the near end of a forward accepts whatever is behind it.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from collections.abc import Callable

from msgspec import Struct

from console.clients.http import chain
from console.model.failure import Failure

MOST_BYTES = 1024 * 1024
_BY_ERRNO = {
    errno.ECONNREFUSED: Failure.REFUSED,
    errno.ENETUNREACH: Failure.NO_NETWORK,
    errno.ENETDOWN: Failure.NO_NETWORK,
    errno.EADDRNOTAVAIL: Failure.NO_NETWORK,
    errno.EHOSTUNREACH: Failure.NO_HOST,
    errno.EHOSTDOWN: Failure.NO_HOST,
    errno.ETIMEDOUT: Failure.TIMED_OUT,
    errno.ECONNRESET: Failure.CLOSED,
    errno.ECONNABORTED: Failure.CLOSED,
    errno.EPIPE: Failure.CLOSED,
    errno.EPERM: Failure.NO_NETWORK,  # a firewall of this machine
}


class Limits(Struct, frozen=True):
    """How long a connect and an answer may take, in seconds, and how much is taken; ``within_s`` bounds both times."""

    connect_s: float
    answer_s: float
    within_s: float | None = None
    most_bytes: int = MOST_BYTES


class Exchanged(Struct, frozen=True):
    """What a connection gave: the failure or None, whether it was accepted first, times in ms, and the bytes."""

    failure: Failure | None
    connected: bool
    connect_ms: float
    total_ms: float
    received: bytes = b""


def failure_of(error: BaseException) -> Failure:
    """Return what an exception of a connection means, by type and errno of all that is behind it."""
    causes = list(chain(error))
    for cause in causes:
        if isinstance(cause, ssl.SSLError):
            return Failure.TLS
        if isinstance(cause, socket.gaierror):
            return Failure.UNRESOLVED
    for cause in causes:
        if isinstance(cause, OSError) and cause.errno in _BY_ERRNO:
            return _BY_ERRNO[cause.errno]
    if any(isinstance(cause, TimeoutError) for cause in causes):
        return Failure.TIMED_OUT
    return Failure.CLOSED


class _Taking(asyncio.Protocol):
    """Keeps what comes until ``is_enough``; ``done`` becomes the failure, or None."""

    def __init__(self, is_enough: Callable[[bytearray], bool], most_bytes: int) -> None:
        self._is_enough, self._most_bytes = is_enough, most_bytes
        self.received = bytearray()
        self.done: asyncio.Future[Failure | None] = asyncio.get_running_loop().create_future()

    def data_received(self, data: bytes) -> None:
        self.received += data
        if len(self.received) > self._most_bytes or self._is_enough(self.received):
            self._finish(None)

    def eof_received(self) -> None:
        self._finish(None if self.received else Failure.CLOSED)

    def connection_lost(self, exc: Exception | None) -> None:
        self._finish(None if self.received else failure_of(exc) if exc else Failure.CLOSED)

    def _finish(self, failure: Failure | None) -> None:
        if not self.done.done():
            self.done.set_result(failure)


async def exchange_bytes(
    address: str,
    port: int,
    sent: bytes,
    is_enough: Callable[[bytearray], bool],
    limits: Limits,
    *,
    tls: tuple[ssl.SSLContext, str] | None = None,
) -> Exchanged:
    """Connect, send, and take the answer until it is enough; a timeout after the connect is SILENT."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    context, name = tls if tls is not None else (None, None)
    try:
        async with asyncio.timeout(limits.connect_s):
            transport, taking = await loop.create_connection(
                lambda: _Taking(is_enough, limits.most_bytes), address, port, ssl=context, server_hostname=name
            )
    except (OSError, TimeoutError) as error:
        took_ms = (loop.time() - began) * 1000
        return Exchanged(failure_of(error), False, took_ms, took_ms)
    connect_ms = (loop.time() - began) * 1000
    left_s = limits.answer_s if limits.within_s is None else limits.within_s - connect_ms / 1000
    try:
        transport.write(sent)
        async with asyncio.timeout(max(0.0, min(limits.answer_s, left_s))):
            failure = await taking.done
    except TimeoutError:
        # A few bytes that end nowhere are a strange answer, none at all is silence.
        failure = None if taking.received else Failure.SILENT
    finally:
        transport.abort()
    return Exchanged(failure, True, connect_ms, (loop.time() - began) * 1000, bytes(taking.received))
