"""The HTTP session under prometheus-api-client: one deadline and a bound for a whole answer, errors in our own words.

The library's own errors are an exception's repr and an HTTP body, its JSON decoder holds the interpreter for 50 ms and
more. So all of that is decided here, where the answer arrives.
"""

from __future__ import annotations

import errno
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import msgspec
import requests
import urllib3

from console.errors import AuthError, ReplyError, SlowError, SourceError, UnreachableError

MAX_REPLY_BYTES = 32 * 1024 * 1024
_CHUNK = 256 * 1024
_LONGEST_URL = 4000  # what is longer goes into the body of a POST; gateways refuse long addresses
_SHOWN_CHARACTERS = 200
_WORDS = {
    errno.ECONNREFUSED: ("nothing listens there (connection refused)", "is Prometheus, or the way to it, up?"),
    errno.ENETUNREACH: ("the network is unreachable", "is this machine online?"),
    errno.EHOSTUNREACH: ("the host is unreachable", "is that machine on, and the address right?"),
    errno.ECONNRESET: ("the connection was reset", "something in between answers for a server that does not"),
}


class _Answer(msgspec.Struct):
    status: str
    data: Any = None
    error: str = ""
    warnings: tuple[str, ...] = ()


_DECODER = msgspec.json.Decoder(_Answer)


class PrometheusSession(requests.Session):
    """What PrometheusConnect is given. ``where`` names the server in errors.

    After an answer, ``warnings`` are what Prometheus says is missing from it, ``received_bytes`` and ``sent_bytes`` its
    size on the wire as HTTP has it: first lines, headers, bodies compressed as they travel; not what TCP and TLS add.
    """

    def __init__(self, where: str, timeout_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self.where = where
        self.timeout_s = timeout_s
        self.trust_env = False  # neither a proxy nor a .netrc that would replace our token
        self.warnings: tuple[str, ...] = ()
        self.received_bytes = 0
        self.sent_bytes = 0
        self._clock = clock

    def request(self, method: str, url: str | bytes, **options: Any) -> requests.Response:  # type: ignore[override]
        """Send a request and read its whole answer within the deadline; raise a SourceError for what is no answer."""
        params = options.get("params") or {}
        if sum(map(len, map(str, params.values()))) > _LONGEST_URL:
            method, options["params"], options["data"] = "POST", None, params
        deadline = self._clock() + self.timeout_s
        options |= {"timeout": self.timeout_s, "stream": True, "allow_redirects": False}
        try:
            response = super().request(method, url, **options)
            with response:
                self._read(response, deadline)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise self._explained(error) from error
        self._understand(response)
        return response

    def _read(self, response: requests.Response, deadline: float) -> None:
        chunks, size = [], 0
        # read1 returns what is there; iter_content would wait for a whole chunk, past any deadline.
        while chunk := response.raw.read1(_CHUNK, decode_content=True):
            size += len(chunk)
            chunks.append(chunk)
            if size > MAX_REPLY_BYTES:
                raise SourceError(self.where, f"the answer is larger than {MAX_REPLY_BYTES // 1024**2} MiB")
            if self._clock() > deadline:
                raise SlowError(self.where, f"the answer was not whole within {self.timeout_s:g} s")
        self.sent_bytes, self.received_bytes = _sent_bytes(response.request), _received_bytes(response)
        response._content = b"".join(chunks)  # noqa: SLF001 -- requests has no other way to read with a deadline

    def _understand(self, response: requests.Response) -> None:
        answer = _decoded(response.content)
        if response.status_code != HTTPStatus.OK:
            raise self._refusal(response, answer)
        if answer is None or answer.status != "success":
            kind = response.headers.get("content-type", "no type").partition(";")[0]
            raise SourceError(self.where, f"what answers is not Prometheus ({kind})", "is the url that of a login?")
        self.warnings = answer.warnings
        whole = {"data": answer.data}
        response.json = lambda **_: whole  # type: ignore[method-assign]

    def _refusal(self, response: requests.Response, answer: _Answer | None) -> SourceError:
        status = response.status_code
        if status == HTTPStatus.UNAUTHORIZED:
            return AuthError(self.where, "wants a token and got none, or another", "set bearer_token_file")
        if status == HTTPStatus.FORBIDDEN:
            return AuthError(self.where, "refuses our token", "is bearer_token_file that of this server?")
        if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
            return ReplyError(self.where, f"HTTP {status}: leads elsewhere", "give the url that it leads to",
                              http_status=status)  # fmt: skip
        said = answer.error if answer and answer.error else _text(response)
        return ReplyError(self.where, f"HTTP {status}" + (f": {said}" if said else ""), http_status=status)

    def _explained(self, error: BaseException) -> SourceError:
        if isinstance(error, requests.Timeout | urllib3.exceptions.TimeoutError | TimeoutError):
            return SlowError(self.where, f"no answer within {self.timeout_s:g} s")
        for cause in _causes(error):
            if isinstance(cause, TimeoutError | urllib3.exceptions.ReadTimeoutError):
                return SlowError(self.where, f"no answer within {self.timeout_s:g} s")
            if isinstance(cause, ssl.SSLError):
                return UnreachableError(self.where, *_tls_words(cause))
            if isinstance(cause, socket.gaierror):
                return UnreachableError(self.where, "the name does not resolve", "is it in /etc/hosts or DNS?")
            if isinstance(cause, OSError) and cause.errno in _WORDS:
                return UnreachableError(self.where, *_WORDS[cause.errno])
        return UnreachableError(self.where, "the connection was closed before the answer was whole")


def _decoded(content: bytes) -> _Answer | None:
    try:
        return _DECODER.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _sent_bytes(request: requests.PreparedRequest) -> int:
    host = urlsplit(request.url or "").netloc  # http.client adds it by itself
    first = len(f"{request.method} {request.path_url} HTTP/1.1\r\nHost: {host}\r\n")
    return first + _headers_bytes(request.headers) + int(request.headers.get("Content-Length") or 0)


def _received_bytes(response: requests.Response) -> int:
    first = len(f"HTTP/1.1 {response.status_code} {response.reason}\r\n")
    return first + _headers_bytes(response.headers) + int(response.raw.tell())


def _headers_bytes(headers: Mapping[str, str | bytes]) -> int:
    return sum(len(name) + len(value) + len(": \r\n") for name, value in headers.items()) + len("\r\n")


def _text(response: requests.Response) -> str:
    """Return what a proxy says in its error, not the source of a web page."""
    if "html" in response.headers.get("content-type", ""):
        return ""
    return " ".join(response.content.decode("utf-8", "replace").split())[:_SHOWN_CHARACTERS]


def _tls_words(error: ssl.SSLError) -> tuple[str, str]:
    """Return what is wrong with a TLS connection, and what to do."""
    if isinstance(error, ssl.SSLCertVerificationError):
        said = f"its certificate is not believed: {error.verify_message}"
        return said, "set ca_file to the authority that signed it"
    return f"TLS failed: {error.reason or 'no reason given'}", "set ca_file, or is it not https?"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Walk what is behind an exception; urllib3 keeps it in ``reason`` and in the arguments."""
    seen: set[int] = set()
    queue: list[object] = [error]
    while queue:
        current = queue.pop(0)
        if not isinstance(current, BaseException) or id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        queue += [current.__cause__, current.__context__, getattr(current, "reason", None), *current.args]
