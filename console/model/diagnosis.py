"""Why a job waits or failed, as far as its head tells: what was found, and what was concluded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

from console.model.job import Job

Cause = Literal[
    "out of memory",
    "missing module",
    "lost node",
    "lost worker",
    "exit code",
    "runtime environment",
    "not scheduled",
    "supervisor",
    "waits for resources",
    "starts",
    "stopped",
    "runs",
    "succeeded",
    "driver",
    "unknown",
]


class Demand(Struct, frozen=True):
    """``count`` tasks or actors that want these logical resources each and have not got them; ``name`` may be empty."""

    resources: Mapping[str, float]
    count: int
    name: str = ""


class Resources(Struct, frozen=True):
    """Logical resources of a cluster as used and total, the most that one node has, and what waits for some."""

    usage: Mapping[str, tuple[float, float]]
    largest: Mapping[str, float]
    demand: tuple[Demand, ...]


class DeadNode(Struct, frozen=True):
    """A node that is dead: when it died (Unix seconds, None: not known) and why."""

    node_id: str
    ip: str
    died_at: float | None
    why: str

    @property
    def name(self) -> str:
        """Return what an operator calls it."""
        return self.ip or self.node_id[:12]


class Evidence(Struct, frozen=True, kw_only=True):
    """What was asked of the head. None is what it did not tell.

    ``usage``: logical resources as used and total; ``largest``: the most that a single node has of each. ``waiting``
    are the job's own tasks that have no node, ``demand`` everything that waits in the cluster. ``log`` is the end of
    the job's log.
    """

    job: Job
    usage: Mapping[str, tuple[float, float]] | None = None
    largest: Mapping[str, float] | None = None
    waiting: tuple[Demand, ...] | None = None
    demand: tuple[Demand, ...] | None = None
    log: str | None = None
    dead_nodes: tuple[DeadNode, ...] = ()


class Diagnosis(Struct, frozen=True):
    """``headline`` in a line, ``details`` below it, ``hint`` what to do or to type, empty where nothing is known."""

    cause: Cause
    headline: str
    details: tuple[str, ...] = ()
    hint: str = ""
