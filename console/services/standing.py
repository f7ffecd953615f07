"""How each hop and each service has fared from round to round: since when, up since when, how often it broke."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from console.model.check import Check, CheckedService, Ladder, Outcome, Standing, arrival


def with_since(checks: Iterable[Check], before: Iterable[Check], now: float) -> tuple[Check, ...]:
    """Return checks with the time from which their outcome has stood."""
    known = {(check.probe, check.service, check.by): check for check in before}
    return tuple(_since(check, known.get((check.probe, check.service, check.by)), now) for check in checks)


def _since(check: Check, before: Check | None, now: float) -> Check:
    same = before is not None and before.outcome is check.outcome
    return msgspec.structs.replace(check, since=before.since if same and before is not None else now)


def stood(ladder: Ladder, before: Standing, now: float) -> Standing:
    """Return a service's standing after this round; what is not verified changes nothing."""
    reached = arrival(ladder.checks, ladder.service)
    if ladder.first_broken is not None:
        flaps = before.flaps + (before.up_since is not None)
        return Standing(before.last_ok_at, None, before.down_since or now, flaps)
    if reached is not Outcome.OK:
        return before
    return Standing(now, before.up_since or now, None, before.flaps)


def ladders_of(
    found: Iterable[tuple[CheckedService, tuple[Check, ...]]], before: Iterable[Ladder], now: float
) -> tuple[Ladder, ...]:
    """Return the ladders of a round, each with what is remembered of it."""
    known = {ladder.service: ladder for ladder in before}
    ladders = []
    for service, checks in found:
        last = known.get(service, Ladder(service))
        ladder = Ladder(service, with_since(checks, last.checks, now))
        ladders.append(Ladder(service, ladder.checks, stood(ladder, last.standing, now)))
    return tuple(ladders)
