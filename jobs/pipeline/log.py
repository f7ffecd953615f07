"""The job's log: whole lines on standard output, written at once."""

from __future__ import annotations

import sys


def say(line: str) -> None:
    """Write one line, now. Ray collects standard output as the job's log."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
