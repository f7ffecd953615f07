"""What can go wrong in a job and be said in one line."""

from __future__ import annotations

MAX_CHARACTERS = 600


class JobError(Exception):
    """The job cannot go on; the message is for the operator and stands alone."""


class ParameterError(JobError):
    """A parameter is missing, wrong or unknown; the message begins with its path."""

    def __init__(self, path: str, what: str) -> None:
        super().__init__(f"{path}: {what}")


def one_line(text: object) -> str:
    """Return ``text`` on one line of bounded length, whatever it holds."""
    line = " ".join(str(text).split())
    return line if len(line) <= MAX_CHARACTERS else f"{line[:MAX_CHARACTERS]}…"


def short(value: object) -> str:
    """Return how a wrong value is quoted in a message."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}…"
