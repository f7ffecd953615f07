"""Figures over time for what somebody looks at: asked for at once when that changes, then as often as points come."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence

from msgspec import Struct

from console.errors import NotFoundError, RaydeckError
from console.model.metrics import Line
from console.services.fleet import Fleet
from console.services.ranges import SPANS_S, Place, lines_over_time, step_of

LEAST_REST_S = 5.0
_SETTLE_S = 0.15  # a key held down passes many rows; only the one it stops at is asked for


class Looked(Struct, frozen=True):
    """What is looked at: a cluster, or with ``node`` one of its nodes; ``span`` is a name of SPANS_S."""

    cluster: str
    node: Place | None = None
    span: str = "5m"


class Charted(Struct, frozen=True):
    """What was found out; times in Unix seconds. ``error``: why Prometheus told nothing although it was asked."""

    looked: Looked
    start: float
    end: float
    lines: tuple[Line, ...]
    error: RaydeckError | None = None


class ChartFeed:
    """Asks for one thing at a time, and never twice at once."""

    def __init__(self, fleet: Fleet, metrics: Sequence[str], clock: Callable[[], float]) -> None:
        self._fleet = fleet
        self._metrics = tuple(metrics)
        self._clock = clock
        self._looked: Looked | None = None
        self._wanted = asyncio.Event()

    def look(self, looked: Looked | None) -> None:
        """Look at this from now on, at nothing with None."""
        if looked != self._looked:
            self._looked = looked
            self._wanted.set()

    def again(self) -> None:
        """Ask now."""
        self._wanted.set()

    async def answers(self) -> AsyncIterator[Charted]:
        """Yield what is known of what is looked at, for ever. What nobody looks at any more is not told."""
        while True:
            self._wanted.clear()
            looked = self._looked
            if looked is None:
                await self._wanted.wait()
                continue
            if await self._changed_within(_SETTLE_S):
                continue
            found = await self._ask(looked)
            if looked == self._looked:
                yield found
                await self._changed_within(self._rest_s(looked))

    async def _ask(self, looked: Looked) -> Charted:
        now, span_s = self._clock(), SPANS_S[looked.span]
        try:
            lines, error = await lines_over_time(
                self._fleet, looked.cluster, looked.node, self._metrics, span_s, now
            )  # fmt: skip
        except NotFoundError as gone:
            return Charted(looked, now - span_s, now, (), gone)
        return Charted(looked, now - span_s, now, lines, error)

    def _rest_s(self, looked: Looked) -> float:
        return max(LEAST_REST_S, self._fleet.refresh_s, step_of(SPANS_S[looked.span], None))

    async def _changed_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._wanted.wait()
        except TimeoutError:
            return False
        return True
