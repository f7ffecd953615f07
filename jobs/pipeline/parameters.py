"""The parameters of a job: one JSON object with three sections, read into a frozen value before any work begins.

A job's parameters are the fields of a dataclass, each with its path and its check; ``read`` does the rest. Standard
library only, because a bare cluster has nothing else.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Collection, Iterable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, TypeVar

from pipeline.checks import Check, list_of, mapping_of, text, whole
from pipeline.errors import ParameterError, short

SECTIONS = ("process-parameters", "storage-parameters", "data-parameters")
MOST = 100_000_000

# A cluster that shares its machine with others names its own place in the environment of its jobs.
SERVE_HOST = os.environ.get("RAYDECK_SERVE_HOST", "0.0.0.0")  # noqa: S104 -- in the cluster's own network
SERVE_PORT = int(os.environ.get("RAYDECK_SERVE_PORT", "8350"))

P = TypeVar("P", bound="Parameters")


def parameter(path: str, check: Check, default: Any = MISSING) -> Any:
    """Declare a field that is read from ``path`` (``section.key``); without ``default`` the key must be there."""
    section, _, key = path.partition(".")
    return field(default=default, metadata={"section": section, "key": key, "check": check})


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """What both jobs take: how many workers and actors, the files to generate, the batches, where to serve."""

    workers: int = parameter("process-parameters.worker-number", whole(1, 1000))
    actors: int = parameter("process-parameters.actor-number", whole(1, 1000))
    serve_host: str = parameter("process-parameters.serve-host", text, SERVE_HOST)
    serve_port: int = parameter("process-parameters.serve-port", whole(1, 65535), SERVE_PORT)
    serve_s: int = parameter("process-parameters.serve-seconds", whole(1, 7 * 86400), 120)
    amount: int = parameter("data-parameters.amount", whole(1, MOST))
    lengths: tuple[int, ...] = parameter("data-parameters.lengths", list_of(whole(1, 255)))
    extensions: tuple[str, ...] = parameter("data-parameters.extensions", list_of(text))
    priority: Mapping[str, int] = parameter("data-parameters.priority", mapping_of(whole(-MOST, MOST)))
    tuple_batch: int = parameter("data-parameters.tuple-batch", whole(1, MOST))
    stats_batch: int = parameter("data-parameters.stats-batch", whole(1, MOST))

    def __post_init__(self) -> None:
        for extension in self.extensions:
            if extension not in self.priority:
                raise ParameterError("data-parameters.priority", f"the extension {short(extension)} has no priority")


def read(kind: type[P], argument: str) -> P:
    """Return the parameters that ``argument``, a JSON text, holds. Raise ParameterError naming the key."""
    document = _parse(argument)
    _refuse_unknown("", document, SECTIONS)
    values: dict[str, Any] = {}
    for section in SECTIONS:
        values |= _section_values(kind, section, _section(document, section))
    return kind(**values)


def checksum(argument: str) -> str:
    """Return the SHA-256 of the parameters, whatever the order of the keys and the spaces between them."""
    canonical = json.dumps(json.loads(argument), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode("ascii")).hexdigest()


def _parse(argument: str) -> dict[str, Any]:
    try:
        document = json.loads(argument)
    except (ValueError, RecursionError) as error:
        raise ParameterError("parameters", f"the argument is not JSON: {error}") from None
    if not isinstance(document, dict):
        raise ParameterError("parameters", f"expected one object with {', '.join(SECTIONS)}, got {short(document)}")
    return document


def _section(document: dict[str, Any], section: str) -> dict[str, Any]:
    if section not in document:
        raise ParameterError(section, "is missing")
    found = document[section]
    if not isinstance(found, dict):
        raise ParameterError(section, f"expected an object, got {short(found)}")
    return found


def _section_values(kind: type[P], section: str, given: dict[str, Any]) -> dict[str, Any]:
    """Return the checked values of one section by the names of the fields; absent ones keep their defaults."""
    declared = {f.metadata["key"]: f for f in fields(kind) if f.metadata["section"] == section}
    _refuse_unknown(f"{section}.", given, declared)
    for key, f in declared.items():
        if key not in given and f.default is MISSING:
            raise ParameterError(f"{section}.{key}", "is missing")
    return {
        declared[key].name: _checked(f"{section}.{key}", declared[key].metadata["check"], value)
        for key, value in given.items()
    }


def _refuse_unknown(prefix: str, found: Iterable[str], known: Collection[str]) -> None:
    for key in found:
        if key not in known:
            raise ParameterError(f"{prefix}{key}", f"unknown key (known: {', '.join(known) or 'none'})")


def _checked(path: str, check: Check, value: Any) -> Any:
    try:
        return check(value)
    except ValueError as error:
        raise ParameterError(path, str(error)) from None
