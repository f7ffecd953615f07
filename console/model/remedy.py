"""What mends something: a command that can be pasted as it stands, where to type it, and what else there is to know."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from string import Formatter

from msgspec import Struct


class Fix(Struct, frozen=True):
    """One thing to type. ``where`` is empty for this machine; ``note`` is for the reader, and no part of the command.

    ``{words}`` in all three are filled in later. A word that begins with ``do_`` is a command itself; every other one
    is quoted for the shell where it stands in a command.
    """

    command: str
    where: str = ""
    note: str = ""


class Remedy(Struct, frozen=True):
    """What a failure means, and what mends it: the first fix all of whose words are known."""

    cause: str
    fixes: tuple[Fix, ...]


class Explained(Struct, frozen=True):
    """A remedy with its words: ``hint`` says the command and where to type it, ``command`` is what can be pasted."""

    cause: str
    hint: str
    command: str


_WHATEVER_IS_KNOWN = Fix("raydeck check")


def filled_in(remedy: Remedy, words: Mapping[str, str]) -> Explained:
    """Return a remedy with its words; what is empty is not known, and no command has a hole in it."""
    known = {word: value for word, value in words.items() if value}
    cause = remedy.cause.format_map({word: known.get(word, "another") for word in _words_in(remedy.cause)})
    whole = (fix for fix in remedy.fixes if _words_in(fix.command + fix.where + fix.note) <= set(known))
    fix = next(whole, _WHATEVER_IS_KNOWN)
    quoted = {word: value if word.startswith("do_") else shlex.quote(value) for word, value in known.items()}
    command = fix.command.format_map(quoted)
    return Explained(cause, spoken(command, fix.where.format_map(known), fix.note.format_map(known)), command)


def spoken(command: str, where: str = "", note: str = "") -> str:
    """Return a command for a reader: where to type it before it, and the note as a comment of the shell."""
    text = f"{where}: {command}" if where else command
    return f"{text}   # {note}" if note else text


def _words_in(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}
