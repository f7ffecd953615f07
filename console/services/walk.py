"""The walk to one service: hop by hop along its way, each with its own deadline, as far as the first that is broken.

What comes out are steps: what was asked, what came back, the failure. What a failure means is decided elsewhere.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from http import HTTPStatus

import msgspec
from msgspec import Struct

from console.clients.names import Names, is_address
from console.clients.questions import Answer, Place, get, greet
from console.clients.wire import Limits, exchange_bytes
from console.model.check import CheckedService, ProbeName
from console.model.cluster import Identity
from console.model.failure import Failure
from console.services.paths import Asking, Endpoint, Way

ROUND_S = 3.0  # for all hops together
NAME_S, CONNECT_S, ANSWER_S = 1.0, 2.0, 2.5
_SSH_PORT, _SSH_PORT_S = 22, 0.8
_QUESTIONS: Mapping[Asking, str] = {"dashboard": "/api/version", "serve": "/-/healthz", "metrics": "/favicon.ico"}
_CONNECTING: Mapping[Way, ProbeName] = {
    "direct": "listener",
    "gateway": "gateway",
    "vm": "listener",
    "forward": "listener",
}
_JUDGING: Mapping[Asking, ProbeName] = {
    "dashboard": "ray",
    "serve": "serve",
    "metrics": "metrics",
    "client": "client-version",
}
_NOBODY: Mapping[Asking, Failure] = {"serve": Failure.NO_PROXY, "metrics": Failure.NO_AGENT}
_UNREACHED = frozenset({Failure.TIMED_OUT, Failure.NO_HOST, Failure.NO_NETWORK})
_DETAILS: Mapping[Failure, str] = {
    Failure.REFUSED: "nothing listens there (connection refused)",
    Failure.TIMED_OUT: "no connection in time",
    Failure.NO_NETWORK: "the network is unreachable",
    Failure.NO_HOST: "the host is unreachable",
    Failure.TLS: "TLS failed",
    Failure.CLOSED: "accepts, and closed the connection without an answer",
    Failure.STRANGE: "what comes back is not what was asked for",
    Failure.UNRESOLVED: "the name does not resolve",
}


class Step(Struct, frozen=True, kw_only=True):
    """One hop as it was found; ``failure`` None is well. ``words`` fill in what its remedy says."""

    probe: ProbeName
    service: CheckedService | None
    hop: str
    failure: Failure | None = None
    latency_ms: float | None = None
    detail: str = ""
    sent: str = ""
    received: str = ""
    words: Mapping[str, str] = {}


class Version(Struct, frozen=True):
    """What ``/api/version`` says of itself."""

    ray_version: str
    session_name: str = ""


class Walked(Struct, frozen=True):
    """The steps in order; ``identity`` and the clock (Unix seconds: the head's, ours) where the dashboard answered."""

    steps: tuple[Step, ...]
    place: Place | None = None
    identity: Identity | None = None
    clocks: tuple[float, float] | None = None

    @property
    def failure(self) -> Step | None:
        """Return the step that broke, None while all is well."""
        return next((step for step in self.steps if step.failure is not None), None)


async def walk(endpoint: Endpoint, names: Names, token: str | None, clock: Callable[[], float]) -> Walked:
    """Walk to one service within 3 s. Whatever goes wrong is a failure: a walk never raises, and so never ends."""
    try:
        return await _walked(endpoint, names, token, clock)
    except Exception as error:  # odd bytes from outside found something that nobody foresaw
        return Walked((_own_error(endpoint, error),))


def _own_error(endpoint: Endpoint, error: Exception) -> Step:
    detail = f"raydeck could not read what came: {type(error).__name__}: {error}"[:200]
    return Step(probe="bytes", service=endpoint.service, hop=endpoint.where, failure=Failure.OWN_ERROR, detail=detail)


async def _walked(endpoint: Endpoint, names: Names, token: str | None, clock: Callable[[], float]) -> Walked:
    ends_at = asyncio.get_running_loop().time() + ROUND_S
    address, steps = await _resolved(endpoint, names)
    if isinstance(address, Failure):
        return Walked(steps)
    answer = await _answer(endpoint, address, token, ends_at)
    # The Date header was written between the connect and the last byte, and was cut to whole seconds.
    asked_at = clock() - (answer.exchanged.total_ms - answer.exchanged.connect_ms) / 2000
    if not answer.exchanged.connected:
        return Walked((*steps, await _unconnected(endpoint, address, answer, ends_at)))
    steps = (*steps, *_connected(endpoint, address[0], answer))
    came = _came_through(endpoint, answer)
    steps = (*steps, *came)
    if came[-1].failure is not None:
        return Walked(steps)
    judged, identity = _judged(endpoint, answer)
    clocks = (answer.date + 0.5, asked_at) if answer.date is not None and identity is not None else None
    return Walked((*steps, judged), _place(endpoint, address[0]), identity, clocks)


async def _resolved(endpoint: Endpoint, names: Names) -> tuple[tuple[str, ...] | Failure, tuple[Step, ...]]:
    host = endpoint.host or ""
    if is_address(host):
        return (host,), ()
    loop = asyncio.get_running_loop()
    began = loop.time()
    found = await names.addresses(host, NAME_S)
    took_ms = (loop.time() - began) * 1000
    failed = isinstance(found, Failure)
    step = Step(
        probe="name",
        service=endpoint.service,
        hop=host,
        failure=found if isinstance(found, Failure) else None,
        latency_ms=None if failed else took_ms,
        detail=_DETAILS[found] if isinstance(found, Failure) else f"{host} is {found[0]}",
        sent=f"addresses of {host}",
        received="" if isinstance(found, Failure) else ", ".join(found[:4]),
    )
    return found, (step,)


async def _answer(endpoint: Endpoint, addresses: tuple[str, ...], token: str | None, ends_at: float) -> Answer:
    """Ask at the addresses in their order, the next one only where nothing accepts."""
    loop = asyncio.get_running_loop()
    kept_s = _SSH_PORT_S if endpoint.way == "gateway" else 0.0  # to knock at another port where this one is silent
    for address in addresses:
        left_s = max(0.1, ends_at - loop.time())
        place = _place(endpoint, address)
        limits = Limits(max(0.1, min(CONNECT_S, left_s - kept_s)), ANSWER_S, within_s=left_s)
        if endpoint.asking == "client":
            answer = await greet(place, limits)
        else:
            secret = token if endpoint.asking == "dashboard" else None
            answer = await get(place, _QUESTIONS[endpoint.asking], limits, secret)
        if answer.exchanged.connected or loop.time() > ends_at - 0.2:
            break
    return answer


def _place(endpoint: Endpoint, address: str) -> Place:
    tls_name = endpoint.host if endpoint.is_tls else None
    return Place(address, endpoint.port, endpoint.host_header, endpoint.prefix, tls_name)


async def _unconnected(endpoint: Endpoint, addresses: tuple[str, ...], answer: Answer, ends_at: float) -> Step:
    failure = answer.failure or Failure.CLOSED
    probe = _CONNECTING[endpoint.way]
    if endpoint.way == "vm" and failure in _UNREACHED:
        probe = "vm"
    if endpoint.way == "vm" and failure is Failure.REFUSED:
        failure = Failure.NO_LISTENER
    if endpoint.way == "forward" and failure is Failure.REFUSED:
        failure = Failure.DOWN
    if endpoint.way == "direct" and failure is Failure.REFUSED:
        failure = _NOBODY.get(endpoint.asking, failure)
    detail = _detail(answer.failure or Failure.CLOSED, answer)
    if endpoint.way == "gateway" and failure is Failure.TIMED_OUT and await _is_dropped(addresses[0], ends_at):
        failure, detail = Failure.TIMED_OUT_TOO, f"{detail}, on port {_SSH_PORT} neither"
    if failure in {Failure.CLOSED, Failure.SILENT, Failure.UNRESOLVED}:
        probe, failure = "bytes", Failure.CLOSED
    return _step(endpoint, probe, addresses[0], answer, failure=failure, detail=detail)


async def _is_dropped(address: str, ends_at: float) -> bool:
    """Return whether the same machine's ssh port drops packets, too."""
    left_s = max(0.1, min(_SSH_PORT_S, ends_at - asyncio.get_running_loop().time()))
    found = await exchange_bytes(address, _SSH_PORT, b"", lambda _: True, Limits(left_s, 0.0))
    return not found.connected and found.failure is Failure.TIMED_OUT


def _connected(endpoint: Endpoint, address: str, answer: Answer) -> tuple[Step, ...]:
    ms = answer.exchanged.connect_ms
    says = ", istio-envoy" if answer.is_envoy else ""
    if endpoint.way == "vm":
        vm = _step(endpoint, "vm", address, answer, detail="accepts connections", ms=ms)
        steps = (msgspec.structs.replace(vm, service=None, hop=address), vm)
        return (steps[0], msgspec.structs.replace(steps[1], probe="listener", detail="listens"))
    if endpoint.way == "gateway":
        return (_step(endpoint, "gateway", address, answer, detail=f"{address}:{endpoint.port} accepts{says}", ms=ms),)
    here = "the forward is open here" if endpoint.way == "forward" else "listens"
    return (_step(endpoint, "listener", address, answer, detail=here, ms=ms),)


def _came_through(endpoint: Endpoint, answer: Answer) -> tuple[Step, ...]:
    """Return ``route`` behind a gateway, and ``bytes``."""
    ms = answer.exchanged.total_ms
    if endpoint.way != "gateway":
        broken = None if answer.failure is Failure.STRANGE else answer.failure
        detail = "come through" if broken is None else _detail(broken, answer)
        return (_step(endpoint, "bytes", "", answer, failure=broken, detail=detail, ms=ms),)
    failure: Failure | None = answer.failure or _envoy_failure(answer)
    if failure is not None:
        detail = _detail(failure, answer) or f"the gateway answers {answer.http_status}"
        if failure is Failure.HTTP_ERROR:
            detail = f"{answer.http_status}, and not from istio-envoy"
        return (_step(endpoint, "route", "", answer, failure=failure, detail=detail, ms=ms),)
    routed = _step(endpoint, "route", "", answer, detail=f"answers {answer.http_status}", ms=ms)
    return routed, msgspec.structs.replace(routed, probe="bytes", detail="come through")


def _detail(failure: Failure, answer: Answer) -> str:
    """Return what was found in words, with how long it was waited for; empty where the failure has none."""
    exchanged = answer.exchanged
    if failure is Failure.TIMED_OUT:
        return f"no connection within {exchanged.connect_ms / 1000:.1f} s"
    if failure is Failure.SILENT:
        return f"accepts, and no answer within {(exchanged.total_ms - exchanged.connect_ms) / 1000:.1f} s"
    return _DETAILS.get(failure, "")


def _envoy_failure(answer: Answer) -> Failure | None:
    """Tell the gateway's own errors from those of what is behind it: Ray writes what it answers, Envoy a line."""
    status = answer.http_status
    if not answer.is_envoy:
        return Failure.HTTP_ERROR if status in {404, 502, 503, 504} else None
    if status == HTTPStatus.NOT_FOUND and not answer.body:
        return Failure.NO_ROUTE
    return Failure.NO_ENDPOINT if status in {502, 503, 504} else None


def _judged(endpoint: Endpoint, answer: Answer) -> tuple[Step, Identity | None]:
    """Return whether what answered is what was looked for, and who it is."""
    probe = _JUDGING[endpoint.asking]
    if answer.failure is Failure.STRANGE:
        return _step(endpoint, probe, "", answer, failure=Failure.STRANGE, detail=_DETAILS[Failure.STRANGE]), None
    if endpoint.asking == "dashboard":
        return _dashboard(endpoint, answer)
    if endpoint.asking == "client":
        return _step(endpoint, probe, "", answer, detail="Ray client answers"), None
    if answer.http_status == HTTPStatus.OK:
        words = {"serve": "Serve answers", "metrics": "the metrics agent answers"}[endpoint.asking]
        return _step(endpoint, probe, "", answer, detail=words), None
    return _step(endpoint, probe, "", answer, failure=Failure.HTTP_ERROR, detail=answer.received), None


def _dashboard(endpoint: Endpoint, answer: Answer) -> tuple[Step, Identity | None]:
    status = answer.http_status or 0
    failure: Failure | None = None
    detail = ""
    if status == HTTPStatus.UNAUTHORIZED:
        failure, detail = Failure.NO_TOKEN, "wants a token and got none"
    elif status == HTTPStatus.FORBIDDEN:
        failure, detail = Failure.WRONG_TOKEN, "refuses our token"
    elif status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        failure, detail = Failure.HTTP_ERROR, answer.received
    if failure is not None:
        return _step(endpoint, "ray", "", answer, failure=failure, detail=detail), None
    try:
        found = msgspec.json.decode(answer.body, type=Version)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return _step(endpoint, "ray", "", answer, failure=Failure.NOT_RAY, detail=answer.received), None
    identity = Identity(found.ray_version, found.session_name)
    return _step(endpoint, "ray", "", answer, detail=f"Ray {found.ray_version}"), identity


def _step(
    endpoint: Endpoint,
    probe: ProbeName,
    address: str,
    answer: Answer,
    *,
    failure: Failure | None = None,
    detail: str = "",
    ms: float | None = None,
) -> Step:
    return Step(
        probe=probe,
        service=None if probe == "vm" else endpoint.service,
        hop=endpoint.where,
        failure=failure,
        latency_ms=None if failure is not None else ms if ms is not None else answer.exchanged.total_ms,
        detail=detail,
        sent=answer.sent,
        received=answer.received if answer.exchanged.connected else "",
        words={"address": address} if address else {},
    )
