"""Paths for the screens to show: a prober that stands still, and what walks would have found."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from console.errors import NotFoundError
from console.model.check import (
    CHECKED_SERVICES,
    Check,
    CheckedService,
    ClusterChecks,
    Ladder,
    Outcome,
    ProbeName,
    Standing,
)
from console.services.core import Core
from tests.pilot.deck import NOON

LATENCY_MS: dict[CheckedService, float] = {
    "dashboard": 38.4, "client": 41.0, "metrics-head": 36.2, "metrics-worker": 35.7, "serve": 1240.0,
}  # fmt: skip
VM = "192.168.1.19"
WAY: tuple[tuple[ProbeName, str, float], ...] = (
    ("config", "clusters.toml and ~/.ssh/config agree on vm", 11.0),
    ("vm", "a round trip through ssh", 92.0),
    ("listener", f"{VM}:8100 is listened on, private address only", 40.0),
)
START = "docker compose -f gpu-ray-cluster.yaml up -d"


BEFORE = '[ssh.vm]\nhost = "vm"\nprivate_ip = "127.0.0.9"\n\n'
REACHES = {"local-1": "vm", "local-2": "gateway", "local-3": "forward", "local-4": "vm"}


def four_clusters() -> dict[str, dict[str, object]]:
    """Four clusters behind a VM, whose addresses are all this machine's: nothing listens there."""
    return {
        name: {
            "kind": "local", "tunnel": {"via": "vm", "slot": slot}, "reach": reach,
            "dashboard": f"http://127.0.0.1:{slot}", "serve": f"http://127.0.0.1:{slot + 10}",
        }
        for slot, (name, reach) in enumerate(REACHES.items(), 1)
    }  # fmt: skip


def four_paths(now: float = NOON) -> tuple[ClusterChecks, ...]:
    """One whole, one broken for all services, one for one of them, one not walked yet."""
    return good("local-1", now=now), broken("local-2", now=now), half("local-3", now=now), unverified("local-4")


class StillProber:
    """Says what it was given, and remembers what it was asked."""

    def __init__(self, clusters: Iterable[ClusterChecks]) -> None:
        self.known = {each.cluster: each for each in clusters}
        self.asked: list[str] = []
        self.listeners: list[Callable[[ClusterChecks], None]] = []

    @property
    def clusters(self) -> tuple[ClusterChecks, ...]:
        return tuple(self.known.values())

    def checks(self, cluster: str) -> ClusterChecks:
        if cluster not in self.known:
            raise NotFoundError(cluster, "no such cluster")
        return self.known[cluster]

    def ladders(self, cluster: str) -> tuple[Ladder, ...]:
        return self.known[cluster].ladders

    def listen(self, listener: Callable[[ClusterChecks], None]) -> Callable[[], None]:
        self.listeners.append(listener)
        return lambda: self.listeners.remove(listener)

    def ask_now(self, cluster: str) -> None:
        self.asked.append(cluster)

    def tell(self, checks: ClusterChecks) -> None:
        """Let a walk end."""
        self.known[checks.cluster] = checks
        for listener in tuple(self.listeners):
            listener(checks)

    def take_over(self, specs: object) -> None:
        del specs

    def begin(self) -> None:
        pass

    async def close(self) -> None:
        pass


def with_paths(*clusters: ClusterChecks) -> Callable[[Core], None]:
    """What ``deck(prepare=…)`` takes to show these paths."""

    def prepare(core: Core) -> None:
        core.prober = StillProber(clusters)  # type: ignore[assignment]

    return prepare


def prober_of(core: Core) -> StillProber:
    assert isinstance(core.prober, StillProber)
    return core.prober


def good(cluster: str, reach: str = "vm", now: float = NOON) -> ClusterChecks:
    """Every service answers."""
    return _checks(cluster, reach, now, [_good_ladder(service, now) for service in CHECKED_SERVICES])


def _good_ladder(service: CheckedService, now: float) -> Ladder:
    standing = Standing(last_ok_at=now - 1, up_since=now - 273_900, flaps=2)
    return Ladder(service, (*_way(), *_own(service, LATENCY_MS[service])), standing)


