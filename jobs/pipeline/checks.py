"""Checks of single parameter values: each returns the value, or raises ValueError that says what was expected."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection
from typing import Any

from pipeline.errors import short

Check = Callable[[Any], Any]
ADDRESS = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}")


def whole(least: int, most: int) -> Check:
    """Return a check for an integer within ``least..most``; True and 2.0 are none."""

    def check(value: Any) -> Any:
        if type(value) is not int or not least <= value <= most:
            raise _unfit(f"a whole number from {least} to {most}", value)
        return value

    return check


def text(value: Any) -> Any:
    """Check for a text that is not empty."""
    if not isinstance(value, str) or not value:
        raise _unfit("a text", value)
    return value


def number(least: float, most: float) -> Check:
    """Return a check for a number within ``least..most``."""

    def check(value: Any) -> Any:
        if type(value) not in {int, float} or not math.isfinite(value) or not least <= value <= most:
            raise _unfit(f"a number from {least:g} to {most:g}", value)
        return value

    return check


def address(value: Any) -> Any:
    """Check for ``host:port``, without a scheme."""
    if not isinstance(value, str) or not ADDRESS.fullmatch(value) or not 1 <= int(value.rpartition(":")[2]) <= 65535:
        raise _unfit("an address host:port, without a scheme,", value)
    return value


def list_of(item: Check) -> Check:
    """Return a check for a list that is not empty and whose items all pass ``item``; the value is a tuple."""

    def check(value: Any) -> Any:
        if not isinstance(value, list) or not value:
            raise _unfit("a list with at least one item", value)
        return tuple(item(each) for each in value)

    return check


def distinct_list_of(item: Check) -> Check:
    """Return a check for a list, which may be empty, of different items that pass ``item``; the value is a tuple."""

    def check(value: Any) -> Any:
        if not isinstance(value, list):
            raise _unfit("a list", value)
        if len({item(each) for each in value}) < len(value):
            raise _unfit("different items", value)
        return tuple(value)

    return check


def mapping_of(item: Check, names: Collection[str] | None = None) -> Check:
    """Return a check for an object whose values all pass ``item``; its keys are among ``names`` where given."""

    def check(value: Any) -> Any:
        if not isinstance(value, dict):
            raise _unfit("an object", value)
        if names is not None and not value.keys() <= set(names):
            raise _unfit(f"no other names than {', '.join(names)}", value)
        return {key: _named(key, item, each) for key, each in value.items()}

    return check


def _named(key: str, item: Check, value: Any) -> Any:
    try:
        return item(value)
    except ValueError as error:
        msg = f"{short(key)}: {error}"
        raise ValueError(msg) from None


def _unfit(expected: str, value: Any) -> ValueError:
    return ValueError(f"expected {expected}, got {short(value)}")
