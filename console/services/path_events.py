"""Events of paths: a hop that broke, a service that is whole again, a head that was restarted. Each once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from console.model.check import ClusterChecks, Ladder
from console.model.event import Event, Level
from console.services.path_faults import words_of_change
from console.services.prober import Prober


class PathEvents:
    """Compares each round with the one before; what is broken when the console opens is told, what is whole is not."""

    def __init__(self, tell: Callable[[Event], None], clock: Callable[[], float]) -> None:
        self._tell, self._clock = tell, clock
        self._last: dict[tuple[str, str], Ladder] = {}

    def follow(self, prober: Prober) -> None:
        """Tell of what a prober finds from now on, while it walks for ever; one walk of a command is no news."""
        prober.listen(lambda checks: self.take(checks) if prober.is_begun else None)
        prober.listen_for_restarts(self.restarted)

    def take(self, checks: ClusterChecks) -> None:
        """Take in a round; that a head which is being started does not answer yet is no news."""
        if checks.is_starting and checks.dark is not None:
            return
        for ladder in checks.ladders:
            key = (checks.cluster, ladder.service)
            change = words_of_change(ladder, self._last.get(key))
            self._last[key] = ladder
            if change is not None:
                service, words, is_whole = change
                self._say(checks.cluster, f"path {service}", "ok" if is_whole else "bad", words)

    def restarted(self, cluster: str, at: float) -> None:
        """Tell that a head was restarted, and when."""
        self._say(cluster, "ray", "warn", f"Ray was restarted at {datetime.fromtimestamp(at):%H:%M}")  # noqa: DTZ006

    def _say(self, cluster: str, subject: str, level: Level, message: str) -> None:
        self._tell(Event(self._clock(), cluster, "", "path", subject, level, message))
