"""Serve mode by keyboard: what every cluster serves, calls of a route, many calls in a line."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from console.model.serve import ServeFigures
from console.screens.call import CallScreen
from console.services import serve_state
from console.widgets.text_field import TextField
from tests.pilot.deck import Clock, Deck, deck
from tests.pilot.scenes import Fleet, one_cluster, serving

EVIL = "\x1b]52;c;AAAA\x07[@click=app.quit]x[/]\u202e"


@asynccontextmanager
async def serve_mode(
    tmp_path: Path, *, size: tuple[int, int] = (120, 36), read_only: bool = False, **clusters: Any
) -> AsyncIterator[tuple[Deck, Fleet]]:
    clock = Clock()
    async with one_cluster(clock, prepare=serving) as fleet:
        console_of = deck(tmp_path, fleet.clusters | clusters, size=size, clock=clock, read_only=read_only)
        async with console_of as console:
            await console.asked()
            await console.press("5")
            await console.shows("/output")
            yield console, fleet


def calls_of(fleet: Fleet, path: str) -> list[tuple[str, bytes, dict[str, str]]]:
    """Return the calls of a path; probes and questions for the routes go to others."""
    return [(method, body, headers) for method, of, body, headers in fleet.heads["local-1"].called if of == path]


async def open_call(console: Deck, *words: str) -> None:
    """Open the call of the route whose row holds these words."""
    keys = [key for key, row in console.table.rows_shown.rows.items()
            if all(word in " ".join(cell.text for cell in row.cells) for word in words)]  # fmt: skip
    console.table.go_to(keys[0])
    await console.press("enter")
    await console.until(lambda: isinstance(console.app.screen, CallScreen) and console.app.focused is not None)


async def fill(console: Deck, **values: str) -> None:
    for name, value in values.items():
        console.app.screen.query_one(f"#field-{name}", TextField).value = value
    await console.pilot.pause()


async def test_applications_deployments_and_routes_of_every_cluster(tmp_path: Path) -> None:
    dark = {"kind": "local", "dashboard": "http://127.0.0.1:9"}
    async with serve_mode(tmp_path, size=(160, 36), dark=dark) as (console, _):
        console.line("local-1", "requests  /", "running", "1/1")
        console.line("local-1", "raydeck-requests", "healthy", "1/1", "—", "172.29.0.15")
        console.line("local-1", "GET", "/output")
        console.line("local-1", "POST", "/items")
        console.line("local-1", "broken  /broken", "deploy_failed", "0/2", "ImportError: no module")
        await console.shows("nothing listens there")
        await console.press("y")
        assert console.app.clipboard == "raydeck serve"
        await console.press("slash", *"broken")
        assert "/output" not in console.text
        await console.press("escape")


async def test_a_cluster_that_is_down_is_left_to_its_poller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("console.screens.serve.REST_S", 0.02)
    clock = Clock()
    async with one_cluster(clock) as fleet:
        fleet.heads["local-1"].trouble = "error"
        async with deck(tmp_path, fleet.clusters, clock=clock, before="[console]\nrefresh_s = 0.5\n\n") as console:
            await console.asked()
            await console.press("5")
            await console.shows("HTTP 500")
            asked = fleet.heads["local-1"].asked
            polls = asked.count("/api/version")
            await console.until(lambda: asked.count("/api/version") > polls)
            assert "/api/serve/applications/" not in asked


async def test_a_cluster_without_serve_says_so_and_enter_does_nothing(tmp_path: Path) -> None:
    clock = Clock()
    async with one_cluster(clock) as fleet, deck(tmp_path, fleet.clusters, clock=clock) as console:
        await console.asked()
        await console.press("5")
        await console.shows("nothing is served")
        assert "Enter call" not in console.lines()[-1]
        await console.press("enter", "j", "k", "space", "S")
        console.line("nothing is served")


async def test_enter_calls_a_route_and_shows_its_answer_pretty_printed(tmp_path: Path) -> None:
    async with serve_mode(tmp_path) as (console, _):
        await open_call(console, "GET", "/about")
        await console.press("f5")
        await console.shows("HTTP 200", '"submission_id": "raysubmit_7KqWmXsTz4bGhY2n"', "application/json")
        await console.press("f2")
        assert console.app.clipboard == "raydeck call GET /about --cluster local-1"
        await console.press("escape")
        await console.shows("APPLICATION, DEPLOYMENT, ROUTE")


async def test_a_call_sends_method_body_and_headers_and_copies_no_secret(tmp_path: Path) -> None:
    async with serve_mode(tmp_path) as (console, fleet):
        await open_call(console, "POST", "/items")
        await fill(console, body='{"a": [1]}', headers="X-Mine=5 Authorization=s3cret")
        await console.press("enter")
        await console.shows("HTTP 200")
        ((method, body, headers),) = calls_of(fleet, "/items")
        assert (method, body) == ("POST", b'{"a": [1]}')
        assert (headers["X-Mine"], headers["Authorization"]) == ("5", "s3cret")
        await console.press("f2")
        assert "--data '{\"a\": [1]}'" in console.app.clipboard
        assert "X-Mine=5" in console.app.clipboard
        assert "s3cret" not in console.app.clipboard


async def test_what_is_wrong_is_said_and_nothing_is_sent(tmp_path: Path) -> None:
    async with serve_mode(tmp_path, size=(160, 36)) as (console, fleet):
        await open_call(console, "POST", "/items")
        for values, words in (
            ({"body": "{'a'}"}, "--data: is not JSON"),
            ({"body": "", "headers": "no value"}, "--header: expected NAME=VALUE"),
            ({"headers": "A=env:NOWHERE_AT_ALL"}, "the environment has no NOWHERE_AT_ALL"),
            ({"headers": "", "method": "FETCH"}, "is none that can be called"),
            ({"method": "GET", "route": "http://elsewhere.oss/x"}, "is no route of local-1"),
        ):
            await fill(console, **values)
            await console.press("f5")
            await console.shows(words)
        assert calls_of(fleet, "/items") == []


async def test_read_only_calls_nothing_but_get(tmp_path: Path) -> None:
    async with serve_mode(tmp_path, read_only=True) as (console, fleet):
        await open_call(console, "POST", "/items")
        await console.press("f5")
        await console.shows("call POST is refused")
        assert calls_of(fleet, "/items") == []
        await fill(console, method="GET", route="/about")
        await console.press("f5")
        await console.shows("HTTP 200")


async def test_f6_repeats_and_ends_it_with_a_line_of_latencies(tmp_path: Path) -> None:
    async with serve_mode(tmp_path) as (console, _):
        await open_call(console, "GET", "/about")
        await console.press("f6")
        await console.shows("3 calls")
        console.line("calls", "min", "median", "p95", "max", " ms")
        await console.press("f6")
        await console.until(lambda: not console.app.screen._repeating)  # type: ignore[attr-defined]
        count = len(console.app.screen._seconds)  # type: ignore[attr-defined]
        await asyncio.sleep(0.3)
        assert len(console.app.screen._seconds) == count  # type: ignore[attr-defined]
        await fill(console, route="/nowhere")
        await console.press("f6")
        await console.shows("2 failed", "HTTP 404")


async def test_a_hostile_answer_does_no_harm(tmp_path: Path) -> None:
    async with serve_mode(tmp_path) as (console, fleet):
        fleet.heads["local-1"].served["/about"] = {"evil": EVIL, "more": [EVIL] * 3000}
        await open_call(console, "GET", "/about")
        await console.press("f5")
        await console.shows("HTTP 200", "the first 2000 lines")
        assert "\x1b" not in console.text
        assert "\u202e" not in console.text
        await console.press("shift+tab", "tab", "pagedown")
        assert console.app.is_running


async def test_figures_of_prometheus_stand_beside_their_deployment(tmp_path: Path, monkeypatch: Any) -> None:
    found = {("requests", "raydeck-requests"): ServeFigures(12.5, 0.25, 3.1, 48.0)}

    async def told(*_: object) -> dict[Any, Any]:
        return found

    monkeypatch.setattr(serve_state, "serve_figures", told)
    async with serve_mode(tmp_path, size=(160, 36)) as (console, _):
        console.line("raydeck-requests", "12.5", "0.25 !", "3.1", "48")


async def test_leaving_the_mode_asks_no_more(tmp_path: Path) -> None:
    async with serve_mode(tmp_path) as (console, _):
        screen = console.app.screen
        await console.press("1")
        await console.until(lambda: not [w for w in screen.workers if w.node is screen and w.is_running])
