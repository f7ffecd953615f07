"""From bytes to typed tables: TOML syntax, unknown keys, types. Owns how an error names its place and shows a value.

What stands in the file may be anything; nothing of it reaches a message before it passed ``shown`` or ``clean``.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from typing import TypeVar

import msgspec
from msgspec import Struct

from console.config.schema import Table, expected
from console.errors import ConfigError

LONGEST_BYTES = 1 << 20
_SHOWN_CHARACTERS = 60
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]{1,40}")
_TOML_PLACE = re.compile(r" \((?:at line (?P<line>\d+), column (?P<column>\d+)|at end of document)\)$")
_MSGSPEC_PATH = re.compile(r" - at `\$(?P<path>[^`]*)`$")

T = TypeVar("T", bound=Struct)


class At(Struct, frozen=True):
    """A place in the file: its key path, and which cluster it belongs to."""

    file: str
    path: str = ""
    subject: str = ""

    def key(self, name: str) -> At:
        """Return the place of a key below this one."""
        part = name if _BARE_KEY.fullmatch(name) else shown(name)
        return At(self.file, f"{self.path}.{part}" if self.path else part, self.subject)

    def item(self, index: int) -> At:
        """Return the place of a list's item; the first one is 0."""
        return At(self.file, f"{self.path}[{index}]", self.subject)

    def of(self, subject: str) -> At:
        """Return the same place, said to belong to a cluster."""
        return At(self.file, self.path, subject)

    def error(self, what: str, hint: str = "") -> ConfigError:
        """Return the error that names this place."""
        where = f"{self.file}: {self.path}" if self.path else self.file
        return ConfigError(where, f"cluster {self.subject}: {what}" if self.subject else what, hint)


def clean(text: str) -> str:
    """Return ``text`` with every character that is not printable written as an escape."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "backslashreplace").decode() for c in text)


def shown(value: object) -> str:
    """Return how an error shows a TOML value: short, printable; tables and lists by their type only."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value) if abs(value) < 10**18 else "a huge number"
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, str):
        quoted = clean(value[: _SHOWN_CHARACTERS + 1])
        return f'"{quoted}"' if len(quoted) <= _SHOWN_CHARACTERS else f'"{quoted[:_SHOWN_CHARACTERS]}…"'
    return {"dict": "a table", "list": "a list"}.get(type(value).__name__, "a date or time")


def parse_toml(content: bytes, at: At) -> Table:
    """Return the top-level table, or raise ConfigError with line and column of a syntax error."""
    if len(content) > LONGEST_BYTES:
        raise at.error("is larger than 1 MiB", "is this the right file?")
    try:
        return tomllib.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise At(at.file, f"line {line}").error("is not UTF-8 text", "save the file as UTF-8") from None
    except RecursionError:
        raise at.error("is nested too deeply") from None
    except ValueError as error:
        raise _syntax_error(str(error), content, at) from None


def _syntax_error(message: str, content: bytes, at: At) -> ConfigError:
    place = _TOML_PLACE.search(message)
    if place is None:
        return at.error(f"is not TOML: {clean(message)[:200]}")
    line = place["line"] or str(content.count(b"\n") + 1)
    where = f"line {line}, column {place['column']}" if place["column"] else f"line {line}, end of the file"
    return At(at.file, where).error(f"is not TOML: {clean(message[: place.start()])[:200]}")


def table(raw: object, into: type[T], at: At) -> T:
    """Convert one table; raise ConfigError for an unknown key, a missing one or a wrong type."""
    if not isinstance(raw, dict):
        raise at.error(f"expected a table, got {shown(raw)}")
    for key in raw:
        if key not in into.__struct_fields__:
            raise at.key(key).error("is not a known key", _nearest(key, into.__struct_fields__))
    for key in msgspec.structs.fields(into):
        if key.required and key.name not in raw:
            raise at.key(key.name).error(f"is missing; expected {expected(into, key.name)}")
    try:
        return msgspec.convert(raw, into)
    except msgspec.ValidationError as error:
        raise _type_error(str(error), raw, into, at) from None


def _nearest(key: str, known: tuple[str, ...]) -> str:
    close = difflib.get_close_matches(key[:_SHOWN_CHARACTERS], known, n=1)
    return f"did you mean {close[0]}?" if close else f"known keys here: {', '.join(known)}"


def _type_error(message: str, raw: Table, into: type[Struct], at: At) -> ConfigError:
    found = _MSGSPEC_PATH.search(message)
    steps: list[tuple[str, str]] = re.findall(r"\.(\w+)|\[(\d+)\]", found["path"] if found else "")
    value: object = raw
    for name, index in steps:
        at = at.key(name) if name else at.item(int(index))
        if isinstance(value, dict):
            value = value.get(name)
        elif isinstance(value, list):
            value = value[int(index)]
    return at.error(f"expected {expected(into, steps[0][0] if steps else '')}, got {shown(value)}")
