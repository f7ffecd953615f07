"""Which clusters there are right now: the configuration file's and the embedded ones, watched while the console runs.

Owns when a changed file is believed. Editors write by rename, or truncate first, or remove first; so a change is taken
once it has stood still from one look to the next, and a file counts as gone only after several looks.
"""

from __future__ import annotations

import asyncio
import stat
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path

from msgspec import Struct

from console.config import Config, find_config, gone, is_address_given, load_config
from console.errors import ConfigError, RaydeckError
from console.model.cluster import ClusterSpec, Fault

LOOK_EVERY_S = 1.0
_GONE_AFTER_LOOKS = 3
_Stamp = tuple[int, ...]


class TopologyChange(Struct, frozen=True):
    """All that holds from now on; ``refused`` is why a changed file was not taken over and the old one is kept.

    ``faults`` tell the same for people, together with embedded clusters that had to stay out.
    """

    config: Config
    clusters: tuple[ClusterSpec, ...]
    faults: tuple[Fault, ...] = ()
    refused: ConfigError | None = None


def no_embedded_clusters() -> tuple[ClusterSpec, ...]:
    """Return none: the console of a machine on which nothing can be started."""
    return ()


class Topology:
    """The clusters of one run. Call ``load`` once, then follow ``changes``; both may also stand alone.

    ``embedded_soon``: the demo is starting some. Neither the implicit cluster nor a file that merely lies here is shown
    beside them, so that the first key press meets the demo's cluster.
    """

    def __init__(
        self,
        explicit: Path | None,
        environ: Mapping[str, str],
        cwd: Path,
        *,
        embedded: Callable[[], tuple[ClusterSpec, ...]] = no_embedded_clusters,
        embedded_soon: bool = False,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._explicit, self._environ, self._cwd = explicit, environ, cwd
        self._list_embedded, self._clock, self._sleep = embedded, clock, sleep
        self._embedded_soon = embedded_soon
        self._config = Config()
        self._embedded: tuple[ClusterSpec, ...] = ()
        self._embedded_error: RaydeckError | None = None
        self._refused: ConfigError | None = None
        self._taken: _Stamp | None = None
        self._settling: _Stamp | None = None
        self._absent_looks = 0
        self._current = TopologyChange(self._config, ())

    @property
    def current(self) -> TopologyChange:
        """Return what holds now."""
        return self._current

    def load(self) -> TopologyChange:
        """Read file and embedded clusters now (it blocks); raise ConfigError, as there is nothing older to keep."""
        path = self._found()
        self._taken = None if path is None else _stamp(path)
        self._config = load_config(path, self._environ)
        self._look_at_embedded()
        self._current = self._composed()
        return self._current

    async def changes(self) -> AsyncIterator[TopologyChange]:
        """Yield each change, never the same twice; endless."""
        while True:
            await self._sleep(LOOK_EVERY_S)
            change = await asyncio.to_thread(self._look)
            if change is not None:
                yield change

    def _look(self) -> TopologyChange | None:
        try:
            self._look_at_file()
        except ConfigError as error:
            if str(error) != str(self._refused):  # the same words at each look are one refusal
                self._refused = error
        self._look_at_embedded()
        composed = self._composed()
        if composed == self._current:
            return None
        self._current = composed
        return composed

    def _look_at_file(self) -> None:
        """Take a changed file over, or raise ConfigError; a file once taken is never exchanged for one elsewhere."""
        path = self._config.path or self._found()
        stamp = None if path is None else _stamp(path)
        if path is None or stamp is None:
            self._notice_absence()
        elif stamp == self._taken:
            self._absent_looks = 0
        elif stamp != self._settling:
            self._settling = stamp
        else:
            self._taken, self._absent_looks = stamp, 0
            self._config, self._refused = load_config(path, self._environ), None

    def _found(self) -> Path | None:
        """Return the file to read; the demo shows its own cluster alone unless a file is named."""
        if self._embedded_soon and self._explicit is None and not self._environ.get("RAYDECK_CONFIG"):
            return None
        return find_config(self._explicit, self._environ, self._cwd)

    def _notice_absence(self) -> None:
        self._absent_looks += 1
        if self._config.path is None:
            self._taken = self._refused = None
        elif self._absent_looks == _GONE_AFTER_LOOKS:
            self._taken = self._settling = None
            raise gone(self._config.path)

    def _look_at_embedded(self) -> None:
        try:
            self._embedded, self._embedded_error = self._list_embedded(), None
        except RaydeckError as error:
            self._embedded_error = error

    def _composed(self) -> TopologyChange:
        configured = tuple(spec for spec in self._config.clusters if not self._is_displaced(spec))
        names = {spec.name for spec in configured}
        joined = (*configured, *(spec for spec in self._embedded if spec.name not in names))
        return TopologyChange(self._config, joined, tuple(self._faults(names)), self._refused)

    def _is_displaced(self, spec: ClusterSpec) -> bool:
        """Return whether embedded clusters stand for the implicit one, at which nobody pointed."""
        if not spec.implicit or not (self._embedded or self._embedded_soon):
            return False
        return not is_address_given(self._environ) or spec.dashboard in {other.dashboard for other in self._embedded}

    def _faults(self, names: set[str]) -> list[Fault]:
        said: list[tuple[str, str, str]] = []
        if self._refused is not None:
            said.append(("config", f"{self._refused.where}: {self._refused.what}", self._refused.hint))
        if self._embedded_error is not None:
            error = self._embedded_error
            said.append(("embedded", f"{error.where}: {error.what}", error.hint))
        said += [
            ("embedded", f"the embedded cluster {spec.name} is left out: a configured one has its name", "rename that")
            for spec in self._embedded
            if spec.name in names
        ]
        known = {(fault.source, fault.message, fault.hint): fault for fault in self._current.faults}
        return [known.get(words) or Fault(*words, since=self._clock()) for words in said]


def _stamp(path: Path) -> _Stamp | None:
    """Return what changes with a file's content, None where there is none; a pipe can be read only once."""
    try:
        status = path.stat()
    except OSError:
        return None
    if not stat.S_ISREG(status.st_mode):
        return ()
    return (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
