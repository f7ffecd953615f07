"""What the walk has to know of a head beyond its name: its nodes and start, its Python, whether anything should serve.

Asked seldom: when another session answers, every minute, and for Serve when it does not answer.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterable, Iterator
from contextlib import suppress
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from console.clients.questions import Place, get
from console.clients.wire import Limits
from console.model.check import CheckedService

_EVERY_S, _APPLICATIONS_EVERY_S = 60.0, 10.0
_FIRST_S, _ASK_S = 1.5, 6.0
_NOT_SERVED = frozenset({"NOT_STARTED", "DEPLOYING", "DELETING"})  # the proxy may not run yet, or not any more
_LAST_PORT = 65535
_MOST_BYTES = 32 * 1024**2  # a node has some 13 kB in this answer, and a cluster up to 1000 of them
Decoded = TypeVar("Decoded")


class _Node(Struct):
    node_id: str = ""
    is_head_node: bool = False
    state: str = ""
    start_time_ms: float | None = None


class _Listed(Struct):
    result: list[_Node] = []


class _NodesData(Struct):
    result: _Listed


class _Nodes(Struct):
    data: _NodesData


class _Metadata(Struct, rename="camel"):
    python_version: str = ""


class _MetadataReply(Struct):
    data: _Metadata


class _Application(Struct):
    status: str = ""


class _Applications(Struct):
    applications: dict[str, _Application] = {}


class _Raylet(Struct, rename="camel", frozen=True):
    node_manager_address: str = ""
    metrics_export_port: int = 0
    start_time_ms: str | float = 0.0
    is_head_node: bool = False
    state: str = ""


class _Summarised(Struct):
    raylet: _Raylet = _Raylet()


class _Summary(Struct):
    summary: list[_Summarised] = []


class _SummaryReply(Struct):
    data: _Summary


class MetricsPort(Struct, frozen=True, order=True):
    """Where a node that is alive exports its metrics, as it sees itself; ``started_at`` in Unix seconds, 0: unknown."""

    service: CheckedService
    address: str
    port: int
    started_at: float = 0.0


class HeadFacts(Struct, frozen=True):
    """``started_at`` in Unix seconds; ``workers`` is None where the head does not list its nodes."""

    node_ids: tuple[str, ...] = ()
    started_at: float | None = None
    workers: int | None = None
    python: str = ""
    metrics: tuple[MetricsPort, ...] = ()


class HeadWatch:
    """The facts of one cluster's head. What is asked again is asked beside the walk, which does not wait for it.

    ``with_metrics``: nothing but the head says where the metrics of its nodes are.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, *, with_metrics: bool = False) -> None:
        self._clock, self._with_metrics = clock, with_metrics
        self._session = ""
        self._asked_at = self._applications_at = float("-inf")
        self._python = ""
        self._silent_since: float | None = None
        self._asking: dict[str, asyncio.Task[None]] = {}
        self.facts = HeadFacts()
        self.applications: int | None = None  # how many should be served; None: not known

    def knows(self, session: str) -> bool:
        """Return whether the facts are those of this session."""
        return session == self._session

    async def learn(self, place: Place, session: str, token: str | None) -> None:
        """Ask a head that is new who it is, and wait for it; a known one is asked again where that is due."""
        if session != self._session:
            self._session, self.facts, self._python = session, HeadFacts(), ""
            self.applications, self._applications_at = None, float("-inf")
            await self._learn(place, token, _FIRST_S)
        elif self._clock() - self._asked_at >= _EVERY_S:
            self._beside("nodes", self._learn(place, token, _ASK_S))

    def ask_nodes_soon(self, place: Place, token: str | None) -> None:
        """Ask for the nodes where the last answer is older than 10 s: a worker may have come."""
        if self._clock() - self._asked_at >= _APPLICATIONS_EVERY_S:
            self._beside("nodes", self._learn(place, token, _ASK_S))

    def ask_applications(self, place: Place, token: str | None, silent_since: float) -> None:
        """Ask what should be served, again after 10 s; a head takes over a second for it.

        ``silent_since``: which silence it is to explain; what was true in an earlier one explains nothing.
        """
        if silent_since != self._silent_since:
            self._silent_since, self.applications, self._applications_at = silent_since, None, float("-inf")
        if self._clock() - self._applications_at >= _APPLICATIONS_EVERY_S:
            self._applications_at = self._clock()
            self._beside("applications", self._ask_applications(place, token))

    async def settle(self) -> None:
        """Wait for what is being asked."""
        await asyncio.gather(*self._asking.values(), return_exceptions=True)

    def close(self) -> None:
        """Ask no more."""
        for task in self._asking.values():
            task.cancel()

    def _beside(self, what: str, work: Coroutine[Any, Any, None]) -> None:
        running = self._asking.get(what)
        if running is not None and not running.done():
            work.close()
            return
        self._asking[what] = asyncio.create_task(work)

    async def _learn(self, place: Place, token: str | None, timeout_s: float) -> None:
        self._asked_at = self._clock()
        nodes, python, metrics = await asyncio.gather(
            _ask(place, "/api/v0/nodes?detail=1&limit=1000", token, _Nodes, timeout_s),
            self._python_of(place, token, timeout_s),
            self._metrics_of(place, token, timeout_s),
        )
        self._python = python
        self.facts = msgspec.structs.replace(_facts(nodes, python), metrics=metrics)

    async def _python_of(self, place: Place, token: str | None, timeout_s: float) -> str:
        if self._python:
            return self._python
        metadata = await _ask(place, "/api/v0/cluster_metadata", token, _MetadataReply, timeout_s)
        return metadata.data.python_version if metadata is not None else ""

    async def _metrics_of(self, place: Place, token: str | None, timeout_s: float) -> tuple[MetricsPort, ...]:
        if not self._with_metrics:
            return ()
        found = await _ask(place, "/nodes?view=summary", token, _SummaryReply, timeout_s)
        return self.facts.metrics if found is None else tuple(sorted(_metrics_ports(found.data.summary)))

    async def _ask_applications(self, place: Place, token: str | None) -> None:
        found = await _ask(place, "/api/serve/applications/", token, _Applications, _ASK_S)
        applications = () if found is None else found.applications.values()
        served = sum(application.status not in _NOT_SERVED for application in applications)
        self.applications = None if found is None else served


