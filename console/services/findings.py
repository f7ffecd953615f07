"""What the last walk to each service of a cluster found, and since when it is broken."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from console.model.check import CheckedService, ProbeName
from console.model.failure import Failure
from console.services.long_look import LongLooks
from console.services.walk import Walked

_NOBODY = frozenset({Failure.NO_PROXY, Failure.NO_AGENT})


class Findings:
    """``clock`` in Unix seconds; a break is as old as its hop and its failure are."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._walked: dict[CheckedService, Walked] = {}
        self._broken_at: dict[CheckedService, float] = {}
        self.looks = LongLooks()

    def of(self, service: CheckedService) -> Walked | None:
        """Return what was found, None before the first walk."""
        return self._walked.get(service)

    def explained(self, service: CheckedService) -> Walked | None:
        """Return what was found as what else is known explains it: a longer look, a head that does not run."""
        walked, dashboard = self.of(service), self.of("dashboard")
        if walked is None:
            return None
        head = dashboard.failure if dashboard is not None else None
        if head is not None and head.failure is Failure.REFUSED:
            walked = _without_head(walked)
        return self.looks.explained(walked)

    def broken_at(self, service: CheckedService) -> float | None:
        """Return when the break that a service has now began, None without one."""
        return self._broken_at.get(service)

    def fails(self, service: CheckedService) -> bool:
        """Return whether the last walk broke."""
        walked = self.of(service)
        return walked is not None and walked.failure is not None

    def tells(self, probe: ProbeName, service: CheckedService) -> bool:
        """Return whether a walk has answered a probe itself: something else is on that port."""
        walked = self.of(service)
        return walked is not None and any(step.probe == probe and step.failure for step in walked.steps)

    def youngest_break(self) -> float:
        """Return when the youngest break began: older evidence does not explain it; 0 without one."""
        return max(self._broken_at.values(), default=0.0)

    def note(self, service: CheckedService, walked: Walked) -> None:
        """Take in a walk."""
        before, failed = self._walked.get(service), walked.failure
        was = before.failure if before is not None else None
        if failed is None:
            self._broken_at.pop(service, None)
        elif was is None or (was.probe, was.failure) != (failed.probe, failed.failure):
            self._broken_at[service] = self._clock()
        self._walked[service] = walked
        self.looks.note(walked)

    def drop(self, service: CheckedService) -> None:
        """Forget a service that is not walked to any more."""
        self._walked.pop(service, None)
        self._broken_at.pop(service, None)


def _without_head(walked: Walked) -> Walked:
    """Return a walk that ended where nothing runs as one that ended for want of a head."""
    steps = tuple(
        msgspec.structs.replace(step, failure=Failure.REFUSED) if step.failure in _NOBODY else step
        for step in walked.steps
    )
    return msgspec.structs.replace(walked, steps=steps)
