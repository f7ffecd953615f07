"""Asking what the preflight has to know of clusters: what they said last, how their paths stand, who serves there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from console.bundles import Bundle
from console.errors import NotFoundError, SourceError
from console.model.check import ClusterChecks
from console.model.cluster import ClusterSnapshot, ClusterSpec, State
from console.services.fleet import Fleet
from console.services.path_faults import joined
from console.services.preflight import NOTHING, PreflightCheck, ServeUse, preflight, preflight_other
from console.services.submit import fill_serve_address

# Measured on Ray 2.60: it counts every 5.0 s, and serves that some 0.1 s later.
COUNTED_WITHIN_S, LOOKS = 6.5, 26


class Preflights:
    """Judges submissions from what is known; only who serves, and which Python runs, is asked for.

    ``checks_of`` returns what the walk over a cluster's path found, or raises NotFoundError.
    """

    def __init__(self, fleet: Fleet, checks_of: Callable[[str], ClusterChecks]) -> None:
        self._fleet = fleet
        self._checks_of = checks_of
        self._pythons: dict[tuple[str, str], str] = {}

    def known(self, cluster: str) -> ClusterSnapshot:
        """Return what a cluster said last, with what the walk over its path found since."""
        return joined(self._fleet.poller(cluster).last, self._path(cluster))

    async def of(self, cluster: str, bundle: Bundle, document: Mapping[str, Any]) -> tuple[PreflightCheck, ...]:
        """Judge whether a bundle can run on a cluster."""
        use = await self._serve_use(cluster, bundle, document)
        return preflight(self.known(cluster), bundle.needs(document), use, self._path(cluster))

    def of_anything(self, cluster: str) -> tuple[PreflightCheck, ...]:
        """Judge whether an entrypoint can be sent to a cluster; what it needs is not known."""
        return preflight(self.known(cluster), NOTHING, None, self._path(cluster))

    async def of_other(
        self, cluster: str, other: str, bundle: Bundle, document: Mapping[str, Any]
    ) -> tuple[PreflightCheck, ...]:
        """Judge whether a bundle on ``cluster`` can work on the cluster ``other``, too."""
        here, there = self.known(cluster), self.known(other)
        pythons = await asyncio.gather(*(self._python_version(snapshot) for snapshot in (here, there)))
        needs = bundle.needs_of_others(document)
        return preflight_other(here, there, needs, (pythons[0], pythons[1]), self._path(other))

    async def counted_anew(self, cluster: str) -> None:
        """Wait until a cluster has counted its free resources again, but not for ever."""
        poller = self._fleet.poller(cluster)
        known = poller.last.free
        for _ in range(LOOKS):
            await asyncio.sleep(COUNTED_WITHIN_S / LOOKS)
            if (await poller.poll()).free != known:
                return

    def _path(self, cluster: str) -> ClusterChecks | None:
        try:
            return self._checks_of(cluster)
        except NotFoundError:
            return None

    async def _serve_use(self, cluster: str, bundle: Bundle, document: Mapping[str, Any]) -> ServeUse | None:
        """Return what the bundle serves and what is served already; None when nothing, or when nobody can tell."""
        if bundle.output is None or self.known(cluster).state is State.DOWN:
            return None
        dashboard = self._fleet.dashboard(cluster)
        try:
            status = await dashboard.serve_status()
        except SourceError:
            return None
        return ServeUse(bundle.output.route, _port(bundle, document, dashboard.spec), status)

    async def _python_version(self, snapshot: ClusterSnapshot) -> str | None:
        """Return the version of Python that a cluster runs, None where it does not say; asked once a session."""
        if snapshot.identity is None or snapshot.state is State.DOWN:
            return None
        key = (snapshot.spec.name, snapshot.identity.session_name)
        if key not in self._pythons:
            try:
                self._pythons[key] = await self._fleet.dashboard(snapshot.spec.name).python_version()
            except SourceError:
                return None
        return self._pythons[key]


def _port(bundle: Bundle, document: Mapping[str, Any], spec: ClusterSpec) -> int:
    section, _, key = bundle.filled.get("serve-port", "").partition(".")
    value = fill_serve_address(bundle, document, spec).get(section, {}).get(key, spec.serve_port)
    return value if isinstance(value, int) else spec.serve_port
