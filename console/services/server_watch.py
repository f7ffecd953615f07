"""What one Prometheus server knows of our clusters, asked for in at most two instant queries a refresh.

The first gives all clusters, aggregated by the server; the second the nodes and GPUs of what is on screen.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from console.clients.grouping import claims, groupings
from console.clients.prometheus import Answer, PrometheusClient
from console.clients.prometheus_figures import details, exported, overview, sessions
from console.clients.promql import detail_query, overview_query
from console.errors import SourceError, UnreachableError
from console.model.cluster import ClusterSpec, Fault
from console.model.metrics import ClusterFigures, ClusterView, NodeFigures, ServerState, Target, Trouble
from console.services.back_off import rest_after
from console.services.target_watch import TargetWatch, as_source_error

SESSIONS_EVERY_S = 15.0
NO_SERIES_AFTER_S = 30.0  # a head that has just started exports nothing for the first 15 s
_REST_REFUSED_S, _REST_TROUBLED_S = 4.0, 30.0


class ServerWatch:
    """One server and the clusters whose series it has. ``refresh`` asks once and never raises a SourceError."""

    def __init__(
        self, client: PrometheusClient, specs: Sequence[ClusterSpec], clock: Callable[[], float] = time.time
    ) -> None:
        self.client = client
        self.specs = tuple(specs)
        self.scraped = TargetWatch(client, self.specs, clock)
        self.queries = 0  # instant queries in the last refresh
        self.sent_bytes = self.received_bytes = 0
        self._clock = clock
        self._groupings = groupings(self.specs)
        self._figures: dict[str, ClusterFigures] = {}
        self._nodes: dict[str, tuple[NodeFigures, ...]] = {}
        self._exported: dict[str, frozenset[str]] = {}
        self._sessions: dict[str, frozenset[str]] = {}
        self._shared: dict[str, frozenset[str]] = {}
        self._missing_since: dict[str, float] = {}
        self._answered_at: float | None = None
        self._fault: Fault | None = None
        self._failures = 0
        self._longest_rest_s = _REST_TROUBLED_S
        self._sessions_at = float("-inf")

    @property
    def state(self) -> ServerState:
        """Return how the server is."""
        server = self.client.server
        return ServerState(server.name, server.url, self._answered_at, self._fault, self.scraped.fault)

    @property
    def targets(self) -> tuple[Target, ...]:
        """Return the scrape targets of its clusters, as last told."""
        return self.scraped.targets

    async def refresh(self, on_screen: Iterable[str]) -> None:
        """Ask once, with the nodes of these clusters; a failure is a fault, and what was known grows old."""
        self.queries = self.sent_bytes = self.received_bytes = 0
        shown = {spec.name: spec.series for spec in self.specs if spec.name in set(on_screen) and spec.series}
        try:
            warnings = [*await self._ask_overview(), *await self._ask_details(shown)]
        except Exception as error:  # whatever an answer brings about is told on the rows, and asking goes on
            self._failed(as_source_error(self.client.where, error))
            return
        self._failures = 0
        self._fault = self._noted(f"answers in part: {warnings[0]}", "") if warnings else None

    def rest_s(self, refresh_s: float, jitter: float) -> float:
        """Return how long to rest before the next refresh; ``jitter`` is from 0 to 1."""
        return rest_after(self._failures, refresh_s, self._longest_rest_s, jitter)

    def view(self, cluster: str) -> ClusterView:
        """Return what the server knows of one of its clusters."""
        intervals = self.scraped.intervals(cluster)
        return ClusterView(
            figures=self._figures.get(cluster, ClusterFigures()),
            nodes=self._nodes.get(cluster, ()),
            interval_s=max(intervals.values(), default=None),
            sessions=self._sessions.get(cluster, frozenset()),
            troubles=tuple(self._troubles(cluster)),
            intervals=intervals,
            exported=self._exported.get(cluster),
        )

    def ask_sessions(self) -> None:
        """Have the next refresh ask for the sessions: a head was started anew."""
        self._sessions_at = float("-inf")

    async def _ask_overview(self) -> tuple[str, ...]:
        if not self._groupings:
            return ()
        now = self._clock()
        due = now - self._sessions_at >= SESSIONS_EVERY_S
        answer = await self._instant(overview_query(self._groupings, sessions=due))
        self._answered_at = self._clock()
        self._figures = overview(answer, self._groupings)
        self._note_missing(now)
        if due:
            self._sessions_at = now
            self._tell_apart([(found.labels, found.name) for found in sessions(answer)])
        return answer.warnings

    async def _ask_details(self, shown: Mapping[str, Mapping[str, str]]) -> tuple[str, ...]:
        if not shown:
            self._nodes = {}
            return ()
        answer = await self._instant(detail_query(tuple(shown.values())))
        self._nodes = details(answer, shown)
        self._exported |= exported(answer, shown)
        return answer.warnings

    async def _instant(self, query: str) -> Answer:
        answer = await self.client.instant(query)
        self.queries += 1
        self.sent_bytes += answer.sent_bytes
        self.received_bytes += answer.received_bytes
        return answer

    def _tell_apart(self, found: Sequence[tuple[Mapping[str, str], str]]) -> None:
        """Note which sessions each cluster's series are of, and which clusters claim the same series."""
        named: dict[str, set[str]] = {}
        shared: dict[str, set[str]] = {}
        for labels, session in found:
            owners = [spec.name for spec in self.specs if claims(spec.series, labels)]
            for owner in owners:
                named.setdefault(owner, set()).add(session)
                shared.setdefault(owner, set()).update(name for name in owners if name != owner)
        self._sessions = {name: frozenset(names) for name, names in named.items()}
        self._shared = {name: frozenset(names) for name, names in shared.items() if names}

    def _note_missing(self, now: float) -> None:
        missing = {spec.name for spec in self.specs} - set(self._figures)
        self._missing_since = {name: self._missing_since.get(name, now) for name in missing}

    def _troubles(self, cluster: str) -> Iterable[Trouble]:
        where = self.client.where
        if self._fault is not None:
            yield Trouble("server", f"{where}: {self._fault.message}", self._fault.hint)
            return
        if others := self._shared.get(cluster):
            names = ", ".join(sorted(others))
            yield Trouble(
                "claimed", f"{where}: {names} claims the same series", "set `series` so that each has its own"
            )
        since = self._missing_since.get(cluster)
        if since is not None and self._clock() - since >= NO_SERIES_AFTER_S:
            yield Trouble("missing", f"{where} has no series of {cluster}", self._why_missing(cluster))

    def _why_missing(self, cluster: str) -> str:
        down = self.scraped.down(cluster)
        if down is not None:
            return f"target {down.instance} is down: {down.error}"
        return "is it scraped, and does `series` match it? raydeck targets tells"

    def _failed(self, error: SourceError) -> None:
        self._fault = self._noted(error.what, error.hint)
        self._failures += 1
        self._longest_rest_s = _REST_REFUSED_S if isinstance(error, UnreachableError) else _REST_TROUBLED_S

    def _noted(self, message: str, hint: str) -> Fault:
        known = self._fault
        if known is not None and known.message == message:
            return msgspec.structs.replace(known, hint=hint)
        return Fault("prometheus", message, hint, self._clock())
