"""What others wrote, told on a terminal by the command line: no control character gets through; ASCII stays ASCII."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from pathlib import Path

import pytest

from tests.fakes.dashboard import FakeDashboard, fake_dashboard
from tests.on_a_terminal import run_on_a_terminal

HOSTILE = "boom \x1b]0;pwned\x07\x1b[2J\x9b31m [@click=app.quit]x[/] über \u202e"
COLOURS = re.compile(rb"\x1b\[[0-9;]*m")
COMMANDS = ("status", "nodes", "jobs", "check", "serve", "logs raysubmit_1", "stop raysubmit_1", "wait c --timeout 1")


def run(fake: FakeDashboard, folder: Path, *words: str) -> bytes:
    config = folder / "clusters.toml"
    config.write_text(f'[[clusters]]\nname = "c"\nkind = "local"\ndashboard = "{fake.url}"\n')
    environ = os.environ | {"XDG_STATE_HOME": str(folder), "HOME": str(folder), "TERM": "xterm-256color"}
    command = [sys.executable, "-m", "console", *words[:-1], "--config", str(config), *words[-1].split()]
    return run_on_a_terminal(command, environ)[1]


@pytest.mark.parametrize("command", COMMANDS)
def test_an_error_body_is_told_harmlessly(command: str, tmp_path: Path) -> None:
    async def work() -> None:
        async with fake_dashboard() as fake:
            fake.error_body = HOSTILE
            fake.trouble = "error"
            said = COLOURS.sub(b"", await asyncio.to_thread(run, fake, tmp_path, command))
            assert b"boom" in said
            assert not re.search(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80\xae", said), said
            said = COLOURS.sub(b"", await asyncio.to_thread(run, fake, tmp_path, "--ascii", command))
            assert said.isascii(), said

    asyncio.run(work())
