"""Clusters mode by keyboard: moving, nodes, filter, sort, marks, and what leads to other screens."""

from __future__ import annotations

from pathlib import Path

from console.screens.log import LogScreen
from console.screens.submit import SubmitScreen
from console.widgets.resource_table import ResourceTable
from tests.pilot.deck import Clock, Deck, deck
from tests.pilot.scenes import mixed_fleet, one_cluster


def clusters_of(console: Deck) -> ResourceTable:
    return console.app.screen.query_one("#clusters", ResourceTable)


async def test_moving_keys_and_the_nodes_that_follow(tmp_path: Path) -> None:
    clock = Clock()
    async with mixed_fleet(clock) as fleet, deck(tmp_path, fleet.clusters, clock=clock) as console:
        await console.asked()
        assert console.table.cursor_key == "cloud-1"
        for key, expected in (
            ("j", "local-1"), ("down", "local-2"), ("k", "local-1"), ("up", "cloud-1"),
            ("G", "local-3"), ("g", "cloud-1"), ("end", "local-3"), ("home", "cloud-1"),
        ):  # fmt: skip
            await console.press(key)
            assert console.table.cursor_key == expected
            assert console.line("── ").rstrip("─ ").endswith(expected)
        await console.press("j")
        console.line("172.29.0.2", "worker")
        assert "10.0.3.7" not in console.text


async def test_only_the_table_with_the_focus_shows_the_bar(tmp_path: Path) -> None:
    clock = Clock()
    async with mixed_fleet(clock) as fleet, deck(tmp_path, fleet.clusters, clock=clock) as console:
        await console.asked()
        assert [line[:4] for line in console.lines() if line.startswith("▌")] == ["▌● c"]
        await console.press("enter")
        assert [line[:4] for line in console.lines() if line.startswith("▌")] == ["▌● 1"]


async def test_enter_and_n_open_the_nodes_and_escape_goes_back(tmp_path: Path) -> None:
    clock = Clock()
    async with mixed_fleet(clock) as fleet, deck(tmp_path, fleet.clusters, clock=clock) as console:
        await console.asked()
        for key in ("enter", "n"):
            await console.press(key, "j")
            assert console.table.id == "nodes"
            assert console.table.cursor_key == "node-10.0.3.8"
            await console.press("g", "escape")
            assert console.table.id == "clusters"


async def test_filter_narrows_stays_and_is_cleared(tmp_path: Path) -> None:
    clock = Clock()
    async with mixed_fleet(clock) as fleet, deck(tmp_path, fleet.clusters, clock=clock) as console:
        await console.asked()
        await console.press("slash", *"LOCAL deg")
        assert "cloud-1" not in "".join(console.lines()[3:8])
        assert clusters_of(console).rows_shown.keys == []
        await console.press(*["backspace"] * 4, "enter")
        assert clusters_of(console).rows_shown.keys == ["local-1", "local-2", "local-3"]
        assert console.table is clusters_of(console)
        await console.press("escape")
        assert len(clusters_of(console).rows_shown) == 4
        assert " / " not in console.text.replace("/ filter", "")


async def test_sort_by_the_next_column_and_back_to_the_configuration(tmp_path: Path) -> None:
    clock = Clock()
    async with mixed_fleet(clock) as fleet, deck(tmp_path, fleet.clusters, clock=clock) as console:
        await console.asked()
        orders = []
        while True:
            await console.press("S")
            if console.table.rows_shown.sorted_by is None:
                break
            orders.append(console.table.rows_shown.sorted_by[0])
            assert console.table.cursor_key == "cloud-1"
        shown = ["cluster", "kind", "ray", "nodes", "cpu", "trend", "gpu", "gram", "memory", "jobs", "source", "age"]
        assert orders == shown
        assert console.table.rows_shown.keys == ["cloud-1", "local-1", "local-2", "local-3"]


async def test_sort_by_cpu_puts_the_unknown_last(tmp_path: Path) -> None:
    clock = Clock()
    async with mixed_fleet(clock) as fleet, deck(tmp_path, fleet.clusters, clock=clock) as console:
        await console.asked()
        await console.press(*["S"] * 5)
        assert console.table.rows_shown.sorted_by == ("cpu", False)
        assert console.table.rows_shown.keys == ["local-1", "cloud-1", "local-2", "local-3"]


async def test_space_marks_and_unmarks(tmp_path: Path) -> None:
    clock = Clock()
    async with mixed_fleet(clock) as fleet, deck(tmp_path, fleet.clusters, clock=clock) as console:
        await console.asked()
        await console.press("space")
        assert console.table.marked == {"cloud-1"}
        assert console.line("◆").startswith("◆● cloud-1")
        await console.press("space")
        assert console.table.marked == set()


async def test_s_opens_the_form_for_this_cluster(tmp_path: Path) -> None:
    clock = Clock()
    async with mixed_fleet(clock) as fleet, deck(tmp_path, fleet.clusters, clock=clock) as console:
        await console.asked()
        await console.press("j")
        await console.open_form()
        console.line("submit parallel_processing", "to  local-1")
        assert isinstance(console.app.screen, SubmitScreen)


async def test_l_opens_the_log_of_the_newest_job(tmp_path: Path) -> None:
    clock = Clock()
    async with mixed_fleet(clock) as fleet, deck(tmp_path, fleet.clusters, clock=clock) as console:
        await console.until(lambda: console.core.fleet.poller("cloud-1").last.jobs)
        await console.press("l")
        await console.shows("raysubmit_Xw4GmPbRt7uEe5Na")
        assert isinstance(console.app.screen, LogScreen)


async def test_l_without_a_job_says_so_and_names_the_way(tmp_path: Path) -> None:
    clock = Clock()
    async with one_cluster(clock) as fleet, deck(tmp_path, fleet.clusters, clock=clock) as console:
        await console.asked()
        await console.press("l")
        assert console.messages == ["local-1: no job was submitted there yet\ns submits one"]


async def test_read_only_refuses_what_changes_anything_and_does_not_offer_it(tmp_path: Path) -> None:
    clock = Clock()
    async with (
        one_cluster(clock) as fleet,
        deck(tmp_path, fleet.clusters, clock=clock, read_only=True) as console,
    ):
        await console.asked()
        assert "read-only" in console.lines()[0]
        assert "submit" not in console.lines()[-1]
        await console.press("s")
        assert console.app.screen.query("#clusters")
        assert "read-only" in console.messages[0]
