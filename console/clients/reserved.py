"""What a submission's entrypoint has to itself: the Jobs API does not tell, the state API knows it of its supervisor.

Read in Ray 2.49.2 and 2.60: the supervisor is an actor whose name holds the submission id and whose resources are
those that the submission asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

_NAME = "_ray_internal_job_actor_"
_OWN_LABEL = "ray.io/node-id"  # Ray's own, where nothing was reserved: the head's node
_FIELDS = {"CPU": "entrypoint_num_cpus", "GPU": "entrypoint_num_gpus"}


class _Actor(msgspec.Struct):
    name: str | None = None
    required_resources: dict[str, float] | None = None
    label_selector: dict[str, str] | None = None


class _Actors(msgspec.Struct):
    result: list[_Actor] = []


class _ActorsData(msgspec.Struct):
    result: _Actors


class ActorsReply(msgspec.Struct):
    """The reply of ``/api/v0/actors``."""

    data: _ActorsData


def question(submission_id: str) -> Mapping[str, str | int]:
    """Return the parameters that ask for one supervisor."""
    wanted = {"filter_keys": "name", "filter_predicates": "=", "filter_values": _NAME + submission_id}
    return {"limit": 1, "detail": 1, **wanted}


def reserved(reply: ActorsReply, submission_id: str) -> dict[str, Any] | None:
    """Return what was reserved, by the names of Ray's client; None when the supervisor is not known any more."""
    actor = next((actor for actor in reply.data.result.result if actor.name == _NAME + submission_id), None)
    if actor is None:
        return None
    wanted = dict(actor.required_resources or {})
    found: dict[str, Any] = {field: wanted.pop(name) for name, field in _FIELDS.items() if name in wanted}
    if "memory" in wanted:
        found["entrypoint_memory"] = int(wanted.pop("memory"))
    if wanted:
        found["entrypoint_resources"] = wanted
    labels = {name: value for name, value in (actor.label_selector or {}).items() if name != _OWN_LABEL}
    return found | ({"entrypoint_label_selector": labels} if labels else {})