def _way() -> tuple[Check, ...]:
    return tuple(Check(probe=probe, outcome=Outcome.OK, detail=detail, latency_ms=took) for probe, detail, took in WAY)


def _own(service: CheckedService, took: float) -> tuple[Check, ...]:
    own = [Check(probe="bytes", outcome=Outcome.OK, service=service, detail="accepts, and stays open", latency_ms=1.2)]
    if service == "dashboard":
        own.append(Check(probe="ray", outcome=Outcome.OK, service=service, detail="Ray 2.49.2", latency_ms=took))
        own.append(
            Check(probe="identity", outcome=Outcome.OK, service=service, detail="session_2026-11-19", latency_ms=took)
        )
    else:
        own.append(Check(probe="serve", outcome=Outcome.OK, service=service, detail="answers", latency_ms=took))
    return tuple(own)


def broken(cluster: str, reach: str = "gateway", now: float = NOON) -> ClusterChecks:
    """The gateway answers 503: Ray behind the tunnel is not running."""
    return _checks(cluster, reach, now, [_broken_ladder(service, now) for service in CHECKED_SERVICES])


def _broken_ladder(service: CheckedService, now: float) -> Ladder:
    since = now - 251
    checks = (
        Check(probe="name", outcome=Outcome.OK, detail="ray.local.dash-2.oss is 203.0.113.7", latency_ms=0.6),
        Check(probe="gateway", outcome=Outcome.OK, detail="203.0.113.7:7001 accepts, istio-envoy", latency_ms=38.0),
        Check(
            probe="route", outcome=Outcome.BROKEN, since=since, latency_ms=41.0,
            detail="503 from the gateway: the Service answers nothing",
            cause="the tunnel stands and Ray behind it is not running", hint=f"on computer 2:  {START}", command=START,
            sent="GET /api/version, Host ray.local.dash-2.oss", received="503 after 41 ms",
        ),
        Check(probe="listener", outcome=Outcome.OK, by="ssh", detail=f"{VM}:8101 held by sshd, private address only"),
        Check(probe="bytes", outcome=Outcome.UNVERIFIED, service=service, detail="not reached"),
        Check(probe="ray", outcome=Outcome.UNVERIFIED, service=service, detail="not reached"),
        Check(probe="identity", outcome=Outcome.UNVERIFIED, service=service, detail="not reached"),
        Check(
            probe="scrape", outcome=Outcome.BROKEN, by="prometheus",
            detail='agrees: ray-local-2-metrics-head down, "EOF", last sample 4 m ago',
        ),
    )  # fmt: skip
    return Ladder(service, checks, Standing(last_ok_at=since - 1.4, down_since=since, flaps=1))


def half(cluster: str, reach: str = "forward", now: float = NOON) -> ClusterChecks:
    """Serve alone is broken, and never answered."""
    whole = good(cluster, reach, now)
    serve = Ladder(
        "serve",
        (
            *_way(),
            Check(
                probe="bytes", service="serve", outcome=Outcome.BROKEN, since=now - 3700,
                detail="127.0.0.1:8303 closes at once", cause="no application serves there",
                hint="raydeck submit parallel_processing --cluster local-3", sent="nothing, for 0.5 s", received="EOF",
            ),
        ),
        Standing(down_since=now - 3700),
    )  # fmt: skip
    ladders = tuple(serve if ladder.service == "serve" else ladder for ladder in whole.ladders)
    return msgspec.structs.replace(whole, ladders=ladders)


def unverified(cluster: str, reach: str = "vm") -> ClusterChecks:
    """Not walked yet."""
    return ClusterChecks(cluster=cluster, reach=reach, ladders=tuple(map(Ladder, CHECKED_SERVICES)))  # type: ignore[arg-type]


def _checks(cluster: str, reach: str, now: float, ladders: list[Ladder]) -> ClusterChecks:
    return ClusterChecks(
        cluster=cluster, reach=reach, ladders=tuple(ladders), checked_at=now - 1, watched_since=now - 273_900,  # type: ignore[arg-type]
    )  # fmt: skip
