"""What is written down about an embedded process group, and what a guard is told to start: plain values.

The files are ``embedded/NAME.json`` (the record), ``NAME.token``, ``NAME.log`` (what the start printed) and, for
Prometheus, ``NAME.targets.json``.
"""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec import Struct

FOLDER = "embedded"
MARKER = "RAYDECK_EMBEDDED"  # an environment variable that everything started for a cluster inherits

Role = Literal["ray", "prometheus"]
Phase = Literal["starting", "running"]


class Mark(Struct, frozen=True):
    """A process beyond doubt: ``pid`` alone may be somebody else's by now. ``created`` is in Unix seconds."""

    pid: int
    created: float


class Ports(Struct, frozen=True):
    """The ports of one cluster; Prometheus has only ``dashboard`` of its own."""

    metrics: int
    client: int
    serve: int
    dashboard: int
    agent_http: int
    agent_grpc: int
    runtime_env: int
    autoscaler_metrics: int
    dashboard_metrics: int
    gcs: int


class Plan(Struct, frozen=True, kw_only=True):
    """What a guard starts. It travels through the guard's standard input, so the token is in no command line."""

    name: str
    role: Role
    state_folder: str
    folder: str  # the cluster's own temporary folder, not made yet
    ports: Ports
    token: str
    marker: str
    starter: Mark
    kept: bool  # to be handed over by the starter, else it lives as long as the starter
    cpus: int = 0
    program: str = ""  # the path of the Prometheus binary
    deadline_s: float = 90.0


class Record(Struct, frozen=True, kw_only=True):
    """What one guard guards. ``starter`` is None once the cluster was handed over."""

    name: str
    role: Role
    phase: Phase
    guard: Mark
    starter: Mark | None
    kept: bool
    marker: str
    folder: str
    ports: Ports
    processes: tuple[Mark, ...] = ()


class Event(Struct, frozen=True):
    """What a guard tells its starter, one JSON line each; ``error`` goes with ``failed``."""

    event: Literal["starting", "running", "failed"]
    error: str = ""


def record_file(name: str) -> str:
    """Return the name of the record's file."""
    return f"{name}.json"


def token_file(name: str) -> str:
    """Return the name of the file that holds the cluster's token."""
    return f"{name}.token"


def log_file(name: str) -> str:
    """Return the name of the file that holds what the start printed."""
    return f"{name}.log"


def targets_file(name: str) -> str:
    """Return the name of the file that tells Prometheus where the cluster's metrics are."""
    return f"{name}.targets.json"


def decode_record(content: bytes) -> Record | None:
    """Return the record, None for what is none (a file of another version, or damaged by hand)."""
    try:
        return msgspec.json.decode(content, type=Record)
    except msgspec.MsgspecError:
        return None
