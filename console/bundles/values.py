"""The types that a parameter may have: what a value must be, how it is typed into a field, how it is shown there.

Errors are ValueErrors that say what was expected; who knows the parameter's path makes ParameterErrors of them.
"""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Callable
from typing import Any, Literal, TypeVar

from msgspec import Struct

Type = Literal["int", "float", "text", "int-list", "text-list", "priorities", "weights", "clusters"]
_ADDRESS = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):([0-9]{1,5})")

Number = TypeVar("Number", int, float)


class ValueType(Struct, frozen=True):
    """``accepts`` judges a value without its range, ``numbers`` are what the range is for."""

    words: str
    example: str
    accepts: Callable[[Any], bool]
    parse: Callable[[str], Any]
    show: Callable[[Any], str]
    numbers: Callable[[Any], list[float]]


def _is_int(value: Any) -> bool:
    return type(value) is int


def _is_float(value: Any) -> bool:
    return type(value) in {int, float} and math.isfinite(value)


def _is_int_list(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(map(_is_int, value))


def _is_text_list(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, str) and item for item in value)


def _is_priorities(value: Any) -> bool:
    return isinstance(value, dict) and bool(value) and all(map(_is_int, value.values()))


def _is_weights(value: Any) -> bool:
    return isinstance(value, dict) and all(map(_is_float, value.values()))


def _is_addresses(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_address, value)) and len(set(value)) == len(value)


def _is_address(value: Any) -> bool:
    found = _ADDRESS.fullmatch(value) if isinstance(value, str) else None
    return found is not None and 1 <= int(found[1]) <= 65535


def _parse_int_list(text: str) -> list[int]:
    return [int(item) for item in re.split(r"[\s,]+", text.strip(" \t\n,"))]


def _parse_named(text: str, number_of: Callable[[str], Number]) -> dict[str, Number]:
    found: dict[str, Number] = {}
    for item in shlex.split(text):
        name, equals, number = item.rpartition("=")
        if not equals or not name or name in found:
            msg = f"{item!r} is not a new name=number"
            raise ValueError(msg)
        found[name] = number_of(number)
    return found


def _show_float(value: float) -> str:
    return repr(value).removesuffix(".0")


def _show_list(value: list[Any]) -> str:
    return shlex.join(map(str, value))


def _show_named(value: dict[str, float]) -> str:
    return shlex.join(f"{name}={_show_float(number)}" for name, number in value.items())


VALUE_TYPES: dict[Type, ValueType] = {
    "int": ValueType("a whole number", "", _is_int, int, str, lambda value: [value]),
    "float": ValueType("a number", "", _is_float, float, _show_float, lambda value: [value]),
    "text": ValueType("a text", "", lambda value: isinstance(value, str), str, str, lambda _: []),
    "int-list": ValueType("whole numbers", "2 3 4", _is_int_list, _parse_int_list, _show_list, list),
    "text-list": ValueType("words", "red green", _is_text_list, shlex.split, _show_list, lambda _: []),
    "priorities": ValueType(
        "names with numbers",
        "txt=1 py=2",
        _is_priorities,
        lambda text: _parse_named(text, int),
        _show_named,
        lambda value: list(value.values()),
    ),
    "weights": ValueType(
        "names with numbers",
        "CPU=0.6 RAM=0.4",
        _is_weights,
        lambda text: _parse_named(text, float),
        _show_named,
        lambda value: list(value.values()),
    ),
    "clusters": ValueType(
        "different addresses host:port",
        "192.168.1.19:8151",
        _is_addresses,
        str.split,
        " ".join,
        lambda _: [],
    ),
}
