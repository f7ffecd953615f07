"""Read-only mode, for every key: what is declared to change something is refused, and what is not changes nothing."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from console.commands import COMMANDS, Scope
from console.messages import SubmitAsked
from console.screens.submit import SubmitScreen
from console.widgets.text_field import TextField
from tests.fakes.head import FakeHead
from tests.pilot.deck import Clock, Deck, deck
from tests.pilot.scenes import one_cluster, output_document, serving
from tests.unit.test_no_disk_on_the_loop import watched

JOB = "raysubmit_7KqWmXsTz4bGhY2n"
# How to get from the clusters to a screen of each scope. A new scope has to be here.
WAYS: dict[Scope, tuple[str, ...]] = {
    "cluster": ("1",),
    "tunnel": ("3",),
    "ladder": ("1", "t"),
    "job": ("2",),
    "why": ("2", "p"),
    "log": ("2", "l"),
    "metrics": ("4",),
    "results": ("6",),
    "plots": ("6", "enter"),
    "serve": ("5",),
    "call": ("5", "enter"),
    "events": ("E",),
    "form": ("1",),
    "table": ("1",),
    "anywhere": ("1",),
}


@asynccontextmanager
async def one_job(
    tmp_path: Path, *, read_only: bool, size: tuple[int, int] = (160, 50)
) -> AsyncIterator[tuple[Deck, FakeHead]]:
    """A console on a cluster with a job, routes and a kept output."""
    clock = Clock()
    async with (
        one_cluster(clock, prepare=serving) as fleet,
        deck(tmp_path, fleet.clusters, size=size, clock=clock, read_only=read_only) as console,
    ):
        head = fleet.heads["local-1"]
        head.add_job(JOB, "RUNNING", runtime_env={})
        job = await console.core.fleet.dashboard("local-1").job(JOB)
        console.core.shelf.keep(job, json.dumps(output_document()).encode(), "serve")
        await console.press("2")
        await console.shows(JOB)
        yield console, head


async def go_to(console: Deck, scope: Scope) -> None:
    """Open a screen of this scope, whatever is open. A form is opened as none can be any more."""
    await close_all(console)
    for key in WAYS[scope]:
        await console.press(key)
        if scope in {"plots", "call", "serve"}:
            await console.shows("/output" if key == "5" or scope == "call" else "raysubmit_7Kq")
    if scope == "form":
        await console.app.push_screen(SubmitScreen(["local-1"], console.core.bundle("parallel_processing")))
        await console.shows("submit parallel_processing")


async def close_all(console: Deck) -> None:
    """Leave the mode's own screen alone."""
    while len(console.app.screen_stack) > 1:
        await console.app.pop_screen()


async def test_no_key_of_any_screen_changes_anything_or_waits_for_the_disk(tmp_path: Path) -> None:
    """Keys that nobody declared to change something are pressed as well, on every screen that has them."""
    assert {command.scope for command in COMMANDS} == set(WAYS)
    async with one_job(tmp_path, read_only=True, size=(120, 24)) as (console, head):
        with watched(tmp_path) as opened:
            for scope in WAYS:
                await go_to(console, scope)
                await press_all(console, scope)
        assert console.app.is_running
        assert head.changing == []
        assert {method for method, *_ in head.called} <= {"GET"}
        assert console.core.forwards.tunnels == ()
        assert opened == []


async def press_all(console: Deck, scope: Scope) -> None:
    """Press every key of a scope but the one that quits, each on a screen of it."""
    screen = console.app.screen
    for key in (key for command in COMMANDS if command.scope == scope for key in command.keys.split(",")):
        if scope == "anywhere":
            await close_all(console)
        elif console.app.screen is not screen:
            await go_to(console, scope)
            screen = console.app.screen
        if key != "q":
            await console.press(key)


async def test_a_call_of_a_route_is_a_get_or_refused(tmp_path: Path) -> None:
    async with one_job(tmp_path, read_only=True) as (console, head):
        await go_to(console, "call")
        for method, key in (("POST", "f5"), ("put", "enter"), (" Delete ", "f6"), ("PATCH", "f5"), ("OPTIONS", "f6")):
            console.app.screen.query_one("#field-method", TextField).value = method
            await console.press(key)
            await console.shows(f"call {method.strip().upper()} is refused")
        assert {method for method, *_ in head.called} <= {"GET"}


async def test_what_was_open_before_it_became_read_only_is_refused_when_it_is_answered(tmp_path: Path) -> None:
    async with one_job(tmp_path, read_only=False) as (console, head):
        await console.press("x")
        await console.shows(f"stop {JOB} on local-1?")
        await become_read_only(console, tmp_path)
        await console.press("y")
        await console.until(lambda: "read-only: stop is refused" in " ".join(console.messages))
        await go_to(console, "form")
        await console.press("f5")
        await console.until(lambda: "read-only: submit is refused" in " ".join(console.messages))
        assert head.changing == []


async def become_read_only(console: Deck, folder: Path) -> None:
    """Change the file that the console runs on."""
    config = folder / "clusters.toml"
    config.write_text("[console]\nread_only = true\n\n" + config.read_text())
    await console.until(lambda: console.core.read_only)


async def test_every_key_that_changes_anything_is_refused_and_not_offered(tmp_path: Path) -> None:
    changing = [command for command in COMMANDS if command.changes]
    async with one_job(tmp_path, read_only=True) as (console, head):
        for scope in dict.fromkeys(command.scope for command in changing):
            await go_to(console, scope)
            for command in (command for command in changing if command.scope == scope):
                told = len(console.messages)
                await console.press(command.keys)
                await console.until(lambda told=told: len(console.messages) > told, f"for {scope} {command.keys}")
                assert "is refused" in console.messages[-1]
                assert f" {command.shown} {command.label} " not in console.lines()[-1]
        console.app.post_message(SubmitAsked(["local-1"]))
        await console.until(lambda: "submit is refused" in console.messages[-1])
        assert head.changing == []
