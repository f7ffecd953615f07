"""An order: one bundle with its parameters, the clusters that it is submitted to, and the others that it works on.

What both front ends judge before anything is sent, and how several clusters are sent to at once: one id each.
"""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from console.bundles import Bundle
from console.errors import PreflightError, RaydeckError
from console.model.cluster import State
from console.model.job import Job
from console.services.core import Core
from console.services.preflight import PreflightCheck
from console.services.sending import send_request
from console.services.shipping import TellShipped, tell_nobody
from console.services.submit import Request, bundle_request, with_clusters

Checks = tuple[PreflightCheck, ...]


class Order(Struct, frozen=True, kw_only=True):
    """``document`` has no addresses of other clusters: they follow from ``others``, names of clusters."""

    bundle: Bundle
    document: Mapping[str, Any]
    targets: Sequence[str]
    others: Sequence[str] = ()


class Judgement(Struct, frozen=True):
    """The preflight's answers by cluster: those it is submitted to, those that it works on, too, and could work on."""

    targets: Mapping[str, Checks]
    others: Mapping[str, Checks]
    possible: Mapping[str, Checks]

    @property
    def against(self) -> tuple[str, ...]:
        """Return what speaks against the order, each with its cluster's name; none when nothing does."""
        every = [*self.targets.items(), *self.others.items()]
        return tuple(f"{name}: {check.text}" for name, checks in every for check in checks if _refuses(check))

    @property
    def satisfied(self) -> bool:
        """Return whether everything is known and good."""
        every = (*self.targets.values(), *self.others.values())
        return all(check.outcome == "ok" for checks in every for check in checks)


async def judge(core: Core, order: Order, also: Sequence[str] = ()) -> Judgement:
    """Judge an order from what its clusters said last; ``also`` are clusters that could become its others."""
    bundle, document = order.bundle, order.document
    looked_at = tuple(dict.fromkeys((*order.others, *also)))
    targets, answers = await asyncio.gather(
        asyncio.gather(*(core.preflights.of(name, bundle, document) for name in order.targets)),
        asyncio.gather(*(_judge_other(core, name, order) for name in looked_at)),
    )
    possible = dict(zip(looked_at, answers, strict=True))
    others = {name: possible[name] for name in order.others}
    return Judgement(dict(zip(order.targets, targets, strict=True)), others, possible)


async def ask_silent(core: Core, order: Order) -> None:
    """Ask the targets that were down once more, path and all; raise PreflightError for one that still is."""
    down = [name for name in order.targets if core.preflights.known(name).state is State.DOWN]
    for snapshot in await core.walk_and_ask(down) if down else ():
        if snapshot.state is State.DOWN:
            what, hint = next(((fault.message, fault.hint) for fault in snapshot.faults), ("is down", ""))
            raise PreflightError(snapshot.spec.name, what, hint)


async def _judge_other(core: Core, other: str, order: Order) -> Checks:
    """Judge another cluster against each one that the order is submitted to; equal answers count once."""
    answers = await asyncio.gather(
        *(
            core.preflights.of_other(main, other, order.bundle, order.document)
            for main in order.targets
            if main != other
        )
    )
    return tuple(dict.fromkeys(check for checks in answers for check in checks))


def requests_of(core: Core, order: Order, env: Mapping[str, str], pip: Sequence[str]) -> dict[str, Request]:
    """Make one request for each cluster; raise UsageError or ParameterError before anything is sent."""
    made = {}
    others = [core.fleet.dashboard(name).spec for name in order.others]
    for name in order.targets:
        spec = core.fleet.dashboard(name).spec
        document = copy.deepcopy(dict(order.document))
        if others:
            with_clusters(order.bundle, document, spec, others)
        made[name] = bundle_request(order.bundle, document, spec, env, pip)
    return made


async def send_all(
    core: Core, requests: Mapping[str, Request], tell: TellShipped = tell_nobody
) -> dict[str, Job | RaydeckError]:
    """Submit to all clusters at the same time; what became of each, in their order. One that fails stops no other.

    ``tell`` hears how far the working dirs are.
    """
    answers = await asyncio.gather(
        *(send_request(core, name, request, tell=tell) for name, request in requests.items()), return_exceptions=True
    )
    for answer in answers:
        if isinstance(answer, BaseException) and not isinstance(answer, RaydeckError):
            raise answer
    return {
        name: answer
        for name, answer in zip(requests, answers, strict=True)
        if not isinstance(answer, BaseException) or isinstance(answer, RaydeckError)
    }


def _refuses(check: PreflightCheck) -> bool:
    return check.outcome == "refused"
