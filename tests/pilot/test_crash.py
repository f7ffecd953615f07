"""An error that nobody foresaw ends the console with one line, and no value of a variable is printed."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

_PROGRAM = """
import sys
from console.__main__ import main
from console.screens.clusters import ClustersScreen

def broken(self):
    secret = "hunter2" + "-secret"
    raise ZeroDivisionError("unforeseen")

ClustersScreen.show_time = broken
sys.argv = ["raydeck"]
main()
"""


def test_a_crash_is_one_line_without_values(tmp_path: Path) -> None:
    environ = os.environ | {"XDG_STATE_HOME": str(tmp_path), "HOME": str(tmp_path), "TERM": "xterm-256color"}
    ours, theirs = pty.openpty()
    try:
        process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM], stdin=theirs, stdout=theirs, stderr=theirs, env=environ
        )
        os.close(theirs)
        said = b""
        while True:
            try:
                piece = os.read(ours, 65536)
            except OSError:  # the other end is closed: the program has ended
                break
            if not piece:
                break
            said += piece
        assert process.wait(timeout=30) == 1
    finally:
        os.close(ours)
    assert b"raydeck: console: ended by an error of its own (ZeroDivisionError)" in said
    assert b"hunter2-secret" not in said
    report = tmp_path / "raydeck" / "crash.txt"
    assert "unforeseen" in report.read_text()
    assert report.stat().st_mode & 0o777 == 0o600
