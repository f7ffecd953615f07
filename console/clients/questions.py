"""What a probe asks on a connection, one question a protocol, and how its answer is read.

HTTP for dashboard, Serve and the metrics agents; a greeting of HTTP/2 for Ray client, which is gRPC. Whatever comes
back is data: bounded, and shown only after it passed the one gate for text from outside.
"""

from __future__ import annotations

import io
import ssl
from functools import cache

from msgspec import Struct

from console.clients.wire import Exchanged, Limits, exchange_bytes
from console.model.failure import Failure

_GREETING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(3) + b"\x04" + bytes(5)  # and an empty SETTINGS frame
_FRAME_HEAD, _SETTINGS = 9, 4
_SHOWN = 80
_LENGTH_DIGITS = 18  # of a Content-Length that a machine could hold
_ENVOY = "istio-envoy"


class Place(Struct, frozen=True):
    """Where to connect, and how HTTP names it: ``host_header`` as a browser would send it, ``prefix`` of the URL."""

    address: str
    port: int
    host_header: str = ""
    prefix: str = ""
    tls_name: str | None = None


class Answer(Struct, frozen=True):
    """What came back; ``http_status`` is None where no HTTP came. ``failure`` is why nothing usable did."""

    failure: Failure | None
    exchanged: Exchanged
    sent: str
    received: str = ""
    http_status: int | None = None
    is_envoy: bool = False
    date: float | None = None
    body: bytes = b""


@cache
def tls_context() -> ssl.SSLContext:
    """Return the context of all probes: certificates are always verified."""
    return ssl.create_default_context()


async def get(place: Place, path: str, limits: Limits, token: str | None = None) -> Answer:
    """Ask for a path by HTTP; any HTTP status is an answer, bytes that are no HTTP are STRANGE."""
    line = f"GET {place.prefix}{path} HTTP/1.1"
    said = f"{line}\r\nHost: {place.host_header}\r\nUser-Agent: raydeck\r\nAccept: */*\r\nConnection: close\r\n"
    secret = f"Authorization: Bearer {token}\r\n" if token else ""
    tls = (tls_context(), place.tls_name) if place.tls_name is not None else None
    exchanged = await exchange_bytes(
        place.address,
        place.port,
        f"{said}{secret}\r\n".encode("latin-1", "replace"),
        _is_whole,
        limits,
        tls=tls,
    )
    sent = f"GET {place.prefix}{path}, Host {place.host_header}"
    if exchanged.failure is not None:
        return Answer(exchanged.failure, exchanged, sent)
    return _read(exchanged, sent)


async def greet(place: Place, limits: Limits) -> Answer:
    """Greet gRPC; it answers with its SETTINGS, and anything else is STRANGE."""
    exchanged = await exchange_bytes(
        place.address,
        place.port,
        _GREETING,
        lambda received: len(received) >= _FRAME_HEAD,
        limits,
    )
    sent = "the greeting of HTTP/2"
    if exchanged.failure is not None:
        return Answer(exchanged.failure, exchanged, sent)
    head = exchanged.received[:_FRAME_HEAD]
    if len(head) == _FRAME_HEAD and head[3] == _SETTINGS:
        return Answer(None, exchanged, sent, "SETTINGS of gRPC")
    return Answer(Failure.STRANGE, exchanged, sent, _shown(exchanged.received))


def _is_whole(received: bytearray) -> bool:
    """Return whether an answer is complete; it is asked after each piece, so a long body is not copied."""
    ends_at = received.find(b"\r\n\r\n")
    if ends_at < 0:
        return not received.startswith(b"HTTP/"[: len(received)])
    fields = bytes(received[:ends_at]).lower()
    _, found, length = fields.partition(b"\r\ncontent-length:")
    if found:
        number = length.split(b"\r\n", 1)[0].strip()
        if not number.isdigit() or len(number) > _LENGTH_DIGITS:
            return True  # no length that anything could have
        return len(received) - ends_at - 4 >= int(number)
    return b"\r\ntransfer-encoding: chunked" in fields and received.endswith(b"0\r\n\r\n")


class _Heard(io.BytesIO):
    """Stands for the socket that http.client reads an answer from."""

    def makefile(self, *_: object) -> io.BytesIO:
        return self


def _read(exchanged: Exchanged, sent: str) -> Answer:
    import http.client  # noqa: PLC0415 -- 5 ms, which the first painted screen need not wait for

    response = http.client.HTTPResponse(_Heard(exchanged.received))  # type: ignore[arg-type] # it only calls makefile
    try:
        response.begin()
        body = response.read()
    except (http.client.HTTPException, ValueError, OverflowError, OSError):
        return Answer(Failure.STRANGE, exchanged, sent, _shown(exchanged.received))
    server = response.getheader("server", "")
    shown = f"HTTP {response.status}"
    if body and response.status != http.client.OK:
        shown += f": {_shown(body)}"
    shown += f" ({server[:_SHOWN]})" if server else ""
    return Answer(
        None,
        exchanged,
        sent,
        shown,
        response.status,
        server.startswith(_ENVOY),
        _unix(response.getheader("date")),
        body,
    )


def _unix(date: str | None) -> float | None:
    from email.utils import parsedate_to_datetime  # noqa: PLC0415 -- see _read

    try:
        return None if date is None else parsedate_to_datetime(date).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def _shown(received: bytes) -> str:
    return " ".join(received[:_SHOWN].decode("utf-8", "replace").split())
