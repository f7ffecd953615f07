"""Real Ray clusters for the live tests, started by the product's own code and gone without a trace at the end.

``embedded_cluster`` and ``two_embedded_clusters`` are shared by these tests: submit to them, do not kill them. They end
with the last test here, because even an idle cluster that serves costs a seventh of a core.
``fresh_cluster`` makes clusters that a test may kill. All of them end with the test process, however that ends.
"""

import asyncio
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from console.model.cluster import ClusterSpec
from console.services.embedded import processes
from console.services.embedded.ports import numbers, port_is_free
from console.services.embedded.record import FOLDER, MARKER, Record
from console.services.embedded.registry import EmbeddedCluster, read_records
from console.services.embedded.starter import Starter
from console.services.state_folder import StateFolder


@dataclass(frozen=True)
class LiveCluster:
    """A running embedded cluster. ``state`` is the raydeck state folder in which it is recorded."""

    cluster: EmbeddedCluster
    state: StateFolder
    starter: Starter
    token: str

    @property
    def name(self) -> str:
        return self.cluster.name

    @property
    def spec(self) -> ClusterSpec:
        return self.cluster.spec

    @property
    def record(self) -> Record:
        return next(record for record in read_records(self.state) if record.name == self.name)

    @property
    def environ(self) -> dict[str, str]:
        """The environment in which a ``raydeck`` or a raw Ray driver finds this cluster and its token."""
        ours = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(self.spec.auth_token_file)}
        return os.environ | ours | {"XDG_STATE_HOME": str(self.state.path.parent)}

    def kill_head(self) -> None:
        """SIGKILL to everything but the guard: the dashboard refuses connections from now on."""
        for process in (family := processes.family(self.record)):
            with suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(family, timeout=5)

    def restart_head(self) -> None:
        """Kill the head and start it again, with the same name, ports and token, and a new session name."""
        record = self.record
        self.kill_head()
        assert held_ports(record) == []  # with one of them held it would be given others
        ours = sum(record.role == "ray" for record in read_records(self.state))
        asyncio.run(self.starter.up(ours))


class LiveClusters:
    """The clusters of one state folder."""

    def __init__(self, home: Path) -> None:
        self.state = StateFolder.from_environment({"XDG_STATE_HOME": str(home)})
        self.progress: list[str] = []
        self.starter = Starter(self.state, self.progress.append, keep=False)

    def up(self, clusters: int, cpus: int = 6) -> list[LiveCluster]:
        running = asyncio.run(self.starter.up(clusters, cpus))
        return [LiveCluster(c, self.state, self.starter, _token(c)) for c in running]

    def down(self) -> None:
        records = read_records(self.state)
        asyncio.run(self.starter.down())
        check_gone(records, self.state)


def _token(cluster: EmbeddedCluster) -> str:
    assert cluster.spec.auth_token_file is not None
    return cluster.spec.auth_token_file.read_text()


def only_process(family: Iterable[psutil.Process], fits: Callable[[psutil.Process], bool]) -> psutil.Process:
    """Return the one process that fits; others may end while it is looked for."""
    found = []
    for process in family:
        with suppress(psutil.Error):
            if fits(process):
                found.append(process)
    (only,) = found
    return only


def is_anothers(port: int, record: Record) -> bool:
    """Return whether another cluster listens there: tests beside this one may be given what it has just left."""
    for connection in psutil.net_connections("tcp"):
        if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port and connection.pid is not None:
            with suppress(psutil.Error):
                return psutil.Process(connection.pid).environ().get(MARKER, record.marker) != record.marker
    return False


def held_ports(record: Record, patience_s: float = 30.0) -> list[int]:
    """Which ports of a record it still holds; what was killed holds them for a moment after it can be seen no more."""
    give_up_at = time.monotonic() + patience_s
    while held := [p for p in numbers(record.ports) if not port_is_free(p) and not is_anothers(p, record)]:
        if time.monotonic() > give_up_at:
            break
        time.sleep(0.1)
    return held


def check_gone(records: tuple[Record, ...], state: StateFolder) -> None:
    """No process, no port, no temporary folder and no file of theirs in the state folder is left of ``records``."""
    for record in records:
        assert processes.find(record.guard) is None
        assert processes.family(record) == []
        assert not Path(record.folder).exists()
        assert held_ports(record) == []
    # Of what was started, that is: a `raydeck` that used this folder keeps parameters, outputs and logs in it.
    assert list(state.path.glob(f"{FOLDER}/**/*")) == []


@pytest.fixture(scope="session")
def assert_gone() -> Callable[[tuple[Record, ...], StateFolder], None]:
    """``assert_gone(records, state)`` fails if anything of what was recorded is left on this machine."""
    return check_gone


@pytest.fixture(scope="package")
def shared_clusters(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveClusters]:
    clusters = LiveClusters(tmp_path_factory.mktemp("state"))
    try:
        yield clusters
    finally:
        clusters.down()


@pytest.fixture(scope="package")
def embedded_cluster(shared_clusters: LiveClusters) -> LiveCluster:
    return shared_clusters.up(1)[0]


@pytest.fixture(scope="package")
def two_embedded_clusters(shared_clusters: LiveClusters) -> tuple[LiveCluster, LiveCluster]:
    first, second = shared_clusters.up(2)
    return first, second


@pytest.fixture
def fresh_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., LiveCluster]]:
    """``fresh_cluster(cpus=6)`` starts a cluster of this test alone, in a state folder of its own."""
    made: list[LiveClusters] = []

    def make(cpus: int = 6) -> LiveCluster:
        made.append(LiveClusters(tmp_path_factory.mktemp("state")))
        return made[-1].up(1, cpus)[0]

    yield make
    for clusters in made:
        clusters.down()
