"""One cluster's path, round by round: all its services walked at the same time, and what follows from all of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping

from msgspec import Struct

from console.clients.names import Names
from console.errors import ConfigError
from console.model.check import Check, CheckedService, ClusterChecks, Ladder, Outcome, in_order
from console.model.failure import Failure
from console.model.metrics import Target
from console.probes import explained
from console.services.evidence import Evidence
from console.services.head_facts import HeadFacts, HeadWatch
from console.services.identity import IdentityMemory, Judgement, Known, judge
from console.services.paths import Endpoint, Path
from console.services.standing import ladders_of
from console.services.verdict import Because, service_checks
from console.services.walk import Step, Walked, walk

MOST_SKEW_S = 5.0
_IDLE_SERVE = Because("no application is deployed, so Serve need not answer")
_MAY_SERVE = Because("Serve does not answer, and the head has not said whether it should", Outcome.UNVERIFIED)
_NO_WORKER = Because("the cluster has no worker node, so nothing has to answer")


class Around(Struct, frozen=True):
    """What a cluster is compared with: who answers as the others now, and what they run; its targets at Prometheus.

    ``targets`` is None where no Prometheus has this cluster, or it has not been asked.
    """

    others: Mapping[str, Known]
    facts: Mapping[str, tuple[str, str]]
    targets: tuple[Target, ...] | None = None
    stale_after_s: float = 90.0


class ClusterWalk:
    """What is known of one cluster's path. ``walk`` asks, ``checks`` judges what was found, with what ssh saw."""

    def __init__(
        self,
        path: Path,
        names: Names,
        memory: IdentityMemory,
        token: Callable[[], str | None],
        clock: Callable[[], float],
    ) -> None:
        self.path = path
        self._names, self._memory, self._token, self._clock = names, memory, token, clock
        self._head = HeadWatch()
        self._walked: dict[CheckedService, Walked] = {}
        self._broken_at: dict[CheckedService, float] = {}
        self._token_error: ConfigError | None = None
        self._walked_at: float | None = None
        self._watched_since: float | None = None
        self.ladders: tuple[Ladder, ...] = tuple(Ladder(service) for service in path.services)
        self.known: Known | None = None  # who answers now
        self.judgement = Judgement()

    @property
    def facts(self) -> HeadFacts:
        """Return what the head said of itself."""
        return self._head.facts

    @property
    def versions(self) -> tuple[str, str]:
        """Return Ray's version and Python's major and minor, empty where they are not known."""
        python = ".".join(self.facts.python.split(".")[:2])
        return ("" if self.known is None else self.known.ray_version, python)

    def wanted_ports(self) -> tuple[tuple[int, bool], ...]:
        """Return the ports on the VM whose bytes ssh should look at, and whether they speak HTTP."""
        return tuple(self._wanted())

    def broken_since(self) -> float:
        """Return when the youngest break of the path began: older evidence does not explain it; 0 without one."""
        return max(self._broken_at.values(), default=0.0)

    async def walk(self) -> None:
        """Walk to all services at the same time, each within its deadline."""
        now = self._clock()
        self._watched_since = self._watched_since or now
        token = self._secret()
        asked = [endpoint for endpoint in self.path.endpoints if endpoint.host is not None]
        found = await asyncio.gather(*(walk(endpoint, self._names, token, self._clock()) for endpoint in asked))
        for endpoint, walked in zip(asked, found, strict=True):
            self._note(endpoint.service, walked)
        self._walked_at = self._clock()
        await self._learn(token)

    async def settle(self) -> None:
        """Wait for what the head is being asked beside the walk."""
        await self._head.settle()

    def close(self) -> None:
        """Ask no more."""
        self._head.close()

    def judge(self, others: Mapping[str, Known], remembered: Mapping[str, Known]) -> bool:
        """Judge who answers, against who answers as the others; remember the right one. Return whether it restarted."""
        if self.known is None:
            self.judgement = Judgement()
            return False
        self._memory.forget_removed(self.path.spec.name)
        before = self._memory.get(self.path.spec.name)
        self.judgement = judge(self.known, before, others, remembered)
        if self.judgement.failure is None:
            self._memory.put(self.path.spec.name, self.known)
        return self.judgement.restarted_at is not None

    def checks(self, evidence: Evidence | None, around: Around) -> ClusterChecks:
        """Return all checks as they follow from the last walk, what ssh saw, and what stands around the cluster."""
        found = [
            (endpoint.service, in_order((*self._walked_checks(endpoint, evidence), *self._judged(endpoint, around))))
            for endpoint in self.path.endpoints
        ]
        now = self._clock()
        self.ladders = ladders_of(found, self.ladders, now)
        dashboard = self._walked.get("dashboard")
        return ClusterChecks(
            cluster=self.path.spec.name,
            reach=self.path.spec.reach,
            ladders=self.ladders,
            checked_at=self._walked_at,
            evidence_at=evidence.asked_at if evidence is not None and evidence.told is not None else None,
            watched_since=self._watched_since,
            identity=dashboard.identity if dashboard is not None else None,
        )

    def _secret(self) -> str | None:
        self._token_error = None
        try:
            return self._token()
        except ConfigError as error:
            self._token_error = error  # of use only where the dashboard wants one
            return None

    def _note(self, service: CheckedService, walked: Walked) -> None:
        before, failed = self._walked.get(service), walked.failure
        was = before.failure if before is not None else None
        if failed is None:
            self._broken_at.pop(service, None)
        elif was is None or (was.probe, was.failure) != (failed.probe, failed.failure):
            self._broken_at[service] = self._clock()
        self._walked[service] = walked

    async def _learn(self, token: str | None) -> None:
        walked = self._walked["dashboard"]
        if walked.identity is None or walked.place is None:
            self.known = None
            return
        identity = walked.identity
        await self._head.learn(walked.place, identity.session_name, token)
        if self._fails("serve"):
            self._head.ask_applications(walked.place, token)
        if self._fails("metrics-worker") and self.path.spec.expected_nodes != 1:
            self._head.ask_nodes_soon(walked.place, token)
        facts = self.facts
        self.known = Known(
            self.path.spec.dashboard,
            identity.session_name,
            identity.ray_version,
            self._clock(),
            facts.started_at,
            facts.node_ids,
        )

    def _idle(self, service: CheckedService) -> Because | None:
        """Return why a service need not answer, None where it has to."""
        if service == "serve" and self.known is not None and self._head.applications != 0:
            return _MAY_SERVE if self._head.applications is None else None
        if service == "serve":
            return _IDLE_SERVE if self.known is not None else None
        if service != "metrics-worker":
            return None
        is_alone = self.facts.workers == 0 or (self.facts.workers is None and self.path.spec.expected_nodes == 1)
        return _NO_WORKER if is_alone else None

    def _fails(self, service: CheckedService) -> bool:
        walked = self._walked.get(service)
        return walked is not None and walked.failure is not None

    def _wanted(self) -> Iterator[tuple[int, bool]]:
        for endpoint in self.path.endpoints:
            if endpoint.plan_port is None:
                continue
            if endpoint.host is None:
                yield endpoint.plan_port, False
            elif self._fails(endpoint.service):
                yield endpoint.plan_port, endpoint.asking != "client"

    def _walked_checks(self, endpoint: Endpoint, evidence: Evidence | None) -> tuple[Check, ...]:
        walked = self._walked.get(endpoint.service)
        since = self._broken_at.get(endpoint.service)
        if evidence is not None and since is not None and evidence.asked_at < since:
            evidence = None
        checks = service_checks(self.path, endpoint, walked, evidence, self._idle(endpoint.service))
        error = self._token_error
        if error is None or endpoint.service != "dashboard":
            return checks
        said = {"detail": f"{error.where}: {error.what}", "cause": "", "hint": error.hint}
        is_refused = walked is not None and walked.failure is not None and walked.failure.failure is Failure.NO_TOKEN
        return tuple(_replaced(check, **said) if is_refused and check.probe == "ray" else check for check in checks)

    def _judged(self, endpoint: Endpoint, around: Around) -> Iterator[Check]:
        """Yield what is judged of the whole cluster, on the ladder of the service that it is about."""
        if endpoint.service == "dashboard":
            yield self._identity(endpoint)
            yield self._clock_check(endpoint)
        elif endpoint.service == "client":
            yield from self._client_version(endpoint, around)
        elif endpoint.asking == "metrics" and around.targets is not None:
            yield self._scrape(endpoint, around)

    def _identity(self, endpoint: Endpoint) -> Check:
        check = Check(probe="identity", outcome=Outcome.UNVERIFIED, service="dashboard", hop=endpoint.where)
        if self.known is None:
            return _replaced(check, detail="not reached")
        judged = self.judgement
        if judged.failure is None:
            return _replaced(check, outcome=Outcome.OK, detail=judged.detail, received=self.known.session_name)
        name = self.path.spec.name
        words = {"cluster": name, "other": judged.other, "memory": self._memory.path(name), "swap": _swap(endpoint)}
        remedy = explained("identity", judged.failure, words)
        said = {"detail": judged.detail, "cause": remedy.cause, "hint": remedy.hint}
        return _replaced(check, outcome=Outcome.BROKEN, received=self.known.session_name, **said)

    def _clock_check(self, endpoint: Endpoint) -> Check:
        check = Check(probe="clock", outcome=Outcome.UNVERIFIED, service="dashboard", hop=endpoint.where)
        clocks = self._walked["dashboard"].clocks if "dashboard" in self._walked else None
        if clocks is None:
            return _replaced(check, detail="the head did not say what time it is" if self.known else "not reached")
        skew_s = clocks[0] - clocks[1]
        detail = f"the head's clock is {abs(skew_s):.0f} s {'ahead' if skew_s > 0 else 'behind'}"
        if abs(skew_s) < MOST_SKEW_S + 1.0:  # a Date header has whole seconds
            return _replaced(check, outcome=Outcome.OK, detail="less than 5 s apart")
        remedy = explained("clock", Failure.SKEW, {})
        return _replaced(check, outcome=Outcome.BROKEN, detail=detail, cause=remedy.cause, hint=remedy.hint)

    def _client_version(self, endpoint: Endpoint, around: Around) -> Iterator[Check]:
        """Compare with what the others run; a port on which something else answers has told so already."""
        if any(step.probe == "client-version" and step.failure for step in self._steps("client")):
            return
        check = Check(probe="client-version", outcome=Outcome.UNVERIFIED, service=None, hop=endpoint.where)
        ray, python = self.versions
        if not ray:
            yield _replaced(check, detail="not reached")
            return
        differing = [name for name, other in around.facts.items() if _differs((ray, python), other)]
        said = f"Ray {ray}" + (f", Python {python}" if python else "")
        same = [name for name in around.facts if name not in differing]
        if not differing or len(same) >= len(differing):
            detail = said if not differing else f"{said}; another version on {', '.join(sorted(differing))}"
            yield _replaced(check, outcome=Outcome.OK, detail=detail)
            return
        other_ray, other_python = around.facts[differing[0]]
        remedy = explained("client-version", Failure.DIFFERS, {})
        detail = f"{said}; on {', '.join(sorted(differing))} Ray {other_ray} {other_python}".rstrip()
        yield _replaced(check, outcome=Outcome.BROKEN, detail=detail, cause=remedy.cause, hint=remedy.hint)

    def _steps(self, service: CheckedService) -> tuple[Step, ...]:
        walked = self._walked.get(service)
        return () if walked is None else walked.steps

    def _scrape(self, endpoint: Endpoint, around: Around) -> Check:
        check = Check(
            probe="scrape", outcome=Outcome.UNVERIFIED, service=endpoint.service, hop=self.path.spec.prometheus or "",
            by="prometheus",
        )  # fmt: skip
        target = _target(endpoint.service, around.targets or ())
        if target is None:
            return self._unscraped(check, around)
        received = f"{target.job or target.instance} {target.health}" + (f': "{target.error}"' if target.error else "")
        if target.health == "unknown":
            return _replaced(check, detail=target.error or "not scraped yet", received=received)
        if (idle := self._idle(endpoint.service)) is not None:
            return _replaced(check, outcome=Outcome.SKIPPED, detail=idle.reason)
        failure = None if target.health == "up" else Failure.DOWN
        if (
            failure is None
            and target.scraped_at is not None
            and self._clock() - target.scraped_at > around.stale_after_s
        ):
            failure = Failure.OLD
        if failure is None:
            return _replaced(check, outcome=Outcome.OK, detail=f"{target.instance} is up", received=received)
        remedy = explained("scrape", failure, {})
        said = {"detail": received, "cause": remedy.cause, "hint": remedy.hint}
        return _replaced(check, outcome=Outcome.BROKEN, received=received, **said)

    def _unscraped(self, check: Check, around: Around) -> Check:
        if not self.path.spec.series or self._idle(check.service or "dashboard"):
            return _replaced(check, outcome=Outcome.SKIPPED, detail="Prometheus is not asked for this one")
        if around.targets:
            return _replaced(check, detail="Prometheus has no target of this service")
        remedy = explained("scrape", Failure.NO_TARGET, {})
        said = {"detail": "Prometheus has no target of this cluster", "cause": remedy.cause, "hint": remedy.hint}
        return _replaced(check, outcome=Outcome.BROKEN, **said)


def _replaced(check: Check, **fields: object) -> Check:
    values = {name: getattr(check, name) for name in check.__struct_fields__}
    return Check(**(values | fields))


def _swap(endpoint: Endpoint) -> str:
    if endpoint.plan_port is None:
        return "compare `dashboard` of both in clusters.toml"
    return (
        f"compare the RemoteForward lines of both computers; on the VM: sudo ss -Htlnp 'sport = :{endpoint.plan_port}'"
    )


def _differs(ours: tuple[str, str], theirs: tuple[str, str]) -> bool:
    return bool(theirs[0]) and (ours[0] != theirs[0] or bool(ours[1] and theirs[1] and ours[1] != theirs[1]))


def _target(service: CheckedService, targets: Iterable[Target]) -> Target | None:
    """Return the target of head or worker: Services of the plan are named so, others only tell by being alone."""
    role = service.rpartition("-")[2]
    return next((target for target in targets if target.job.endswith(f"-{role}")), None)
