"""Read-only mode, for every command that there is: each is named here, as one that changes something or one that reads.

A new command fails the first test until it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from console.cli.root import raydeck
from tests.fakes.head import FakeHead, fake_head
from tests.pilot.deck import NOON, configuration

CHANGE = (
    "demo", "demo --headless", "up", "down", "submit parallel_processing --cluster c --force",
    "submit --working-dir . --entrypoint true --cluster c", "stop raysubmit_x", "stop raysubmit_x --wait",
    "rerun raysubmit_x", "call POST /x --cluster c", "call delete /x --cluster c", "call PUT /x --cluster c --data {}",
    "call PATCH /x --cluster c", "call HEAD /x --cluster c", "call OPTIONS /x --cluster c", "tunnel up",
    "tunnel up --background", "tunnel up --reverse c", "tunnel down", "tunnel down c", "render --output deploy",
)  # fmt: skip
READ = (
    "status", "nodes", "metrics --cluster c", "targets", "events", "check", "wait c --timeout 5", "tunnel status",
    "jobs", "logs raysubmit_x", "output --id raysubmit_x", "results", "results export raysubmit_x --to x.csv", "serve",
    "call GET /x --cluster c", "render", "config check", "config path", "config example",
)  # fmt: skip


def leaves(group: click.Group, words: tuple[str, ...] = ()) -> Iterator[str]:
    """Yield every command with the groups before it."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from leaves(command, (*words, name))
        else:
            yield " ".join((*words, name))


def test_every_command_is_known_to_change_something_or_to_read() -> None:
    known = {*CHANGE, *READ}
    unnamed = [leaf for leaf in leaves(raydeck) if not any(f"{words} ".startswith(f"{leaf} ") for words in known)]
    assert unnamed == []


def run(tmp_path: Path, words: str, *, by_file: bool = False) -> tuple[Result, FakeHead]:
    async def work() -> tuple[Result, FakeHead]:
        async with fake_head(lambda: NOON) as head:
            head.add_job("raysubmit_x", "RUNNING", runtime_env={})
            config = tmp_path / "clusters.toml"
            spec = {"kind": "local", "dashboard": head.url, "serve": head.serve_url}
            config.write_text(configuration({"c": spec}, "[console]\nread_only = true\n\n" if by_file else ""))
            arguments = [*([] if by_file else ["--read-only"]), "--config", str(config), *words.split()]
            env = {"XDG_STATE_HOME": str(tmp_path / "state"), "HOME": str(tmp_path)}
            return await asyncio.to_thread(CliRunner().invoke, raydeck, arguments, env=env), head

    return asyncio.run(work())


@pytest.mark.parametrize("by_file", [False, True], ids=["option", "file"])
@pytest.mark.parametrize("words", CHANGE)
def test_what_changes_anything_is_refused_and_asks_no_head(tmp_path: Path, words: str, by_file: bool) -> None:
    done, head = run(tmp_path, words, by_file=by_file)
    assert done.exit_code == 2, done.output
    assert done.stderr.startswith("raydeck: read-only: ")
    assert "is refused" in done.stderr
    assert (head.changing, head.called, list((tmp_path / "state").rglob("*"))) == ([], [], [])


@pytest.mark.parametrize("words", READ)
def test_what_reads_only_asks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: str) -> None:
    monkeypatch.chdir(tmp_path)
    done, head = run(tmp_path, words)
    assert "read-only" not in done.stderr
    assert head.changing == []
    assert {method for method, *_ in head.called} <= {"GET"}
    assert {path.name for path in tmp_path.iterdir()} <= {"clusters.toml", "state"}
