"""Text from outside is shown harmlessly, on every screen that shows any."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from console.screens.log import LogScreen
from console.widgets.log_view import LogView
from tests.fakes.head import node_reply, nodes_reply
from tests.pilot.deck import Clock, Deck, deck
from tests.pilot.scenes import one_cluster, output_document

EVIL = "a\x1b[31mred\x1b]52;c;ZXZpbA==\x07\x9b2J\x1bc[@click=app.quit]quit[/] \u202egnp.exe\u200b 日本語 \x00\x08\tend"
ID = "raysubmit_7KqWmXsTz4bGhY2n"


def assert_harmless(console: Deck) -> None:
    """Hold what a terminal would get to printable text, as wide as the screen, and without links."""
    width = console.app.size.width
    for strip in console.app.screen._compositor.render_strips():
        assert strip.cell_length == width
        for segment in strip:
            assert segment.text.isprintable(), repr(segment.text)
            meta = segment.style.meta if segment.style else {}
            assert not any("click" in key for key in meta), meta
    assert console.app.is_running


async def test_hostile_jobs_and_nodes(tmp_path: Path) -> None:
    clock = Clock()
    async with one_cluster(clock) as fleet:
        head = fleet.heads["local-1"]
        head.add_job(ID, "FAILED", entrypoint=EVIL, message=EVIL * 200, metadata={"job_name": EVIL, "raydeck_job": ""})
        head.add_job(EVIL, "RUNNING", entrypoint=EVIL)
        node = node_reply(clock.now)
        node |= {"ip": "", "hostname": EVIL}
        node["raylet"]["nodeManagerAddress"] = ""
        dead = node_reply(
            clock.now, EVIL, head=False, state="DEAD", endTimeMs=str(int(clock.now * 1000)), stateMessage=EVIL
        )
        head.replies["/nodes"] = nodes_reply(node, dead)
        head.replies["/api/version"]["ray_version"] = EVIL
        async with deck(tmp_path, fleet.clusters, size=(200, 60), clock=clock) as console:
            await console.asked()
            console.line("died")
            assert "日本語" in console.text
            assert_harmless(console)
            await console.press("2")
            await console.shows("[@click=app.quit]quit[/]")
            assert_harmless(console)
            for key in ("x", "n", "o"):
                await console.press(key)
                assert_harmless(console)


async def test_a_carriage_return_in_a_message_does_not_hide_our_own_words(tmp_path: Path) -> None:
    clock = Clock()
    async with one_cluster(clock) as fleet:
        gone = {"state": "DEAD", "endTimeMs": str(int(clock.now * 1000)), "stateMessage": "all\ris well"}
        dead = node_reply(clock.now, "10.0.0.9", head=False, **gone)
        fleet.heads["local-1"].replies["/nodes"] = nodes_reply(node_reply(clock.now), dead)
        async with deck(tmp_path, fleet.clusters, clock=clock) as console:
            await console.asked()
            console.line("local-1 since 22:00:00 (0 s): worker node 10.0.0.9 died: all is well")


@pytest.mark.parametrize("size", [(80, 24), (200, 60)])
async def test_a_hostile_error_body(tmp_path: Path, size: tuple[int, int]) -> None:
    clock = Clock()
    async with one_cluster(clock) as fleet:
        fleet.heads["local-1"].trouble = "error"
        async with deck(tmp_path, fleet.clusters, size=size, clock=clock) as console:
            await console.asked()
            assert "boom [@click=app.quit]x[/]" in " ".join(console.text.split())
            assert_harmless(console)
            await console.open_form()
            await console.press("f5")
            await console.until(lambda: console.messages)
            assert_harmless(console)


async def test_hostile_log_lines(tmp_path: Path) -> None:
    clock = Clock()
    async with one_cluster(clock) as fleet:
        head = fleet.heads["local-1"]
        head.add_job(ID)
        head.logs[ID] = (
            EVIL.encode() + b"\n" + b"bad \xff\xfe utf-8 \xed\xa0\x80\n" + b"\x1b]0;title" * 50 + b"\nlast\n"
        )
        async with deck(tmp_path, fleet.clusters, clock=clock) as console:
            await console.press("r")
            await console.until(lambda: console.core.fleet.snapshots[0].jobs)
            await console.press("l")
            await console.shows("last", "[@click=app.quit]quit[/]")
            assert_harmless(console)
            await console.press("w")
            assert_harmless(console)
            await console.press("slash", *"[@click", "enter")
            await console.until(lambda: console.app.screen.query_one(LogView).found is not None)
            assert_harmless(console)
            assert isinstance(console.app.screen, LogScreen)


async def test_ten_megabytes_without_a_newline_are_bounded(tmp_path: Path) -> None:
    clock = Clock()
    async with one_cluster(clock) as fleet:
        head = fleet.heads["local-1"]
        head.add_job(ID)
        head.logs[ID] = b"x" * 10_000_000 + b"\nafter it\n"
        async with deck(tmp_path, fleet.clusters, clock=clock) as console:
            await console.press("r")
            await console.until(lambda: console.core.fleet.snapshots[0].jobs)
            await console.press("l")
            await console.shows("after it")
            assert sum(len(line) for line in console.app.screen.query_one(LogView).lines_as_bytes()) < 100_000
            await console.press("w")
            assert_harmless(console)


async def test_hostile_outputs(tmp_path: Path) -> None:
    clock = Clock()
    document = output_document()
    for group in document["output"]:
        group["id"] = EVIL
    document["output"][0]["seed"]["mean"][0] = 1e308
    async with one_cluster(clock) as fleet:
        head = fleet.heads["local-1"]
        head.add_job(ID, "SUCCEEDED")
        head.served = {"/about": {"submission_id": ID}, "/output": document}
        async with deck(tmp_path, fleet.clusters, clock=clock) as console:
            await console.press("2")
            await console.shows("raysubmit_7Kq")
            await console.press("o")
            await console.shows("parallel_processing on local-1")
            assert_harmless(console)
            await console.press("v")
            assert_harmless(console)


async def test_a_hostile_bundle_of_a_user(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "evil.py").write_text("")
    words = json.dumps(EVIL)
    (folder / "evil.toml").write_text(
        f'title = "x"\nhelp = {words}\nentrypoint = "python evil.py"\n[resources]\ncpus = 1\n'
        f'[[parameters]]\npath = "data-parameters.amount"\ntype = "text"\n'
        f"label = {words}\ndefault = {words}\nhelp = {words}\n"
    )
    clock = Clock()
    before = f'[jobs]\npaths = ["{folder}"]\n\n'
    async with one_cluster(clock) as fleet, deck(tmp_path, fleet.clusters, clock=clock, before=before) as console:
        await console.asked()
        await console.press("s")
        await console.shows("WHAT IT DOES")
        assert_harmless(console)
        await console.press("escape")
        await console.open_form("evil")
        await console.pilot.pause(0.2)
        assert_harmless(console)
