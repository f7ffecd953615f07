"""How a program's log ends: its last traceback and the exception that ended it, not one that it caught before."""

from __future__ import annotations

import re

_TRACEBACK = "Traceback (most recent call last):"
# An exception as Python prints it, at the line's begin: `ValueError: …`, `ray.exceptions.RayTaskError(KeyError): …`.
_EXCEPTION = re.compile(r"(?:[A-Za-z_]\w*\.)*[A-Za-z_]\w*(?:Error|Exception|Exit|Interrupt)(?:\([\w.]+\))?(?=:|\s*$)")
# What workers print into a driver's log, and the line by which Ray's supervisor begins it: that one goes through a
# buffer which is emptied once the program runs, so it may come after all that a quick program printed.
_FROM_ELSEWHERE = re.compile(r"\((?:raylet|[\w.:()-]+ pid=\d+|autoscaler)|Running entrypoint for job ")


def own_lines(text: str) -> list[str]:
    """Return the lines that the program itself printed, without empty ones."""
    return [line for line in text.splitlines() if line.strip() and _FROM_ELSEWHERE.match(line) is None]


def last_exception(text: str) -> str:
    """Return the exception that ended the program, from its name on, all lines of its message; empty without one."""
    lines = own_lines(text[max(0, text.rfind(_TRACEBACK)) :])
    begins = [number for number, line in enumerate(lines) if _EXCEPTION.match(line)]
    if not begins:
        return ""
    found = lines[begins[-1] :]
    # Ray tells a lost actor over several lines, an error of its constructor at their end; either is whole from there.
    return "\n".join(found)


def exception_name(exception: str) -> str:
    """Return the last part of an exception's name, such as ``ActorDiedError``; empty for no exception."""
    found = _EXCEPTION.match(exception)
    return "" if found is None else found[0].partition("(")[0].rpartition(".")[2]
