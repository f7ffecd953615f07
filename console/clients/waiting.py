"""What waits on a head, as the dashboard and the state API tell of it (read in Ray 2.49.2 and 2.60)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import msgspec

from console.model.diagnosis import Demand, Resources

_WAITING = frozenset({"PENDING_NODE_ASSIGNMENT", "PENDING_CREATION", "DEPENDENCIES_UNREADY"})


class _Report(msgspec.Struct, rename="camel"):
    usage: dict[str, Any] = {}
    resource_demand: list[tuple[dict[str, float], int]] = []
    node_types: list[tuple[dict[str, float], int]] = []


class _Status(msgspec.Struct, rename="camel"):
    load_metrics_report: _Report | None = None


class _Body(msgspec.Struct, rename="camel"):
    cluster_status: _Status | None = None


class StatusReply(msgspec.Struct):
    """The reply of ``/api/cluster_status``, as far as it bears on waiting."""

    data: _Body


class _Task(msgspec.Struct):
    name: str | None = None
    state: str = ""
    required_resources: dict[str, float] | None = None


class _Tasks(msgspec.Struct):
    result: list[_Task] = []


class _TasksData(msgspec.Struct):
    result: _Tasks


class TasksReply(msgspec.Struct):
    """The reply of ``/api/v0/tasks``."""

    data: _TasksData


def question(job_id: str) -> Mapping[str, str | int]:
    """Return the parameters that ask for the tasks of one job."""
    wanted = {"filter_keys": "job_id", "filter_predicates": "=", "filter_values": job_id}
    return {"limit": 1000, "detail": 1, **wanted}


def resources(reply: StatusReply) -> Resources:
    """Return usage, the largest node and the demand of a cluster; keys of nodes are left out."""
    status = reply.data.cluster_status
    report = (status.load_metrics_report if status else None) or _Report()
    usage = {key: (float(pair[0]), float(pair[1])) for key, pair in report.usage.items() if _is_pair(pair)}
    largest: dict[str, float] = {}
    for node, _ in report.node_types:
        for key, most in node.items():
            largest[key] = max(most, largest.get(key, 0.0))
    demand = tuple(Demand(_plain(wanted), count) for wanted, count in report.resource_demand)
    return Resources(_plain(usage), _plain(largest), demand)


def tasks(reply: TasksReply) -> tuple[Demand, ...]:
    """Return the tasks without a node, those of one name and one demand counted together."""
    found = Counter(
        (task.name or "", tuple(sorted((task.required_resources or {}).items())))
        for task in reply.data.result.result
        if task.state in _WAITING
    )
    return tuple(Demand(dict(wanted), count, name) for (name, wanted), count in found.items())


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if not name.startswith("node:")}


def _is_pair(value: object) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(isinstance(number, int | float) for number in value)
