"""Saved sets of a job's parameters: the ones an operator named, and the last one that was submitted.

A set is the whole JSON object, a file of its own, so that ``raydeck submit --params FILE`` takes it as it is. There
are no environment variables in it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from console.bundles import Bundle
from console.errors import ParameterError
from console.services.state_folder import StateFolder

LAST = "last"
_FOLDER = "parameters"


class ParameterSets:
    """The sets of all jobs in the state folder: ``parameters/<job>/<name>.json``."""

    def __init__(self, state: StateFolder) -> None:
        self._state = state

    def save(self, bundle: Bundle, name: str, document: Mapping[str, Any]) -> None:
        """Save a set; one of the same name is replaced. Raise ParameterError for what cannot be a name."""
        content = json.dumps(document, indent=1, ensure_ascii=True).encode()
        try:
            self._state.write(content, _FOLDER, bundle.name, f"{name}.json")
        except ValueError as error:
            raise ParameterError(name, "is no name for a set: letters, digits, - . and _ only") from error
        except OSError as error:
            raise ParameterError(name, f"cannot be saved: {error.strerror}") from error

    def names(self, bundle: Bundle) -> tuple[str, ...]:
        """Return the names of a job's sets, the last submitted one first."""
        try:
            folder = self._state.at(_FOLDER, bundle.name)
        except ValueError:  # a job whose file's name is no plain one has no sets
            return ()
        names = sorted(path.stem for path in folder.glob("*.json") if not path.name.startswith("."))
        return tuple(sorted(names, key=lambda name: name != LAST))

    def load(self, bundle: Bundle, name: str) -> dict[str, Any]:
        """Return a set that still fits the job; raise ParameterError where it does not, or is not there."""
        try:
            content = self._state.read(_FOLDER, bundle.name, f"{name}.json")
            document = json.loads(content) if content is not None else None
        except (ValueError, OSError, RecursionError) as error:
            raise ParameterError(name, "is not a saved set that can be read") from error
        if document is None:
            raise ParameterError(name, f"{bundle.name} has no such saved set")
        bundle.check(document)
        return dict(document)
