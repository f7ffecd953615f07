"""A command that ends by itself, run on a pseudo-terminal of its own: what it wrote there, byte by byte."""

from __future__ import annotations

import os
import pty
import subprocess
from collections.abc import Iterator, Mapping, Sequence


def run_on_a_terminal(command: Sequence[str], environ: Mapping[str, str], timeout_s: float = 30) -> tuple[int, bytes]:
    """Return the exit status and all that was written to standard output and error."""
    ours, theirs = pty.openpty()
    try:
        process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=dict(environ))
        os.close(theirs)
        said = b"".join(_pieces(ours))
        return process.wait(timeout=timeout_s), said
    finally:
        os.close(ours)


def _pieces(descriptor: int) -> Iterator[bytes]:
    while True:
        try:
            piece = os.read(descriptor, 65536)
        except OSError:  # the other end is closed: the program has ended
            return
        if not piece:
            return
        yield piece
