"""The scrape targets of one server's clusters: who is scraped, how often, and with which error.

Asked for on a schedule and a connection of their own: targets change seldom and are large, and what stands for a
Prometheus (Thanos, Mimir) may have figures and no targets at all. That is told where targets are shown, and hides
nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from console.clients.prometheus import PrometheusClient
from console.errors import SourceError
from console.model.cluster import ClusterSpec, Fault
from console.model.metrics import Target
from console.services.targets import targets_of

EVERY_S, WANTED_EVERY_S = 60.0, 5.0


class TargetWatch:
    """What a server last told of its targets. ``wanted``: somebody looks at them."""

    def __init__(self, client: PrometheusClient, specs: Sequence[ClusterSpec], clock: Callable[[], float]) -> None:
        self._client, self._specs, self._clock = client, specs, clock
        self.targets: tuple[Target, ...] = ()
        self.told_at: float | None = None  # Unix seconds
        self.fault: Fault | None = None
        self.wanted = False
        self._asked_at = float("-inf")
        self._every_s = WANTED_EVERY_S
        self._intervals: dict[str, dict[str, float]] = {}

    @property
    def rest_s(self) -> float:
        """Return in how many seconds they are to be asked for again."""
        every_s = WANTED_EVERY_S if self.wanted else self._every_s
        return max(0.0, self._asked_at + every_s - self._clock())

    async def refresh(self) -> None:
        """Ask; a failure is a fault, and what was told before stays."""
        try:
            found = await self._client.targets()
        except Exception as error:  # see as_source_error
            self._failed(as_source_error(self._client.where, error))
        else:
            self.targets = targets_of(found, self._specs, self._client.server.name)
            self.fault, self.told_at = None, self._clock()
            self._intervals = {}
            for target in self.targets:
                if target.interval_s:
                    self._intervals.setdefault(target.cluster, {})[target.instance] = target.interval_s
        self._asked_at = self._clock()
        # A server that has just started finds its targets only after some seconds: soon again, then seldom.
        all_known = all(self.intervals(spec.name) for spec in self._specs)
        self._every_s = EVERY_S if all_known else min(EVERY_S, 2 * self._every_s)

    def intervals(self, cluster: str) -> Mapping[str, float]:
        """Return how often each instance of a cluster is scraped, in seconds."""
        return self._intervals.get(cluster, {})

    def down(self, cluster: str) -> Target | None:
        """Return a target of the cluster that is down."""
        return next((one for one in self.targets if one.cluster == cluster and one.health == "down"), None)

    def _failed(self, error: SourceError) -> None:
        known = self.fault
        since = known.since if known is not None and known.message == error.what else self._clock()
        self.fault = Fault("prometheus", error.what, error.hint, since)


def as_source_error(where: str, error: Exception) -> SourceError:
    """Return what an answer brought about as a fault of its server: it must not end the task that asks for ever."""
    if isinstance(error, SourceError):
        return error
    what = f"its answer is not understood ({type(error).__name__}: {error})"
    return SourceError(where, what, "is the url that of a Prometheus?")
