"""Pure ASCII to the byte, no colour, both themes, the smallest terminal: on every screen that there is."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner

from console.cli.root import raydeck
from console.render.glyphs import ASCII, UNICODE, Glyphs
from console.widgets.resource_table import ResourceTable
from tests.fakes.head import FakeHead, fake_head
from tests.pilot.deck import NOON, Clock, Deck, configuration, deck
from tests.pilot.paths import StillProber, broken, good, half, unverified
from tests.pilot.scenes import mixed_fleet, output_document

JOB = "raysubmit_uT6RvDcXs2QzAw8E"


Look = Callable[[Deck], None]


async def look_at_every_screen(
    tmp_path: Path,
    look: Look,
    size: tuple[int, int],
    glyphs: Glyphs = UNICODE,
    environ: Mapping[str, str] | None = None,
) -> None:
    """Walk through all screens and look at each."""
    clock = Clock()
    async with mixed_fleet(clock) as fleet:
        head = fleet.heads["local-2"]
        head.logs[JOB] = "Größe 日本語 ✓\n\x1b[32mgreen\x1b[0m\nValueError: ✗\n".encode() * 40
        head.served = {"/about": {"submission_id": JOB}, "/output": output_document()}
        app = {
            "status": "RUNNING",
            "route_prefix": "/nowhere",
            "message": "✗ größer",
            "deployments": {"日本": {"name": "日本"}},
        }
        head.replies["/api/serve/applications/"] = {"applications": {"größe": app}}
        head.add_job("raysubmit_é", "FAILED", entrypoint="python é.py", message="schlägt fehl ✗", metadata={})
        async with deck(tmp_path, fleet.clusters, size=size, glyphs=glyphs, clock=clock, environ=environ) as console:
            await console.asked()
            look(console)
            await _look_at_clusters(console, look)
            await _look_at_overlays(console, look)
            await _look_at_form(console, look)
            await _look_at_jobs_and_log(console, look, head)
            await _look_at_results(console, look)
            await _look_at_tunnels(console, look)


async def _look_at_clusters(console: Deck, look: Look) -> None:
    await console.press("slash", *"local")
    look(console)
    await console.press("escape", "y")
    look(console)  # a passing message
    await console.press("G", "enter")
    look(console)


async def _look_at_overlays(console: Deck, look: Look) -> None:
    await console.press("colon")
    await console.shows("submit a job")
    look(console)
    await console.press(*"local")
    await console.pilot.pause(0.3)
    look(console)
    await console.press("escape", "question_mark")
    look(console)
    await console.press("G")
    look(console)
    await console.press("escape", "escape", "g", "j")


async def _look_at_form(console: Deck, look: Look) -> None:
    await console.open_form()
    await console.pilot.pause(0.2)
    look(console)
    await console.press("x", "ä", "f5")
    await console.until(lambda: "expected" in "".join(console.messages))
    look(console)
    await console.press("escape")


async def _look_at_jobs_and_log(console: Deck, look: Look, head: FakeHead) -> None:
    await console.press("2")
    await console.until(lambda: len(console.table.rows_shown) > 15)
    look(console)
    console.table.go_to(f"local-2/{JOB}")
    await console.press("x")
    look(console)
    await console.press("n", "l")
    await console.shows("green")
    look(console)
    await console.press("w", "slash", *"green", "enter")
    await console.pilot.pause(0.2)
    look(console)
    await console.press("f")
    head.trouble = "error"
    await console.shows("link lost")
    look(console)
    head.trouble = ""
    await console.shows("link back")


async def _look_at_results(console: Deck, look: Look) -> None:
    await console.press("6")
    look(console)
    await console.press("2")
    await console.press("escape")
    await console.press("o")
    await console.shows("parallel_processing on local-2", "mean, y variance")
    look(console)
    await console.press("tab", "v")
    look(console)
    await console.press("escape", "escape")
    await console.shows("SUBMISSION ID")
    look(console)
    await console.press("5")
    await console.shows("GET", "/nowhere")
    look(console)
    console.table.go_to("local-2/größe")
    await console.press("enter")
    await console.shows("F5 calls it")
    await console.press("f5")
    await console.shows("HTTP 404")
    look(console)
    await console.press("escape")


async def _look_at_tunnels(console: Deck, look: Look) -> None:
    still = StillProber([good("well"), broken("gäteway"), half("日本"), unverified("new")])
    console.core.prober = still  # type: ignore[assignment]
    await console.press("3")
    look(console)
    for _ in still.clusters:
        await console.press("enter")
        look(console)
        await console.press("tab", "escape", "j")
    await console.press("u")
    look(console)


@pytest.mark.parametrize("size", [(80, 24), (120, 36)])
async def test_ascii_is_ascii_on_every_screen(tmp_path: Path, size: tuple[int, int]) -> None:
    screens = []

    def look(console: Deck) -> None:
        screens.append(type(console.app.screen).__name__)
        foreign = re.findall(r"[^\x20-\x7e\n]", console.text)
        assert not foreign, f"{foreign} on\n{console.text}"
        assert {len(line) for line in console.lines()} == {size[0]}

    await look_at_every_screen(tmp_path, look, size, ASCII)
    assert set(screens) == {
        "CallScreen", "ClustersScreen", "ConfirmScreen", "HelpScreen", "JobsScreen", "LadderScreen", "LogScreen",
        "Palette", "PlotsScreen", "ResultsScreen", "ServeScreen", "SubmitScreen", "TunnelsScreen",
    }  # fmt: skip


async def test_every_screen_fills_its_width_and_without_colour_its_cursor_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")

    def look(console: Deck) -> None:
        assert {strip.cell_length for strip in console.app.screen._compositor.render_strips()} == {80}
        assert console.lines()[0].startswith(" raydeck ")
        assert console.lines()[0].rstrip().endswith("UTC")
        segments = [segment for strip in console.app.screen._compositor.render_strips() for segment in strip]
        for style in (segment.style for segment in segments if segment.style):
            assert style.bgcolor is None or style.bgcolor.is_default, console.text
            assert style.color is None or style.color.is_default, console.text
        if isinstance(console.app.focused, ResourceTable) and console.app.focused.cursor_key is not None:
            assert any(segment.style and segment.style.reverse for segment in segments)

    await look_at_every_screen(tmp_path, look, (80, 24), environ={"NO_COLOR": "1"})


async def test_the_light_theme_leaves_nothing_dark(tmp_path: Path) -> None:
    clock = Clock()
    async with mixed_fleet(clock) as fleet, deck(tmp_path, fleet.clusters, clock=clock) as console:
        await console.asked()
        await console.press("T")
        for keys in ((), ("colon",), ("escape", "question_mark"), ("escape", "2"), ("3",), ("6",)):
            await console.press(*keys)
            for strip in console.app.screen._compositor.render_strips():
                for segment in (segment for segment in strip if len(segment.text) > 1):  # but for a field's cursor
                    behind = segment.style.bgcolor if segment.style else None
                    assert behind is None or behind.triplet is None or min(behind.triplet) > 120, segment


@pytest.mark.parametrize(
    "words", [["status"], ["nodes"], ["jobs"], ["serve"], ["config", "path"], ["--help"], ["submit", "--help"]]
)
async def test_the_command_line_is_ascii_to_the_byte(tmp_path: Path, words: list[str]) -> None:
    async with fake_head(lambda: NOON) as head:
        app = {
            "status": "RUNNING",
            "route_prefix": "/nowhere",
            "message": "✗ größer",
            "deployments": {"日本": {"name": "日本"}},
        }
        head.replies["/api/serve/applications/"] = {"applications": {"größe": app}}
        head.add_job("raysubmit_é", "FAILED", entrypoint="python é.py", message="schlägt fehl ✗\x1b[31m", metadata={})
        config = tmp_path / "clusters.toml"
        clusters = {
            "well": {"kind": "local", "dashboard": head.url},
            "dark": {"kind": "local", "dashboard": "http://127.0.0.1:9"},
        }
        config.write_text(configuration(clusters))
        environ = {"XDG_STATE_HOME": str(tmp_path / "state"), "HOME": str(tmp_path)}
        arguments = ["--ascii", "--config", str(config), *words]
        result = await _in_thread(arguments, environ)
        assert result.isascii()
        assert "\x1b" not in result
        assert len(result) > 20


async def _in_thread(arguments: list[str], environ: dict[str, str]) -> str:
    """Run the command beside the event loop that serves it; return all that it wrote."""
    result = await asyncio.to_thread(CliRunner().invoke, raydeck, arguments, env=environ)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.output
