"""What the walk along a cluster's path found: one check a hop, one ladder a service, all of them of a cluster.

A *probe* is the question, a *check* its answer. Checks stand in the order of ``PROBE_NAMES``; a ladder is what one
service's bytes go through, from the operator to the Ray head, the hops that all services share included.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Literal, get_args

from msgspec import Struct

from console.model.cluster import Identity, Reach

ProbeName = Literal[
    "config",
    "name",
    "gateway",
    "vm",
    "route",
    "listener",
    "holder",
    "sshd",
    "bytes",
    "ray",
    "identity",
    "client-version",
    "serve",
    "metrics",
    "scrape",
    "clock",
]
CheckedService = Literal["dashboard", "client", "metrics-head", "metrics-worker", "serve"]
PROBE_NAMES: tuple[ProbeName, ...] = get_args(ProbeName)
CHECKED_SERVICES: tuple[CheckedService, ...] = get_args(CheckedService)
_WAY: frozenset[ProbeName] = frozenset(PROBE_NAMES[: PROBE_NAMES.index("identity") + 1])


class Outcome(StrEnum):
    """``UNVERIFIED``: lies behind a break, or was not asked yet. ``SKIPPED``: need not or cannot be asked."""

    OK = "ok"
    BROKEN = "broken"
    UNVERIFIED = "unverified"
    SKIPPED = "skipped"


class Check(Struct, frozen=True, kw_only=True):
    """One answer.

    ``service`` is None where it holds for the whole cluster. ``hop`` is where it was asked, such as
    ``192.168.1.19:8101``. ``detail`` says what was found (why, where it was skipped), ``cause`` what that means in
    plain words, ``hint`` what to type and where, ``command`` that alone, to be pasted. ``sent`` and ``received`` are
    the evidence. ``since``: from when on the outcome has stood (Unix seconds). ``by``: the walk itself, or who explains
    it: ssh on the VM, Prometheus.
    """

    probe: ProbeName
    outcome: Outcome
    service: CheckedService | None = None
    hop: str = ""
    latency_ms: float | None = None
    detail: str = ""
    cause: str = ""
    hint: str = ""
    command: str = ""
    sent: str = ""
    received: str = ""
    since: float | None = None
    by: Literal["walk", "ssh", "prometheus"] = "walk"


class Standing(Struct, frozen=True):
    """How a service has fared since the console began to look: Unix seconds, and breaks that were seen."""

    last_ok_at: float | None = None
    up_since: float | None = None
    down_since: float | None = None
    flaps: int = 0


class Ladder(Struct, frozen=True):
    """One service of one cluster; ``checks`` in order, those that all services share included."""

    service: CheckedService
    checks: tuple[Check, ...] = ()
    standing: Standing = Standing()

    @property
    def first_broken(self) -> Check | None:
        """Return the first broken hop, None while there is none; what is said of all targets is no hop of a service."""
        return first_broken(check for check in self.checks if check.by != "prometheus" or check.service is not None)

    @property
    def outcome(self) -> Outcome:
        """Return OK once the service's own bytes came through with nothing broken on the way."""
        if self.first_broken is not None:
            return Outcome.BROKEN
        return arrival(self.checks, self.service)

    @property
    def latency_ms(self) -> float | None:
        """Return what the last hop of the service's own took, None where nothing came through."""
        took = [check.latency_ms for check in self.checks if check.service == self.service and check.by == "walk"]
        return next((ms for ms in reversed(took) if ms is not None), None) if self.outcome is Outcome.OK else None


class ClusterChecks(Struct, frozen=True, kw_only=True):
    """All checks of one cluster.

    ``checked_at`` is the last walk (Unix seconds, None: none yet), ``evidence_at`` when ssh last answered.
    ``identity`` is who answered last on this path, right or wrong. ``is_here``: the cluster's own computer is this one.
    ``is_starting``: its head is being started by us, so that its not answering yet is no news.
    """

    cluster: str
    reach: Reach | None = None
    ladders: tuple[Ladder, ...] = ()
    checked_at: float | None = None
    evidence_at: float | None = None
    watched_since: float | None = None
    identity: Identity | None = None
    is_here: bool = False
    is_starting: bool = False

    @property
    def checks(self) -> tuple[Check, ...]:
        """Return every check once, in the order of PROBE_NAMES."""
        each: dict[tuple[ProbeName, CheckedService | None, str], Check] = {}
        for ladder in self.ladders:
            for check in ladder.checks:
                key = (check.probe, check.service, check.by)
                if key not in each or check.outcome is Outcome.BROKEN:
                    each[key] = check
        return in_order(each.values())

    @property
    def broken(self) -> Check | None:
        """Return the first broken hop on the way to the dashboard, else that of another service."""
        dashboard = self.ladder("dashboard")
        return (dashboard and dashboard.first_broken) or first_broken(self.checks)

    @property
    def first_broken(self) -> ProbeName | None:
        """Return the name of the first broken hop."""
        return None if self.broken is None else self.broken.probe

    @property
    def dark(self) -> Check | None:
        """Return the hop at which the walk to the right dashboard broke; None while a way leads there."""
        dashboard = self.ladder("dashboard")
        walked = () if dashboard is None else dashboard.checks
        return first_broken(check for check in walked if check.by == "walk" and check.probe in _WAY)

    @property
    def ok(self) -> int:
        """Return the number of services whose bytes came through."""
        return sum(arrival(ladder.checks, ladder.service) is Outcome.OK for ladder in self.ladders)

    @property
    def total(self) -> int:
        """Return the number of services that have to answer; one that need not or cannot be asked is not among them."""
        return sum(arrival(ladder.checks, ladder.service) is not Outcome.SKIPPED for ladder in self.ladders)

    def ladder(self, service: CheckedService) -> Ladder | None:
        """Return a service's ladder, None where the cluster's path has no such service."""
        return next((ladder for ladder in self.ladders if ladder.service == service), None)


def arrival(checks: Iterable[Check], service: CheckedService) -> Outcome:
    """Return whether a service's bytes came through, whatever was wrong with them."""
    checks = tuple(checks)
    bytes_ = next((check.outcome for check in checks if (check.probe, check.service) == ("bytes", service)), None)
    if bytes_ is Outcome.OK or bytes_ is Outcome.SKIPPED:
        return bytes_
    return Outcome.UNVERIFIED if first_broken(checks) is None else Outcome.BROKEN


def in_order(checks: Iterable[Check]) -> tuple[Check, ...]:
    """Return checks in the order of PROBE_NAMES, and of CHECKED_SERVICES within a probe."""
    return tuple(sorted(checks, key=_place))


def first_broken(checks: Iterable[Check]) -> Check | None:
    """Return the first broken check of some that stand in order."""
    return next((check for check in checks if check.outcome is Outcome.BROKEN), None)


def _place(check: Check) -> tuple[int, int]:
    service = -1 if check.service is None else CHECKED_SERVICES.index(check.service)
    return PROBE_NAMES.index(check.probe), service
