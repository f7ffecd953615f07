"""The core that both front ends stand on: configuration, fleet, bundles, kept outputs, and the ways to clusters.

A front end makes one Core, calls ``load`` before anything is shown and ``begin`` inside its event loop, and closes it.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import msgspec

from console.bundles import Bundle, bundled_folder, find_bundles
from console.clients.dashboard import DashboardClient
from console.clients.prometheus import PrometheusClient
from console.clients.serve import ServeClient
from console.config import PrometheusServer, auth_token, bearer_token, searched_places
from console.errors import ConfigError, NotFoundError, RaydeckError, ReadOnlyError
from console.model.check import ClusterChecks
from console.model.cluster import ClusterSnapshot, ClusterSpec
from console.model.event import Event
from console.model.forward import KeptTunnel, tunnel_key
from console.services.embedded.registry import PROMETHEUS, prometheus_url, running
from console.services.event_log import EventFeed, EventLog
from console.services.fleet import Fleet
from console.services.forwards.control import BackgroundSupervisor
from console.services.forwards.forwards import Forwards
from console.services.forwards.plans import possible_plans, tunnel_plans
from console.services.identity import IdentityMemory
from console.services.kept_logs import LogCopies
from console.services.metrics_watch import MetricsWatch
from console.services.outputs import OutputShelf
from console.services.parameter_sets import ParameterSets
from console.services.path_events import PathEvents
from console.services.preflights import Preflights
from console.services.prober import Prober
from console.services.scrape import Scraped, scraped_of
from console.services.sent import SentShelf
from console.services.state_folder import StateFolder
from console.services.topology import Topology, TopologyChange
from console.services.untold import UntoldJobs


class Options(msgspec.Struct, frozen=True):
    """What stands before the command, and the process's surroundings."""

    config_file: Path | None
    read_only: bool
    environ: Mapping[str, str]
    cwd: Path
    starts_clusters: bool = False  # the demo: its cluster is on its way


