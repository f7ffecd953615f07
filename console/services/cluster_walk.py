"""One cluster's path, round by round: all its services walked at the same time, and what follows from all of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping

import msgspec
from msgspec import Struct

from console.clients.names import Names
from console.clients.vm_script import Asked
from console.errors import ConfigError
from console.model.check import CHECKED_SERVICES, Check, CheckedService, ClusterChecks, Ladder, in_order
from console.model.cluster import Identity
from console.model.failure import Failure
from console.services.evidence import Evidence
from console.services.findings import Findings
from console.services.head_facts import HeadFacts, HeadWatch
from console.services.identity import IdentityMemory, Judgement, Known, judge
from console.services.idle import serve_may_rest, worker_may_rest
from console.services.judgements import OnTheVm, client_version_check, clock_check, identity_check
from console.services.own_metrics import OwnMetrics
from console.services.paths import Endpoint, Path
from console.services.remedy_words import words_of
from console.services.reverse_hosts import is_here
from console.services.scrape import Scraped, scrape_check
from console.services.standing import ladders_of
from console.services.verdict import Because, service_checks
from console.services.vm_questions import session_on_the_vm, wanted_ports, wants_evidence
from console.services.walk import walk


class Around(Struct, frozen=True):
    """What a cluster is compared with: who answers as the others now, and what they run; its targets at Prometheus.

    ``scraped`` is None where no Prometheus has this cluster.
    """

    others: Mapping[str, Known]
    facts: Mapping[str, tuple[str, str]]
    scraped: Scraped | None = None


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
        self._metrics = OwnMetrics(path, clock)
        self._head, self._found = HeadWatch(with_metrics=self._metrics.is_wanted), Findings(clock)
        self._used_token: str | None = None
        self._token_error: ConfigError | None = None
        self._walked_at: float | None = None
        self._watched_since: float | None = None
        self._began_at = 0.0
        self._session, self._session_since = "", 0.0
        self._restarted: tuple[str, float] | None = None  # the session that came of it, and when
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

    def wanted_ports(self) -> tuple[Asked, ...]:
        """Return the ports on the VM whose bytes ssh should look at, and what each is asked."""
        return tuple(wanted_ports(self.path, self._found.fails))

    @property
    def wants_evidence(self) -> bool:
        """Return whether ssh tells what a walk does not: a break, or services that only the VM reaches."""
        return wants_evidence(self.path, self._found.fails)

    def broken_since(self) -> float:
        """Return when the youngest break of the path began: older evidence does not explain it; 0 without one."""
        return self._found.youngest_break()

    async def walk(self) -> None:
        """Walk to all services at the same time, each within its deadline.

        Who answers is known to ``judge`` once ``learn`` has asked a head that is new for more than its name.
        """
        self._began_at = self._clock()
        self._watched_since = self._watched_since or self._began_at
        token = self._used_token = self._secret()
        asked = (*self.path.endpoints, *self._metrics.endpoints)
        await self._walk_to((endpoint for endpoint in asked if endpoint.host is not None), token)
        self._walked_at = self._clock()
        identity = self._identity_found
        if identity is None or not self._head.knows(identity.session_name):
            self.known = None
        if identity is not None and identity.session_name != self._session:
            self._session, self._session_since = identity.session_name, self._walked_at

    @property
    def has_to_learn(self) -> bool:
        """Return whether a head answers of which nothing but its name is known: its identity waits for ``learn``."""
        return self.known is None and self._identity_found is not None

    async def learn(self) -> None:
        """Ask the head for what tells it from others; it waits for a head that is new, 1.5 s at most.

        What a new head names, its nodes' metrics ports, is walked to at once.
        """
        await self._learn(self._used_token)
        before = set(self._metrics.endpoints)
        self._metrics.take(self.facts.metrics)
        for gone in {endpoint.service for endpoint in before - set(self._metrics.endpoints)}:
            self._found.drop(gone)
        await self._walk_to(set(self._metrics.endpoints) - before, self._used_token)

    async def settle(self) -> None:
        """Wait for what the head is being asked beside the walk."""
        await asyncio.gather(self._head.settle(), self._found.looks.settle())

    def close(self) -> None:
        """Ask no more."""
        self._head.close()
        self._found.looks.close()

    def judge(
        self, others: Mapping[str, Known], remembered: Mapping[str, Known], evidence: Evidence | None = None
    ) -> bool:
        """Judge who answers, against who answers as the others; remember the right one. Return whether it restarted.

        One that the VM's own port does not lead to is not the right one before the two have been asked together.
        """
        if self.known is None:
            self.judgement = Judgement()
            return False
        self._memory.forget_removed(self.path.spec.name)
        before = self._memory.get(self.path.spec.name)
        self.judgement = judge(self.known, before, others, remembered)
        if self.judgement.failure is not None or self.disagrees(evidence):
            return False
        self._memory.put(self.path.spec.name, self.known)
        if self.judgement.restarted_at is not None:
            self._restarted = (self.known.session_name, self.judgement.restarted_at)
        return self.judgement.restarted_at is not None

    def checks(self, evidence: Evidence | None, around: Around) -> ClusterChecks:
        """Return all checks as they follow from the last walk, what ssh saw, and what stands around the cluster."""
        found = [
            (
                endpoint.service,
                in_order((*self._walked_checks(endpoint, evidence), *self._judged(endpoint, evidence, around))),
            )
            for endpoint in self._due
        ]
        now = self._clock()
        self.ladders = ladders_of(found, self.ladders, now)
        return ClusterChecks(
            cluster=self.path.spec.name,
            reach=self.path.reach,
            ladders=self.ladders,
            checked_at=self._walked_at,
            evidence_at=evidence.asked_at if evidence is not None and evidence.told is not None else None,
            watched_since=self._watched_since,
            identity=self._identity_found,
            is_here=evidence is not None and is_here(self.path.spec.plan, evidence.reverse),
            is_starting=self.path.spec.starting,
        )

    @property
    def _due(self) -> tuple[Endpoint, ...]:
        """Return what has to answer, in order."""
        both = (*self.path.endpoints, *self._metrics.due)
        return tuple(sorted(both, key=lambda endpoint: CHECKED_SERVICES.index(endpoint.service)))

    def _secret(self) -> str | None:
        self._token_error = None
        try:
            return self._token()
        except ConfigError as error:
            self._token_error = error  # of use only where the dashboard wants one
            return None

    async def _walk_to(self, endpoints: Iterable[Endpoint], token: str | None) -> None:
        """Walk to these at the same time; a metrics agent that answered has to answer from then on."""
        asked = tuple(endpoints)
        found = await asyncio.gather(*(walk(endpoint, self._names, token, self._clock) for endpoint in asked))
        for endpoint, walked in zip(asked, found, strict=True):
            self._found.note(endpoint.service, walked)
            if walked.failure is None and endpoint in self._metrics.endpoints:
                self._metrics.note_answer(endpoint)

    async def _learn(self, token: str | None) -> None:
        walked, identity = self._found.of("dashboard"), self._identity_found
        if walked is None or identity is None or walked.place is None:
            return
        await self._head.learn(walked.place, identity.session_name, token)
        if self._found.fails("serve"):
            self._head.ask_applications(walked.place, token, self._found.broken_at("serve") or 0.0)
        has_worker = any(endpoint.service == "metrics-worker" for endpoint in self._due)
        if has_worker and self._found.fails("metrics-worker") and self.path.spec.expected_nodes != 1:
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
        if service == "serve":
            applications = self._head.applications if self.known is not None else None
            return serve_may_rest(applications, is_asked=self._identity_found is not None)
        if service != "metrics-worker":
            return None
        return worker_may_rest(self.facts, self.path.spec.expected_nodes, is_new=self.has_to_learn)

    @property
    def _identity_found(self) -> Identity | None:
        """Return who answered to the last walk."""
        dashboard = self._found.of("dashboard")
        return None if dashboard is None else dashboard.identity

    def _walked_checks(self, endpoint: Endpoint, evidence: Evidence | None) -> tuple[Check, ...]:
        walked, since = self._found.explained(endpoint.service), self._found.broken_at(endpoint.service)
        if evidence is not None and since is not None and evidence.asked_at < since:
            evidence = None
        checks = service_checks(self.path, endpoint, walked, evidence, self._idle(endpoint.service))
        error = self._token_error
        if error is None or endpoint.service != "dashboard":
            return checks
        said = {"detail": f"{error.where}: {error.what}", "cause": "", "hint": error.hint, "command": ""}
        is_refused = walked is not None and walked.failure is not None and walked.failure.failure is Failure.NO_TOKEN
        return tuple(
            msgspec.structs.replace(check, **said) if is_refused and check.probe == "ray" else check for check in checks
        )

    def _judged(self, endpoint: Endpoint, evidence: Evidence | None, around: Around) -> Iterator[Check]:
        """Yield what is judged of the whole cluster, on the ladder of the service that it is about."""
        words = words_of(self.path, endpoint)
        if endpoint.service == "dashboard":
            yield self._identity(endpoint, evidence, words)
            walked = self._found.of("dashboard")
            clocks = None if walked is None else walked.clocks
            yield clock_check(endpoint, clocks, words, answers=self.known is not None)
        elif endpoint.service == "client" and not self._found.tells("client-version", "client"):
            yield client_version_check(endpoint, self.versions, around.facts, words)
        if around.scraped is not None and self._is_scraped(endpoint):
            service = endpoint.service if endpoint.asking == "metrics" else None
            idle = self._idle(endpoint.service) if service is not None else None
            yield scrape_check(around.scraped, service, words, idle=idle.reason if idle is not None else "")

    def _is_scraped(self, endpoint: Endpoint) -> bool:
        """Return whether targets are told of with this service: each metrics port, else the dashboard for them all."""
        has_ports = any(one.asking == "metrics" for one in self.path.endpoints)
        return endpoint.asking == "metrics" if has_ports else endpoint.service == "dashboard"

    def _identity(self, endpoint: Endpoint, evidence: Evidence | None, words: Mapping[str, str]) -> Check:
        restarted = self._restarted
        return identity_check(
            endpoint,
            self.known,
            self.judgement,
            {**words, "memory": self._memory.path(self.path.spec.name)},
            why_unknown="asking who it is" if self.has_to_learn else "not reached",
            restarted_at=restarted[1] if self.known and restarted and restarted[0] == self.known.session_name else None,
            on_the_vm=self._on_the_vm(evidence, words),
        )

    def _on_the_vm(self, evidence: Evidence | None, words: Mapping[str, str]) -> OnTheVm | None:
        """Return who answers at the end of the tunnel, where that is another way than the walk's, and asked meanwhile.

        Only what walks before and after it agree on can be compared: a head may have been restarted in between.
        """
        session = session_on_the_vm(self.path, evidence)
        if evidence is None or not session:
            return None
        is_framed = self._session_since <= evidence.asked_at and self._began_at >= evidence.answered_at
        return OnTheVm(session, f"{words['vm_address']}:{words['plan_port']}") if is_framed else None

    def disagrees(self, evidence: Evidence | None) -> bool:
        """Return whether another session answers on the VM than at the end of the walk: one more walk tells."""
        session = session_on_the_vm(self.path, evidence)
        return self.known is not None and session not in {"", self.known.session_name}
