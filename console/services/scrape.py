"""Whether Prometheus has a cluster's targets, up and fresh.

A server that does not answer says nothing of the clusters that it scrapes: then nothing is known, and nothing blamed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec
from msgspec import Struct

from console.model.check import Check, CheckedService, Outcome
from console.model.failure import Failure
from console.model.metrics import Target, stale_limit_s
from console.services.judgements import broken
from console.services.server_watch import ServerWatch


class Scraped(Struct, frozen=True):
    """What a server told of one cluster at ``told_at`` (Unix seconds, None: not yet), and what is wrong with it since.

    ``matches`` is whether the cluster says which series are its own; without that, no target can be missing.
    """

    server: str
    targets: tuple[Target, ...] = ()
    told_at: float | None = None
    fault: str = ""
    stale_after_s: float = 15.0
    matches: bool = True


def scraped_of(watch: ServerWatch, cluster: str, stale_after_s: float) -> Scraped:
    """Return what a server told of one of its clusters; what it told before it fell silent is not believed."""
    told = watch.scraped
    return Scraped(
        server=watch.state.name,
        targets=tuple(target for target in told.targets if target.cluster == cluster and target.instance),
        told_at=told.told_at,
        fault=told.fault.message if told.fault is not None else "",
        stale_after_s=stale_after_s,
        matches=any(spec.name == cluster and spec.series for spec in watch.specs),
    )


def scrape_check(
    scraped: Scraped, service: CheckedService | None, words: Mapping[str, str], *, idle: str = ""
) -> Check:
    """Return how the targets of one service are, of the whole cluster without one; ``idle``: it need not be there."""
    check = Check(probe="scrape", outcome=Outcome.UNVERIFIED, service=service, hop=scraped.server, by="prometheus")
    if scraped.fault:
        return msgspec.structs.replace(check, detail=f"{scraped.server} does not tell: {scraped.fault}")
    if scraped.told_at is None:
        return msgspec.structs.replace(check, detail=f"{scraped.server} has not been asked yet")
    ours = tuple(_of_service(scraped.targets, service))
    if idle and not any(target.health == "up" for target in ours):
        return msgspec.structs.replace(check, outcome=Outcome.SKIPPED, detail=idle)
    if not ours:
        return _missing(check, scraped, words)
    return _judged(check, ours, scraped, words)


def _of_service(targets: Iterable[Target], service: CheckedService | None) -> Iterable[Target]:
    """Return the targets of head or worker: those of the plan's Services are named so."""
    role = "" if service is None else f"-{service.rpartition('-')[2]}"
    return (target for target in targets if target.job.endswith(role))


def _missing(check: Check, scraped: Scraped, words: Mapping[str, str]) -> Check:
    if not scraped.matches:
        return msgspec.structs.replace(
            check, outcome=Outcome.SKIPPED, detail="clusters.toml does not say which series are this cluster's"
        )
    if not scraped.targets:
        return broken(check, Failure.NO_TARGET, f"{scraped.server} has no target of this cluster", words)
    if not any(target.job.endswith(("-head", "-worker")) for target in scraped.targets):
        return msgspec.structs.replace(check, detail="its targets are not named as in the port plan")
    return broken(check, Failure.NO_TARGET, f"{scraped.server} has no target of this service", words)


def _judged(check: Check, ours: tuple[Target, ...], scraped: Scraped, words: Mapping[str, str]) -> Check:
    worst = min(ours, key=lambda target: _rank(target, scraped))
    name = worst.instance or worst.job
    error = f': "{worst.error}"' if worst.error else ""
    check = msgspec.structs.replace(check, received=f"{name} {worst.health}{error}")
    if worst.health == "down":
        return broken(check, Failure.DOWN, check.received, words)
    if worst.health == "up" and _is_old(worst, scraped):
        age_s = (scraped.told_at or 0.0) - (worst.scraped_at or 0.0)
        return broken(check, Failure.OLD, f"{name} was scraped {age_s:.0f} s before", words)
    if worst.health == "unknown":
        return msgspec.structs.replace(check, detail=worst.error or f"{name} has not been scraped yet")
    detail = f"{name} is up" if len(ours) == 1 else f"{len(ours)} targets are up"
    return msgspec.structs.replace(check, outcome=Outcome.OK, detail=detail)


def _rank(target: Target, scraped: Scraped) -> int:
    if target.health == "down":
        return 0
    if target.health == "unknown":
        return 2
    return 1 if _is_old(target, scraped) else 3


def _is_old(target: Target, scraped: Scraped) -> bool:
    """Return whether a target was stale when the server told of it; what we keep of that grows old by itself."""
    if target.scraped_at is None or scraped.told_at is None:
        return False
    return scraped.told_at - target.scraped_at > stale_limit_s(scraped.stale_after_s, target.interval_s)
