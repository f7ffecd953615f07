"""What Prometheus knows of clusters: figures with their ages, scrape targets, lines over time. Frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

from console.model.cluster import Fault, Gpu, Sample, Source

STALE_INTERVALS = 2.5  # contract: a figure is stale when it is older than so many scrape intervals

Health = Literal["up", "down", "unknown"]


class ClusterFigures(Struct, frozen=True):
    """The figures of one whole cluster, aggregated by the server.

    ``samples`` is keyed by the names of METRICS, and ``gpu_count``; its ages are those of the oldest contribution.
    """

    samples: Mapping[str, Sample] = {}


class NodeFigures(Struct, frozen=True):
    """What the series of one scraped node say; ``role`` is None before Ray 2.40, which did not tell it."""

    ip: str
    instance: str
    role: str | None
    samples: Mapping[str, Sample] = {}
    gpus: tuple[Gpu, ...] = ()


class Session(Struct, frozen=True):
    """One session of Ray that Prometheus has series of, with the labels by which clusters are told apart."""

    labels: Mapping[str, str]
    name: str


class Target(Struct, frozen=True):
    """One scrape target of a cluster. Times in Unix seconds and seconds; ``error`` is Prometheus' own."""

    cluster: str
    server: str
    job: str
    instance: str
    health: Health
    error: str = ""
    scraped_at: float | None = None
    duration_s: float | None = None
    interval_s: float | None = None


class Line(Struct, frozen=True):
    """One metric over time: ``points`` are (Unix seconds, value), None where nothing was measured.

    ``node`` is an address, empty for the whole cluster; ``gpu`` an index, None for what is not of one GPU.
    """

    metric: str
    node: str
    gpu: int | None
    source: Source
    points: tuple[tuple[float, float | None], ...] = ()


class ServerState(Struct, frozen=True):
    """How one Prometheus server is: ``answered_at`` (Unix seconds) None before its first answer.

    ``targets_fault`` is why it told no scrape targets, which need not concern its figures.
    """

    name: str
    url: str
    answered_at: float | None
    fault: Fault | None
    targets_fault: Fault | None = None


def stale_limit_s(stale_after_s: float, interval_s: float | None) -> float:
    """Return the age from which a figure is stale: the larger of the configured one and 2.5 scrape intervals."""
    return max(stale_after_s, STALE_INTERVALS * interval_s if interval_s is not None else 0.0)


class Trouble(Struct, frozen=True):
    """Something wrong with what Prometheus says of a cluster; ``kind`` stays while the words may change."""

    kind: str
    message: str
    hint: str = ""


class ClusterView(Struct, frozen=True):
    """All that a server knows of one cluster now. ``sessions`` are those that its series are of.

    ``intervals`` are how often each instance is scraped, ``interval_s`` the longest of them. ``exported`` are the names
    of the series of its nodes, None while it has not told of them.
    """

    figures: ClusterFigures = ClusterFigures()
    nodes: tuple[NodeFigures, ...] = ()
    interval_s: float | None = None
    sessions: frozenset[str] = frozenset()
    troubles: tuple[Trouble, ...] = ()
    intervals: Mapping[str, float] = {}
    exported: frozenset[str] | None = None
