"""One parameter of a bundle: its place in the document, its type and range, and the form field that it makes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import UNSET, Struct

from console.bundles.document import set_value, split_path
from console.bundles.values import VALUE_TYPES, Type
from console.errors import ParameterError


class Parameter(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A parameter as its toml declares it.

    ``min`` and ``max`` bound a number, or each number of a list. ``priorities`` is one field for two keys: names with
    numbers at ``path``, and the names, in order, at ``list_path``. ``names`` are all that may be used of the type
    ``weights``. Of the type ``clusters`` are the Ray client addresses of other clusters.
    """

    path: str
    label: str
    type: Type
    default: Any
    help: str = ""
    unit: str = ""
    min: float | None = None
    max: float | None = None
    optional: bool = False
    list_path: str | None = None
    names: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if (self.type == "priorities") != (self.list_path is not None):
            msg = f"{self.path}: list_path belongs to the type priorities, and only there"
            raise ValueError(msg)
        if self.names is not None and self.type != "weights":
            msg = f"{self.path}: names belong to the type weights, and only there"
            raise ValueError(msg)

    @property
    def paths(self) -> tuple[str, ...]:
        """Return the places in the document that this parameter sets."""
        return (self.path,) if self.list_path is None else (self.path, self.list_path)

    def parse(self, text: str) -> Any:
        """Return the value that was typed. Raise ParameterError saying what was expected."""
        try:
            value = VALUE_TYPES[self.type].parse(text)
        except ValueError:
            raise self._unfit(text) from None
        self.check_value(value)
        return value

    def show(self, value: Any) -> str:
        """Return the text that ``parse`` reads back as ``value``."""
        return VALUE_TYPES[self.type].show(value)

    def check_value(self, value: Any) -> None:
        """Raise ParameterError unless ``value`` is of the type and within the range."""
        kind = VALUE_TYPES[self.type]
        if not kind.accepts(value) or not all(map(self._in_range, kind.numbers(value))):
            raise self._unfit(value)
        if self.names is not None and not value.keys() <= set(self.names):
            raise ParameterError(self.path, f"expected only {', '.join(self.names)}, got {_short(value)}", self.help)

    def read_from(self, document: Mapping[str, Any]) -> Any:
        """Return the value in a document that passed ``check``; the default where an optional one is absent."""
        value = _value(document, self.path, self.default)
        if self.list_path is None:
            return value
        return {name: value[name] for name in _value(document, self.list_path, list(value))}

    def write_to(self, document: dict[str, Any], value: Any) -> None:
        """Set ``value`` in the document, in place."""
        set_value(document, self.path, value)
        if self.list_path is not None:
            set_value(document, self.list_path, list(value))

    def check(self, document: Mapping[str, Any]) -> None:
        """Raise ParameterError unless the document holds a fit value, or may go without."""
        absent = [path for path in self.paths if _value(document, path, UNSET) is UNSET]
        if self.optional and len(absent) == len(self.paths):
            return
        if absent:
            raise ParameterError(absent[0], "is missing", self.help)
        self.check_value(_value(document, self.path, None))
        if self.list_path is not None:
            self._check_names(document, self.list_path)

    def _check_names(self, document: Mapping[str, Any], list_path: str) -> None:
        names = _value(document, list_path, None)
        if not VALUE_TYPES["text-list"].accepts(names):
            raise ParameterError(list_path, f"expected a list of words, got {_short(names)}", self.help)
        for name in names:
            if name not in _value(document, self.path, {}):
                raise ParameterError(self.path, f"{name!r} of {list_path} has no number here", self.help)

    def _in_range(self, number: float) -> bool:
        return (self.min is None or number >= self.min) and (self.max is None or number <= self.max)

    def _unfit(self, value: Any) -> ParameterError:
        bounds = {"from": self.min, "to": self.max}
        limits = "".join(f" {word} {bound:.12g}" for word, bound in bounds.items() if bound is not None)
        kind = VALUE_TYPES[self.type]
        example = f" such as {kind.example}," if kind.example else ""
        return ParameterError(self.path, f"expected {kind.words}{limits},{example} got {_short(value)}", self.help)


def _value(document: Mapping[str, Any], path: str, absent: Any) -> Any:
    section, key = split_path(path)
    return document.get(section, {}).get(key, absent)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}…"