class Core:
    """One run of raydeck, whatever its front end."""

    def __init__(self, options: Options, clock: Callable[[], float] = time.time) -> None:
        self.options = options
        self.clock = clock
        self.note: Callable[[str], None] = lambda _: None  # what a front end tells in passing, and is no error
        self.state = StateFolder.from_environment(options.environ)
        self.topology = Topology(
            options.config_file,
            options.environ,
            options.cwd,
            embedded=lambda: running(self.state),
            embedded_soon=options.starts_clusters,
            clock=clock,
        )
        self.shelf = OutputShelf(self.state, clock)
        self.parameters = ParameterSets(self.state)
        self.sent = SentShelf(self.state)
        self.logs = LogCopies(self.state, clock)
        self.event_log = EventLog(self.state)
        self.events = EventFeed(self.event_log)
        self.forwards = Forwards(self.state, options.environ, clock=clock)
        self.prober = Prober(
            lambda: self.topology.current.config,
            IdentityMemory(self.state, clock, lambda: not self.read_only),
            token_of=lambda spec: auth_token(spec, options.environ),
            scraped_of=self._scraped,
            clock=clock,
        )
        metrics = MetricsWatch(
            lambda spec: _prometheus_of(spec, self.topology.current.config.prometheus, self.state),
            _make_prometheus,
            stale_after_s=lambda: self.stale_after_s,
            clock=clock,
        )
        self.untold = UntoldJobs(self._tell_event, clock)
        self.fleet = Fleet(self._make_dashboard, refresh_s=2.0, metrics=metrics, observe=self._observe, clock=clock)
        self.prober.listen(self.fleet.take_path)
        self.preflights = Preflights(self.fleet, self._path_checks)
        PathEvents(self.events.tell, clock).follow(self.prober)

    def load(self) -> TopologyChange:
        """Read the configuration and see which embedded clusters run; raise ConfigError."""
        change = self.topology.load()
        self.fleet.refresh_s = change.config.console.refresh_s
        return change

    async def begin(self) -> tuple[str, ...]:
        """Make the clusters of the topology the fleet's; return the names whose polling has to start."""
        self.prober.take_over(self.topology.current.clusters)
        return await self.fleet.take_over(self.topology.current.clusters)

    async def close(self) -> None:
        """Close every connection and every forward."""
        await self.untold.close()
        await self.forwards.close()
        await self.prober.close()
        await self.fleet.close()

    @property
    def stale_after_s(self) -> float:
        """Return from what age on a figure is stale."""
        return self.topology.current.config.console.stale_after_s

    @property
    def read_only(self) -> bool:
        """Return whether whatever changes anything is refused."""
        return self.options.read_only or self.topology.current.config.console.read_only

    def refuse_if_read_only(self, what: str) -> None:
        """Raise ReadOnlyError in read-only mode."""
        if self.read_only:
            raise ReadOnlyError(what)

    def searched(self) -> tuple[Path, ...]:
        """Return where clusters.toml is looked for."""
        places = searched_places(self.options.config_file, self.options.environ, self.options.cwd)
        return tuple(place.path for place in places if place.path is not None)

    def bundles(self) -> dict[str, Bundle]:
        """Return the bundled jobs and those of the configuration's job folders, by name."""
        return find_bundles((bundled_folder(), *self.topology.current.config.job_folders))

    def bundle(self, name: str) -> Bundle:
        """Return one bundle; raise NotFoundError."""
        bundles = self.bundles()
        if name not in bundles:
            raise NotFoundError(name, "no such bundled job", f"known: {', '.join(bundles)}")
        return bundles[name]

    async def follow_forwards(self) -> None:
        """Close the forwards of clusters that the configuration does not have any more, renew those that it changed."""
        if self.forwards.tunnels:
            with suppress(RaydeckError):  # what has no plan is refused where the file is read; nothing here ends for it
                await self.forwards.follow(possible_plans(self.topology.current.config))

    async def tunnel_up(self, cluster: str) -> KeptTunnel:
        """Open a cluster's forwards for as long as this process; return how they stand once that was tried.

        On the cluster's own computer these are the reverse ones, from the VM to it, unless it is reached through local
        ones; anywhere else, raise UsageError for a cluster that is not.
        """
        self.refuse_if_read_only("tunnel up")
        checks, config = self.prober.checks(cluster), self.topology.current.config
        is_reverse = checks.is_here and checks.reach != "forward"
        (plan,) = tunnel_plans(config, [], [cluster]) if is_reverse else tunnel_plans(config, [cluster])
        await self.forwards.up([plan])
        tunnel = await self.forwards.settled(plan.key)
        self.prober.ask_now(cluster)
        self.fleet.poller(cluster).refresh()
        return tunnel

    async def tunnel_down(self, cluster: str) -> str:
        """Close a cluster's forwards, those kept in the background, too; return in words what was closed."""
        self.refuse_if_read_only("tunnel down")
        keys = [cluster, tunnel_key(cluster, "reverse")]
        ours = await self.forwards.down(keys)
        theirs = await BackgroundSupervisor(self.state, self.options.environ).down(keys)
        self.prober.ask_now(cluster)
        return "its forwards are closed" if ours or theirs else "raydeck keeps no forwards of it open"

    def _observe(self, snapshot: ClusterSnapshot) -> None:
        self.events.observe(snapshot)
        self.untold.observe(snapshot, self.fleet.dashboard(snapshot.spec.name))

    def _tell_event(self, event: Event) -> None:
        self.events.tell(event)
        self.note(f"{event.cluster}: {event.message}")

    @asynccontextmanager
    async def serving(self, cluster: str, timeout_s: float = 10.0) -> AsyncIterator[ServeClient | None]:
        """Open a client of a cluster's Serve address for a while, None where none is configured."""
        spec = self.fleet.dashboard(cluster).spec
        if spec.serve is None:
            yield None
            return
        client = ServeClient(spec, timeout_s=timeout_s)
        try:
            yield client
        finally:
            await client.close()

    async def walk_and_ask(self, names: Iterable[str]) -> tuple[ClusterSnapshot, ...]:
        """Walk the paths of these clusters, then ask those that a way leads to; each once."""
        wanted = tuple(names)
        await self.prober.ask(wanted)
        return await self.fleet.ask(wanted)

    async def check(self, names: Iterable[str]) -> tuple[ClusterChecks, ...]:
        """Walk the paths of these clusters once, with what ssh and Prometheus can tell."""
        wanted = tuple(names)
        if self.fleet.metrics is not None:
            await self.fleet.metrics.ask_targets()
        return await self.prober.ask(wanted)

    def _path_checks(self, cluster: str) -> ClusterChecks:
        return self.prober.checks(cluster)

    def _scraped(self, cluster: str) -> Scraped | None:
        """Return what its Prometheus told of a cluster's targets, None where it has none."""
        watch = None if self.fleet.metrics is None else self.fleet.metrics.watch_of(cluster)
        return None if watch is None else scraped_of(watch, cluster, self.stale_after_s)

    def _make_dashboard(self, spec: ClusterSpec) -> DashboardClient:
        try:
            return DashboardClient(spec, auth_token(spec, self.options.environ))
        except ConfigError:  # this cluster's row says so; the others do not suffer
            return DashboardClient(spec, None, token_again=lambda: auth_token(spec, self.options.environ))


def _make_prometheus(server: PrometheusServer) -> PrometheusClient:
    return PrometheusClient(server, lambda: bearer_token(server))


def _prometheus_of(
    spec: ClusterSpec, configured: Mapping[str, PrometheusServer], state: StateFolder
) -> PrometheusServer | None:
    """Return the server that has a cluster's series; that of the embedded clusters is in no file."""
    if not spec.embedded:
        return configured.get(spec.prometheus or "")
    url = prometheus_url(state) if spec.prometheus is not None else None
    return None if url is None else PrometheusServer(PROMETHEUS, url)
