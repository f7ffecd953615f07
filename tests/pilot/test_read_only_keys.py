"""Read-only mode, for every key: each command that is declared to change something is refused on its screen."""

from __future__ import annotations

from pathlib import Path

from console.commands import COMMANDS, Scope
from console.messages import SubmitAsked
from tests.pilot.deck import Clock, deck
from tests.pilot.scenes import one_cluster

JOB = "raysubmit_7KqWmXsTz4bGhY2n"
# How to get from the clusters to a screen of each scope. A new scope with a key that changes something has to be here.
WAYS: dict[Scope, tuple[str, ...]] = {
    "cluster": ("1",),
    "tunnel": ("3",),
    "ladder": ("1", "t"),
    "job": ("2",),
    "why": ("2", "p"),
    "log": ("2", "l"),
}


async def test_every_key_that_changes_anything_is_refused_and_not_offered(tmp_path: Path) -> None:
    changing = [command for command in COMMANDS if command.changes]
    assert {command.scope for command in changing} == set(WAYS)
    clock = Clock()
    async with (
        one_cluster(clock) as fleet,
        deck(tmp_path, fleet.clusters, size=(160, 50), clock=clock, read_only=True) as console,
    ):
        head = fleet.heads["local-1"]
        head.add_job(JOB, "RUNNING", runtime_env={})
        await console.press("2")
        await console.shows(JOB)
        for scope, way in WAYS.items():
            for key in way:
                await console.press(key)
            for command in (command for command in changing if command.scope == scope):
                told = len(console.messages)
                await console.press(command.keys)
                await console.until(lambda told=told: len(console.messages) > told, f"for {scope} {command.keys}")
                assert "is refused" in console.messages[-1]
                assert f" {command.shown} {command.label} " not in console.lines()[-1]
            await console.press("escape")
        console.app.post_message(SubmitAsked(["local-1"]))
        await console.until(lambda: "submit is refused" in console.messages[-1])
        assert head.changing == []
