"""A bundle as its toml declares it, and what follows: defaults, checks, resources, the command to submit."""

from __future__ import annotations

import copy
import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from msgspec import Struct

from console.bundles.document import SECTIONS
from console.bundles.parameter import Parameter
from console.errors import ParameterError

GIB = 1024**3
MAX_ARGUMENT_BYTES = 120_000  # Linux takes 128 KiB in one argument, quotes included
FILLED_TYPES: Mapping[str, type] = {"serve-host": str, "serve-port": int}


class Needs(Struct, frozen=True):
    """Logical resources that a job wants at the same time."""

    cpus: float
    memory_bytes: float
    gpus: float


class Output(Struct, frozen=True, forbid_unknown_fields=True):
    """Where a job serves its output, where it says whose it is, and the words in its log that say "now"."""

    route: str
    about_route: str
    ready: str


class Resources(Struct, frozen=True, forbid_unknown_fields=True):
    """Fixed amounts, and amounts for each unit of a parameter's value, by its path."""

    cpus: float = 0
    memory_gib: float = 0
    gpus: float = 0
    cpus_each: Mapping[str, float] = {}
    memory_gib_each: Mapping[str, float] = {}
    gpus_each: Mapping[str, float] = {}


class Declaration(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What ``<name>.toml`` holds. ``filled`` names the parameters that the console sets, by what it sets there.

    ``resources`` are those of the cluster that it is submitted to, ``other_resources`` those of each other one.
    """

    title: str
    entrypoint: str
    help: str = ""
    parameters: tuple[Parameter, ...] = ()
    output: Output | None = None
    resources: Resources = Resources()
    other_resources: Resources = Resources()
    filled: Mapping[Literal["serve-host", "serve-port"], str] = {}


class Bundle(Struct, frozen=True):
    """A packaged job; ``folder`` is the working dir that is submitted with it."""

    name: str
    folder: Path
    declared: Declaration

    @property
    def title(self) -> str:
        """Return the name for people."""
        return self.declared.title

    @property
    def help(self) -> str:
        """Return what it does, in a line."""
        return self.declared.help

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """Return the parameters in the order of the form."""
        return self.declared.parameters

    @property
    def output(self) -> Output | None:
        """Return where its output is had, None for a job without one."""
        return self.declared.output

    @property
    def filled(self) -> Mapping[str, str]:
        """Return the paths that the console sets from the cluster, by ``serve-host`` and ``serve-port``."""
        return {str(name): path for name, path in self.declared.filled.items()}

    def defaults(self) -> dict[str, Any]:
        """Return the whole document with every parameter at its default."""
        document: dict[str, Any] = {section: {} for section in SECTIONS}
        for parameter in self.parameters:
            parameter.write_to(document, copy.deepcopy(parameter.default))
        return document

    def check(self, document: Any) -> None:
        """Raise ParameterError, naming the path, unless the job can be started with this document."""
        sections = _object("parameters", document)
        _refuse_unknown("", sections, SECTIONS)
        known = [path for parameter in self.parameters for path in parameter.paths] + list(self.filled.values())
        for section in SECTIONS:
            if section not in sections:
                raise ParameterError(section, "is missing", "it may be empty: {}")
            keys = [path.removeprefix(f"{section}.") for path in known if path.startswith(f"{section}.")]
            _refuse_unknown(f"{section}.", _object(section, sections[section]), keys)
        for parameter in self.parameters:
            parameter.check(sections)
        self._check_filled(sections)

    @property
    def others(self) -> Parameter | None:
        """Return the parameter that takes the other clusters' addresses, None for a job on one cluster."""
        return next((parameter for parameter in self.parameters if parameter.type == "clusters"), None)

    def needs(self, document: Mapping[str, Any]) -> Needs:
        """Return what the job wants, with this document, which passed ``check``, of the cluster it is submitted to."""
        return self._needs(self.declared.resources, document)

    def needs_of_others(self, document: Mapping[str, Any]) -> Needs:
        """Return what the job wants of each other cluster."""
        return self._needs(self.declared.other_resources, document)

    def _needs(self, resources: Resources, document: Mapping[str, Any]) -> Needs:
        return Needs(
            cpus=resources.cpus + self._each(resources.cpus_each, document),
            memory_bytes=GIB * (resources.memory_gib + self._each(resources.memory_gib_each, document)),
            gpus=resources.gpus + self._each(resources.gpus_each, document),
        )

    def command(self, document: Mapping[str, Any]) -> str:
        """Return the entrypoint with the document as its one argument, quoted for the shell that starts it."""
        argument = shlex.quote(json.dumps(document))
        if len(argument) > MAX_ARGUMENT_BYTES:
            raise ParameterError("parameters", f"{len(argument)} bytes are more than a command line may hold")
        return f"{self.declared.entrypoint} {argument}"

    def _each(self, amounts: Mapping[str, float], document: Mapping[str, Any]) -> float:
        values = {parameter.path: parameter for parameter in self.parameters}
        return sum(amount * float(values[path].read_from(document)) for path, amount in amounts.items())

    def _check_filled(self, document: Mapping[str, Any]) -> None:
        for name, path in self.filled.items():
            section, _, key = path.partition(".")
            value = document[section].get(key)
            if value is not None and type(value) is not FILLED_TYPES[name]:
                raise ParameterError(path, f"expected {FILLED_TYPES[name].__name__}, got {value!r}")


def _object(path: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ParameterError(path, "expected an object", f"with {', '.join(SECTIONS)}" if path == "parameters" else "")
    return value


def _refuse_unknown(prefix: str, found: Mapping[str, Any], known: list[str] | tuple[str, ...]) -> None:
    for key in found:
        if key not in known:
            raise ParameterError(f"{prefix}{key}", "unknown key", f"known: {', '.join(known) or 'none'}")
