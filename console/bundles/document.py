"""The JSON document of a job's parameters: three sections, whose keys are addressed as ``section.key``."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from console.errors import ParameterError

SECTIONS = ("process-parameters", "storage-parameters", "data-parameters")


def split_path(path: str) -> list[str]:
    """Return the parts of ``section.key…``. Raise ParameterError when it is no such path."""
    parts = path.split(".")
    if len(parts) < 2 or not all(parts) or parts[0] not in SECTIONS:
        raise ParameterError(path or "parameter", "is no path of a parameter", f"such as {SECTIONS[2]}.amount")
    return parts


def set_value(document: dict[str, Any], path: str, value: Any) -> None:
    """Set one value of ``document`` in place, such as ``data-parameters.priority.txt``."""
    *parents, key = split_path(path)
    place = document
    for parent in parents:
        place = place.setdefault(parent, {})
        if not isinstance(place, dict):
            raise ParameterError(path, f"{parent} is not an object, so it has no {key}")
    place[key] = value


def parse_assignment(text: str) -> tuple[str, Any]:
    """Return path and value of ``path=value``; a value that is not JSON is taken as text."""
    path, equals, value = text.partition("=")
    if not equals:
        raise ParameterError(path or "parameter", "has no value", "path=value, such as data-parameters.amount=100")
    split_path(path)
    try:
        return path, json.loads(value)
    except (ValueError, RecursionError):
        return path, value


def parameters_checksum(document: Mapping[str, Any]) -> str:
    """Return the SHA-256 of the parameters by which ``GET /about`` of a bundled job tells of them."""
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode("ascii")).hexdigest()
