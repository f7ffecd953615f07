"""What is known of a cluster at one moment: frozen, so that threads, tasks and screens can share it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Literal

from msgspec import Struct

from console.model.job import Job, JobCounts
from console.model.portplan import PortPlan

Kind = Literal["local", "cloud", "hpc"]
Reach = Literal["gateway", "vm", "forward"]
Source = Literal["prometheus", "dashboard"]

# The ports inside a cluster: the Compose heads' own, and KubeRay's for Serve.
DASHBOARD_PORT, CLIENT_PORT, SERVE_PORT, KUBERAY_SERVE_PORT = 8265, 10001, 8350, 8000


class State(StrEnum):
    """Contract: a state is only what was verified; ``UNKNOWN`` is not asked yet."""

    UP = "up"
    DEGRADED = "degraded"
    DOWN = "down"
    UNKNOWN = "unknown"


class TunnelSpec(Struct, frozen=True):
    """The reverse tunnel of a cluster: which ``[ssh.NAME]`` it ends on and its slot in the port plan."""

    via: str
    slot: int


class ClusterSpec(Struct, frozen=True, kw_only=True):
    """One configured cluster, every address resolved.

    ``dashboard`` and ``serve`` are URLs as this console reaches them. ``client`` is ``host:port`` as the *main
    cluster's driver* sees it. ``serve_host`` and ``serve_port`` are what a job binds inside the cluster.
    """

    name: str
    kind: Kind
    dashboard: str
    serve: str | None = None
    client: str | None = None
    prometheus: str | None = None
    series: Mapping[str, str] = {}
    expected_nodes: int | None = None
    tunnel: TunnelSpec | None = None
    reach: Reach | None = None
    plan: PortPlan | None = None
    auth_token_file: Path | None = None
    serve_host: str = "0.0.0.0"  # noqa: S104 -- inside the cluster's own network; an embedded cluster says 127.0.0.1
    serve_port: int = SERVE_PORT
    embedded: bool = False
    implicit: bool = False  # no file names it: Ray's own environment variables say where it is and which token it takes
    starting: bool = False  # an embedded cluster whose head is being started: not answering is no fault yet


class Fault(Struct, frozen=True):
    """Something that is wrong: who says so, what, how to mend it, and since when (Unix seconds).

    ``kind`` tells it from others of its source where the words change while it stays the same.
    """

    source: str
    message: str
    hint: str
    since: float
    kind: str = ""


class Sample(Struct, frozen=True, gc=False):
    """One figure; ``sampled_at`` (Unix seconds) is when its source measured it, not when we asked."""

    value: float
    sampled_at: float
    source: Source


class Gpu(Struct, frozen=True, gc=False):
    """One GPU of a node; ``used_percent`` is None where the driver cannot measure it."""

    index: int
    uuid: str | None
    name: str
    used_percent: float | None
    memory_used_bytes: float | None
    memory_total_bytes: float | None
    power_watts: float | None = None
    temperature_celsius: float | None = None
    sampled_at: float | None = None
    source: Source = "dashboard"


class Node(Struct, frozen=True, gc=False):
    """One node; ``samples`` is keyed by the names of METRICS. An IP alone identifies no node."""

    node_id: str
    ip: str
    hostname: str
    role: Literal["head", "worker"]
    alive: bool
    samples: Mapping[str, Sample] = {}
    gpus: tuple[Gpu, ...] = ()
    logical_gpus: float = 0.0  # what Ray would hand out, whether or not there are any
    died_at: float | None = None
    death_message: str = ""
    scrape_interval_s: float | None = None  # of the target that tells of it, None where no Prometheus does

    def value(self, metric: str) -> float | None:
        """Return the figure of ``metric``, None where it is unknown."""
        sample = self.samples.get(metric)
        return None if sample is None else sample.value


class FreeResources(Struct, frozen=True):
    """Logical resources that Ray would still hand out: slots, bytes, slots.

    ``counted_at`` is when the head counted them, in Unix seconds by its own clock, None where it does not say. It
    counts every 5 s, so what has just ended still seems to hold its own.
    """

    cpus: float
    memory_bytes: float
    gpus: float
    counted_at: float | None = None


class Identity(Struct, frozen=True):
    """Who answers on a dashboard address; the session name changes at each start of the head."""

    ray_version: str
    session_name: str


class TunnelState(Struct, frozen=True):
    """How many of a path's services answer, how many have to, and the name of the first broken hop."""

    ok: int
    total: int
    first_broken: str | None


class ClusterSnapshot(Struct, frozen=True, kw_only=True):
    """All that one poll found out, and what is still known from earlier ones.

    ``taken_at`` is when this snapshot was made, ``answered_at`` when the cluster last answered (Unix seconds, None:
    never). A failed poll keeps the last nodes and jobs, so that the screen can show them as old. ``figures`` are the
    whole cluster's as Prometheus has them, by names of METRICS and ``gpu_count``; ``scrape_interval_s`` is how often
    it is scraped, and so how old its figures may be. ``exported`` are the names of the series that its nodes have in
    Prometheus, None while that has not told of them. ``tunnel`` is None while its path has not been walked;
    ``dark_at`` is when a walk last found that no way leads to the cluster, None while one does.
    """

    spec: ClusterSpec
    taken_at: float
    state: State = State.UNKNOWN
    answered_at: float | None = None
    identity: Identity | None = None
    nodes: tuple[Node, ...] = ()
    jobs: tuple[Job, ...] | None = None
    job_counts: JobCounts | None = None
    free: FreeResources | None = None
    faults: tuple[Fault, ...] = ()
    figures: Mapping[str, Sample] = {}
    scrape_interval_s: float | None = None
    exported: frozenset[str] | None = None
    tunnel: TunnelState | None = None
    dark_at: float | None = None

    @property
    def alive_nodes(self) -> tuple[Node, ...]:
        """Return the nodes that Ray calls alive."""
        return tuple(node for node in self.nodes if node.alive)

    @property
    def state_at(self) -> float:
        """Return when the state was last found out (Unix seconds); figures that come in between do not renew it."""
        return self.taken_at if self.dark_at is None else self.dark_at
