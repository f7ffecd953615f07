"""The keys that work on every screen, and the palette and the help that are made of the same declarations."""

from __future__ import annotations

from pathlib import Path

import pytest

from console.commands import COMMANDS
from console.screens.help import HelpScreen
from console.widgets.palette import Palette
from tests.pilot.deck import Clock, deck
from tests.pilot.scenes import mixed_fleet, one_cluster

MODES = (("2", "jobs"), ("3", "tunnels"), ("6", "results"), ("1", "clusters"))


@pytest.mark.parametrize("start", ["1", "2", "3", "6"])
async def test_modes_are_reached_from_each_other(tmp_path: Path, start: str) -> None:
    clock = Clock()
    async with one_cluster(clock) as fleet, deck(tmp_path, fleet.clusters, clock=clock) as console:
        await console.press(start)
        for key, name in MODES:
            await console.press(key)
            assert console.app.current_mode == name


async def test_a_mode_key_closes_what_stands_on_top_of_the_mode(tmp_path: Path) -> None:
    clock = Clock()
    async with one_cluster(clock) as fleet, deck(tmp_path, fleet.clusters, clock=clock) as console:
        await console.press("question_mark", "2", "1")
        assert not isinstance(console.app.screen, HelpScreen)
        await console.press("question_mark", "1")
        await console.until(lambda: not isinstance(console.app.screen, HelpScreen))
        assert len(console.app.screen_stack) == 1


async def test_help_lists_every_command_and_closes(tmp_path: Path) -> None:
    clock = Clock()
    async with one_cluster(clock) as fleet, deck(tmp_path, fleet.clusters, size=(120, 120), clock=clock) as console:
        await console.press("question_mark")
        assert isinstance(console.app.screen, HelpScreen)
        for command in COMMANDS:
            console.line(command.shown, command.meaning)
        assert console.text.index("ON A CLUSTER") < console.text.index("ON A JOB")
        await console.press("escape")
        assert not isinstance(console.app.screen, HelpScreen)
        await console.press("2", "question_mark")
        assert console.text.index("ON A JOB") < console.text.index("ON A CLUSTER")


async def test_help_scrolls_where_it_is_longer_than_the_screen(tmp_path: Path) -> None:
    clock = Clock()
    async with one_cluster(clock) as fleet, deck(tmp_path, fleet.clusters, size=(80, 24), clock=clock) as console:
        await console.press("question_mark")
        assert "IN A FORM" not in console.text
        await console.press("G")
        await console.shows("IN A FORM")
        await console.press("g")
        await console.shows("ON A CLUSTER")
        await console.press("j")
        await console.until(lambda: "ON A CLUSTER" not in console.text)
        await console.press("k")
        await console.shows("ON A CLUSTER")


@pytest.mark.parametrize("key", ["colon", "ctrl+p"])
async def test_the_palette_goes_to_a_cluster(tmp_path: Path, key: str) -> None:
    clock = Clock()
    async with mixed_fleet(clock) as fleet, deck(tmp_path, fleet.clusters, clock=clock) as console:
        await console.asked()
        await console.press("2", key)
        assert isinstance(console.app.screen, Palette)
        await console.press(*"local-2")
        await console.shows("cluster local-2")
        await console.press("enter")
        await console.until(lambda: console.app.current_mode == "clusters" and console.app.focused is not None)
        assert console.table.cursor_key == "local-2"


async def test_the_palette_runs_a_command_of_the_screen_it_was_opened_on(tmp_path: Path) -> None:
    clock = Clock()
    async with one_cluster(clock) as fleet, deck(tmp_path, fleet.clusters, clock=clock) as console:
        await console.asked()
        await console.press("colon", *"nodes of")
        await console.until(lambda: "jobs" not in console.lines()[5])
        await console.press("enter")
        await console.until(lambda: not isinstance(console.app.screen, Palette))
        assert console.app.focused is not None
        assert console.app.focused.id == "nodes"


async def test_escape_leaves_the_palette(tmp_path: Path) -> None:
    clock = Clock()
    async with one_cluster(clock) as fleet, deck(tmp_path, fleet.clusters, clock=clock) as console:
        await console.press("colon", "escape")
        assert not isinstance(console.app.screen, Palette)


async def test_r_asks_every_cluster_at_once(tmp_path: Path) -> None:
    clock = Clock()
    async with (
        mixed_fleet(clock) as fleet,
        deck(tmp_path, fleet.clusters, clock=clock, before="[console]\nrefresh_s = 60\n\n") as console,
    ):
        await console.asked()
        before = {name: len(head.asked) for name, head in fleet.heads.items()}
        await console.press("r")
        await console.until(lambda: all(len(head.asked) > before[name] for name, head in fleet.heads.items()))


async def test_y_copies_the_command_line_that_shows_the_same(tmp_path: Path) -> None:
    clock = Clock()
    async with one_cluster(clock) as fleet, deck(tmp_path, fleet.clusters, clock=clock) as console:
        await console.asked()
        await console.press("y")
        assert console.app.clipboard == "raydeck status"
        assert "copied: raydeck status" in console.messages
        await console.press("n", "y")
        assert console.app.clipboard == "raydeck nodes --cluster local-1"
        await console.press("2", "y")
        assert console.app.clipboard == "raydeck jobs"
        await console.press("6", "y")
        assert console.app.clipboard == "raydeck results"


async def test_t_changes_the_theme_and_back(tmp_path: Path) -> None:
    clock = Clock()
    async with one_cluster(clock) as fleet, deck(tmp_path, fleet.clusters, clock=clock) as console:
        backgrounds = set()
        for _ in range(2):
            backgrounds.add(console.app.screen.styles.background.hex)
            await console.press("T")
        assert len(backgrounds) == 2
        assert console.app.screen.styles.background.hex in backgrounds


async def test_q_quits(tmp_path: Path) -> None:
    clock = Clock()
    async with one_cluster(clock) as fleet, deck(tmp_path, fleet.clusters, clock=clock) as console:
        await console.press("q")
        assert not console.app.is_running


async def test_no_key_of_a_screen_does_its_work_in_a_text_field(tmp_path: Path) -> None:
    clock = Clock()
    async with one_cluster(clock) as fleet, deck(tmp_path, fleet.clusters, clock=clock) as console:
        await console.asked()
        await console.press("slash", *"q2:?Tr")
        assert console.app.is_running
        assert console.app.current_mode == "clusters"
        console.line(" / q2:?Tr")
