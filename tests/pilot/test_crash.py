"""An error that nobody foresaw ends the console with one line, and no value of a variable is printed."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tests.on_a_terminal import run_on_a_terminal
from tests.pilot.deck import deck

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
    status, said = run_on_a_terminal([sys.executable, "-c", _PROGRAM], environ)
    assert status == 1
    assert b"raydeck: console: ended by an error of its own (ZeroDivisionError)" in said
    assert b"hunter2-secret" not in said
    report = tmp_path / "raydeck" / "crash.txt"
    assert "unforeseen" in report.read_text()
    assert report.stat().st_mode & 0o777 == 0o600


async def test_an_operation_that_fails_unforeseen_is_told_and_the_console_lives_on(tmp_path: Path) -> None:
    async def broken() -> None:
        raise ZeroDivisionError("unforeseen")

    async with deck(tmp_path, {}) as console:
        console.app.attempt(broken(), "broken")
        await console.until(lambda: console.messages)
        assert "interrupted by an error of its own (ZeroDivisionError)" in console.messages[0]
        await console.press("2")
        await console.shows("no jobs yet")
    assert "unforeseen" in (tmp_path / "state" / "raydeck" / "crash.txt").read_text()
