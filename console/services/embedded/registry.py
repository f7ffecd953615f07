"""Which embedded clusters there are: read from the records, believed only while their processes live.

Cheap enough to be asked at every refresh: a few small files, and psutil (imported only when there are any).
"""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from console.model.cluster import ClusterSpec
from console.services.embedded.record import FOLDER, Record, decode_record, log_file, token_file
from console.services.state_folder import StateFolder

PROMETHEUS = "embedded"  # the name under which the configuration knows the Prometheus of the embedded clusters
LABEL = "ray_cluster"


class EmbeddedCluster(Struct, frozen=True, kw_only=True):
    """One embedded cluster and all of its addresses. ``found`` says that it ran before it was asked for."""

    spec: ClusterSpec
    gcs: str
    metrics: str
    log_path: Path
    found: bool = False

    @property
    def name(self) -> str:
        """Return the cluster's name, such as ``embedded-1``."""
        return self.spec.name

    def listening(self) -> tuple[tuple[str, str], ...]:
        """Return what listens where, as pairs of a word and an address or path, in the order to print them."""
        return (
            ("dashboard", self.spec.dashboard),
            ("Serve", self.spec.serve or ""),
            ("client", f"ray://{self.spec.client}"),
            ("GCS", self.gcs),
            ("metrics", self.metrics),
            ("token", str(self.spec.auth_token_file)),
        )


def read_records(state: StateFolder) -> tuple[Record, ...]:
    """Return all readable records, dead ones included, in the order of their numbers."""
    paths = state.at(FOLDER).glob("*.json")
    contents = (state.read(FOLDER, path.name) for path in paths if not path.name.endswith(".targets.json"))
    records = (decode_record(content) for content in contents if content)
    return tuple(sorted((record for record in records if record), key=lambda r: (r.role, number(r.name))))


def number(name: str) -> int:
    """Return the number at the end of ``embedded-3``."""
    digits = name.rpartition("-")[2]
    return int(digits) if digits.isdecimal() else 0


def running(state: StateFolder) -> tuple[ClusterSpec, ...]:
    """Return the embedded clusters whose processes live, those that are still being started included."""
    records = [record for record in read_records(state) if is_alive(record)]
    watched = any(record.role == "prometheus" for record in records)
    return tuple(describe(state, record, watched=watched).spec for record in records if record.role == "ray")


def prometheus_url(state: StateFolder) -> str | None:
    """Return the URL of the Prometheus that scrapes the embedded clusters, None when there is none."""
    for record in read_records(state):
        if record.role == "prometheus" and is_alive(record):
            return f"http://127.0.0.1:{record.ports.dashboard}"
    return None


def is_alive(record: Record) -> bool:
    """Return whether the guard lives, or else any process that it had noted."""
    from console.services.embedded.processes import find  # noqa: PLC0415 -- psutil costs the start of the console 20 ms

    return any(find(known) for known in (record.guard, *record.processes))


def describe(state: StateFolder, record: Record, *, watched: bool, found: bool = False) -> EmbeddedCluster:
    """Return the cluster of a record; ``watched`` says that a Prometheus scrapes it."""
    ports = record.ports
    spec = ClusterSpec(
        name=record.name,
        kind="local",
        dashboard=f"http://127.0.0.1:{ports.dashboard}",
        serve=f"http://127.0.0.1:{ports.serve}",
        client=f"127.0.0.1:{ports.client}",
        prometheus=PROMETHEUS if watched else None,
        series={LABEL: record.name} if watched else {},
        expected_nodes=1,
        auth_token_file=state.at(FOLDER, token_file(record.name)),
        serve_host="127.0.0.1",
        serve_port=ports.serve,
        embedded=True,
        starting=record.phase == "starting",
    )
    return EmbeddedCluster(
        spec=spec,
        gcs=f"127.0.0.1:{ports.gcs}",
        metrics=f"http://127.0.0.1:{ports.metrics}/metrics",
        log_path=state.at(FOLDER, log_file(record.name)),
        found=found,
    )
