"""One Prometheus server through prometheus-api-client, awaited from the event loop while its thread blocks.

Answers are decoded to typed series; a value that is NaN or infinite, or a sample that is not there, is None or absent.
What is asked in passing has a thread and a connection of its own, so that a slow answer over a day, or to a list of
targets, holds up no figure of now.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import msgspec
from msgspec import Struct

from console.clients.one_thread import OneThread
from console.config import PrometheusServer
from console.errors import ConfigError, SourceError

if TYPE_CHECKING:
    from prometheus_api_client import PrometheusConnect

    from console.clients.prometheus_session import PrometheusSession

TIMEOUT_S = 5.0
Lane = Literal["figures", "history", "targets"]
Decoded = TypeVar("Decoded")


class Series(Struct, frozen=True):
    """One series of an instant answer. The time in such an answer is the evaluation's, so it is left out."""

    labels: Mapping[str, str]
    value: float | None


class RangeSeries(Struct, frozen=True):
    """One series over time, as (Unix seconds, value)."""

    labels: Mapping[str, str]
    points: tuple[tuple[float, float | None], ...]


class Answer(Struct, frozen=True):
    """An instant answer; ``warnings`` say what Prometheus (or what stands for it) had to leave out."""

    series: tuple[Series, ...]
    warnings: tuple[str, ...] = ()
    sent_bytes: int = 0
    received_bytes: int = 0


class ScrapeTarget(Struct, rename="camel"):
    """One target as ``/api/v1/targets`` tells of it."""

    labels: dict[str, str]
    health: str = "unknown"
    last_error: str = ""
    last_scrape: str = ""
    last_scrape_duration: float | None = None
    scrape_interval: str = ""


class _Instant(Struct):
    metric: dict[str, str]
    value: tuple[float, str]


class _Range(Struct):
    metric: dict[str, str]
    values: list[tuple[float, str]]


class _Targets(Struct, rename="camel"):
    active_targets: list[ScrapeTarget] = []


class PrometheusClient:
    """One server. Every call has a deadline and returns typed values or raises a SourceError."""

    def __init__(
        self,
        server: PrometheusServer,
        token: Callable[[], str | None],
        *,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self.server = server
        self.where = f"prometheus {server.name}"
        self._token = token
        self._timeout_s = timeout_s
        self.targets_bytes = 0  # on the wire, of the last answer to ``targets`` with its question
        self._threads: dict[Lane, OneThread] = {}
        self._made: dict[Lane, tuple[PrometheusConnect, PrometheusSession]] = {}

    async def instant(self, query: str, lane: Lane = "figures") -> Answer:
        """Ask one instant query; an empty answer is an answer."""
        return await self._call(lane, lambda: self._instant(query, lane))

    async def over_time(self, query: str, start: float, end: float, step_s: float) -> tuple[RangeSeries, ...]:
        """Ask one range query, from ``start`` to ``end`` (Unix seconds)."""
        return await self._call("history", lambda: self._over_time(query, start, end, step_s))

    async def targets(self) -> tuple[ScrapeTarget, ...]:
        """Ask for all active scrape targets."""
        return await self._call("targets", self._targets)

    def close(self) -> None:
        """Give threads and connections up; a call that hangs ends by itself, and nobody waits for it."""
        for thread in self._threads.values():
            thread.close()

    async def _call(self, lane: Lane, work: Callable[[], Decoded]) -> Decoded:
        if lane not in self._threads:
            self._threads[lane] = OneThread(self.where)
        # The session keeps the deadline by itself; this one is for what it cannot see, such as a name that resolves
        # for minutes.
        return await self._threads[lane].call(work, self._timeout_s + 0.5)

    def _instant(self, query: str, lane: Lane) -> Answer:
        connect, session = self._connection(lane)
        found = self._converted(lambda: connect.custom_query(query), list[_Instant])
        series = tuple(Series(item.metric, number(item.value[1])) for item in found)
        return Answer(series, session.warnings, session.sent_bytes, session.received_bytes)

    def _over_time(self, query: str, start: float, end: float, step_s: float) -> tuple[RangeSeries, ...]:
        connect, _ = self._connection("history")
        begin, finish = datetime.fromtimestamp(start, UTC), datetime.fromtimestamp(end, UTC)
        found = self._converted(
            lambda: connect.custom_query_range(query, begin, finish, f"{step_s:g}"), list[_Range]
        )  # fmt: skip
        return tuple(RangeSeries(item.metric, tuple((at, number(text)) for at, text in item.values)) for item in found)

    def _targets(self) -> tuple[ScrapeTarget, ...]:
        connect, session = self._connection("targets")
        found = self._converted(lambda: connect.get_targets(state="active"), _Targets)
        self.targets_bytes = session.sent_bytes + session.received_bytes
        return tuple(found.active_targets)

    def _converted(self, ask: Callable[[], object], kind: type[Decoded]) -> Decoded:
        """Return what the library found as what it should be; it takes answers apart without looking at their shape."""
        try:
            return msgspec.convert(ask(), kind)
        except msgspec.ValidationError as error:
            raise SourceError(self.where, f"what answers is not Prometheus: {error}") from error
        except (LookupError, TypeError, AttributeError, ValueError) as error:
            raise SourceError(self.where, "what answers is not Prometheus: there is no result in its data") from error

    def _connection(self, lane: Lane) -> tuple[PrometheusConnect, PrometheusSession]:
        if lane not in self._made:
            self._made[lane] = self._connect()
        return self._made[lane]

    def _connect(self) -> tuple[PrometheusConnect, PrometheusSession]:
        """Make the connection, in the thread: both libraries cost 100 ms, which only who has a server pays."""
        from prometheus_api_client import PrometheusConnect  # noqa: PLC0415 -- see above
        from urllib3 import Retry  # noqa: PLC0415 -- see above

        from console.clients.prometheus_session import PrometheusSession  # noqa: PLC0415 -- see above

        session = PrometheusSession(self.where, self._timeout_s)
        if self.server.ca_file is not None:
            session.verify = self._ca_file(self.server.ca_file)
        headers = self._headers()
        # Not again by itself: whoever asks knows when the next refresh is.
        connect = PrometheusConnect(self.server.url, headers=headers, retry=Retry(total=0), session=session)
        return connect, session

    def _ca_file(self, path: Path) -> str:
        try:
            path.open("rb").close()
        except OSError as error:
            raise SourceError(self.where, f"ca_file {path}: {error.strerror}", "is the path right?") from error
        return str(path)

    def _headers(self) -> dict[str, str]:
        try:
            token = self._token()
        except ConfigError as error:
            raise SourceError(self.where, f"{error.where}: {error.what}", error.hint) from error
        return {"Authorization": f"Bearer {token}"} if token else {}


def number(text: Any) -> float | None:
    """Return a sample's value, None for NaN, infinity and what is no number."""
    try:
        value = float(text)
    except (TypeError, ValueError):
        return None
    return value if math.isfinite(value) else None