def _facts(nodes: _Nodes | None, python: str) -> HeadFacts:
    listed = [node for node in nodes.data.result.result if node.state == "ALIVE"] if nodes is not None else []
    if not listed:
        return HeadFacts(python=python)
    started = next((node.start_time_ms for node in listed if node.is_head_node and node.start_time_ms), None)
    workers = sum(not node.is_head_node for node in listed)
    ids = tuple(sorted(node.node_id for node in listed))
    return HeadFacts(ids, started / 1000 if started else None, workers, python)


def _metrics_ports(nodes: Iterable[_Summarised]) -> Iterator[MetricsPort]:
    for raylet in (node.raylet for node in nodes):
        if raylet.state == "ALIVE" and 0 < raylet.metrics_export_port <= _LAST_PORT:
            service: CheckedService = "metrics-head" if raylet.is_head_node else "metrics-worker"
            started_at = _milliseconds(raylet.start_time_ms) / 1000
            yield MetricsPort(service, raylet.node_manager_address, raylet.metrics_export_port, started_at)


def _milliseconds(text: str | float) -> float:
    """Read what Ray writes as a string: protobuf's way with long integers."""
    with suppress(ValueError):
        return float(text)
    return 0.0


async def _ask(place: Place, path: str, token: str | None, kind: type[Decoded], timeout_s: float) -> Decoded | None:
    limits = Limits(timeout_s, timeout_s, timeout_s, _MOST_BYTES)
    answer = await get(place, path, limits, token)
    if answer.failure is not None or answer.http_status != 200:
        return None
    try:
        return msgspec.json.decode(answer.body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
