"""Jobs mode by keyboard: log, stop after asking, output; the order is the newest first."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from console.model.job import Job
from console.model.kept import KeptOutput
from console.screens.clusters import ClustersScreen
from console.screens.confirm import ConfirmScreen
from console.screens.log import LogScreen
from console.screens.plots import PlotsScreen
from console.services import job_outputs
from console.services.core import Core
from console.services.job_outputs import output_of
from tests.pilot.deck import Clock, deck
from tests.pilot.scenes import mixed_fleet, one_cluster, output_document

RUNNING = "local-2/raysubmit_uT6RvDcXs2QzAw8E"


async def test_the_newest_job_comes_first_and_moving_shows_what_can_be_done(tmp_path: Path) -> None:
    clock = Clock()
    async with mixed_fleet(clock) as fleet, deck(tmp_path, fleet.clusters, clock=clock) as console:
        await console.press("2")
        await console.shows("raysubmit_9fQs", "raysubmit_uT6R", "raysubmit_7Kq2")
        await console.press("g")  # the cursor stays with the row that came first, whichever cluster's it was
        starts = [row.cells[5].sort for row in console.table.rows_shown.rows.values()]
        assert starts == sorted(starts, key=lambda at: -float(at or 0))
        assert "stop" not in console.lines()[-1]
        console.table.go_to(RUNNING)
        await console.pilot.pause()
        assert "stop" in console.lines()[-1]


async def test_a_failed_job_says_why_in_its_row(tmp_path: Path) -> None:
    clock = Clock()
    async with mixed_fleet(clock) as fleet, deck(tmp_path, fleet.clusters, size=(160, 36), clock=clock) as console:
        await console.press("2")
        await console.shows("raysubmit_Mj5Y")
        assert "KeyError: 'amount' (exit cod" in console.line("raysubmit_Mj5Y")


async def test_enter_and_l_open_the_log_and_escape_comes_back(tmp_path: Path) -> None:
    clock = Clock()
    async with mixed_fleet(clock) as fleet, deck(tmp_path, fleet.clusters, clock=clock) as console:
        fleet.heads["local-2"].logs["raysubmit_uT6RvDcXs2QzAw8E"] = b"first line\n"
        await console.press("2")
        await console.shows("raysubmit_uT6R")
        console.table.go_to(RUNNING)
        for key in ("enter", "l"):
            await console.press(key)
            await console.shows("first line")
            assert isinstance(console.app.screen, LogScreen)
            await console.press("escape")
            assert console.table.cursor_key == RUNNING


async def test_x_asks_names_the_cluster_and_stops_only_after_y(tmp_path: Path) -> None:
    clock = Clock()
    async with mixed_fleet(clock) as fleet, deck(tmp_path, fleet.clusters, clock=clock) as console:
        head = fleet.heads["local-2"]
        await console.press("2")
        await console.shows("raysubmit_uT6R")
        console.table.go_to(RUNNING)
        for refusal in ("n", "escape", "enter"):
            await console.press("x")
            assert isinstance(console.app.screen, ConfirmScreen)
            console.line("stop raysubmit_uT6RvDcXs2QzAw8E on local-2?")
            await console.press(refusal)
            assert head.stopped == []
        await console.press("x", "y")
        await console.until(lambda: head.stopped == ["raysubmit_uT6RvDcXs2QzAw8E"])
        await console.until(lambda: "raysubmit_uT6RvDcXs2QzAw8E on local-2 has ended: STOPPED" in console.messages)
        await console.shows("■ stopped")


async def test_o_fetches_the_output_keeps_it_and_shows_it(tmp_path: Path) -> None:
    clock = Clock()
    async with one_cluster(clock) as fleet, deck(tmp_path, fleet.clusters, clock=clock) as console:
        head = fleet.heads["local-1"]
        head.add_job("raysubmit_7KqWmXsTz4bGhY2n", "SUCCEEDED")
        head.served = {"/about": {"submission_id": "raysubmit_7KqWmXsTz4bGhY2n"}, "/output": output_document()}
        await console.press("2")
        await console.shows("raysubmit_7Kq")
        await console.press("o")
        await console.shows("parallel_processing on local-1", "seed", "priority")
        assert isinstance(console.app.screen, PlotsScreen)
        assert [kept.submission_id for kept in console.core.shelf.kept()] == ["raysubmit_7KqWmXsTz4bGhY2n"]


async def test_an_output_that_comes_late_does_not_take_the_operator_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    async with one_cluster(clock) as fleet, deck(tmp_path, fleet.clusters, clock=clock) as console:
        head = fleet.heads["local-1"]
        head.add_job("raysubmit_7KqWmXsTz4bGhY2n", "SUCCEEDED")
        head.served = {"/about": {"submission_id": "raysubmit_7KqWmXsTz4bGhY2n"}, "/output": output_document()}
        may_come = asyncio.Event()

        async def late(core: Core, job: Job) -> KeptOutput:
            await may_come.wait()
            return await output_of(core, job)

        monkeypatch.setattr(job_outputs, "output_of", late)
        await console.press("2")
        await console.shows("raysubmit_7Kq")
        await console.press("o", "1")
        may_come.set()
        await console.until(lambda: console.messages)
        assert console.messages == ["output of raysubmit_7KqWmXsTz4bGhY2n kept: 6 lists it"]
        assert isinstance(console.app.screen, ClustersScreen)


async def test_o_of_a_job_without_output_says_so(tmp_path: Path) -> None:
    clock = Clock()
    async with one_cluster(clock) as fleet, deck(tmp_path, fleet.clusters, clock=clock) as console:
        fleet.heads["local-1"].add_job("raysubmit_mine", "SUCCEEDED", metadata={}, entrypoint="python mine.py")
        await console.press("2")
        await console.shows("mine.py")
        await console.press("o")
        await console.until(lambda: console.messages)
        assert console.messages == ["local-1: raysubmit_mine is no bundled job with an output"]


async def test_jobs_are_asked_for_at_every_refresh_only_while_somebody_looks(tmp_path: Path) -> None:
    clock = Clock()
    async with one_cluster(clock) as fleet, deck(tmp_path, fleet.clusters, clock=clock) as console:
        await console.press("2")
        assert console.core.fleet.poller("local-1").jobs_wanted
        await console.press("1")
        assert not console.core.fleet.poller("local-1").jobs_wanted


async def test_the_filter_takes_columns(tmp_path: Path) -> None:
    clock = Clock()
    async with mixed_fleet(clock) as fleet, deck(tmp_path, fleet.clusters, clock=clock) as console:
        await console.press("2")
        await console.until(lambda: len(console.table.rows_shown) == 22)
        table = console.table
        await console.press("slash", *"status:failed cluster:local")
        await console.until(lambda: len(table.rows_shown) == 2)
        await console.press("enter")
        assert all("✗ failed" in line for line in console.lines() if "raysubmit_" in line)
        await console.press("escape")
        await console.until(lambda: len(table.rows_shown) == 22)
        await console.press("slash", *"nothing has this")
        await console.shows("no row holds these words", "clear the filter: Esc")
        assert "no jobs yet" not in console.text


async def test_marked_jobs_are_stopped_together_after_one_question(tmp_path: Path) -> None:
    clock = Clock()
    async with mixed_fleet(clock) as fleet, deck(tmp_path, fleet.clusters, clock=clock) as console:
        await console.press("2")
        await console.until(lambda: len(console.table.rows_shown) == 22)
        for key in (RUNNING, "cloud-1/raysubmit_9fQsYcVnJ3hTz2Kd", "local-1/raysubmit_7Kq0hGdFsApWnVbY"):
            console.table.go_to(key)
            await console.press("space")
        await console.press("x")
        console.line("stop 2 jobs on local-2, cloud-1?")
        await console.press("y")
        await console.until(lambda: fleet.heads["local-2"].stopped and fleet.heads["cloud-1"].stopped)
        assert fleet.heads["cloud-1"].stopped == ["raysubmit_9fQsYcVnJ3hTz2Kd"]
        assert fleet.heads["local-1"].stopped == []


async def test_a_driver_that_was_not_submitted_is_shown_with_what_cannot_be_done(tmp_path: Path) -> None:
    clock = Clock()
    async with one_cluster(clock) as fleet, deck(tmp_path, fleet.clusters, size=(160, 36), clock=clock) as console:
        head = fleet.heads["local-1"]
        head.add_job("raysubmit_x", "RUNNING", metadata={})
        head.jobs[0] |= {"submission_id": None, "type": "DRIVER", "job_id": "02000000"}
        await console.press("2")
        await console.shows("02000000", "not submitted: no log, no stop, no rerun")
        assert "stop" not in console.lines()[-1]
        assert "run again" not in console.lines()[-1]
        await console.press("x")
        await console.until(lambda: console.messages)
        assert "02000000 was not submitted, so Ray cannot stop it" in console.messages[0]
        assert head.stopped == []


async def test_y_copies_what_shows_the_row_the_question_its_command_and_shift_y_what_was_done(tmp_path: Path) -> None:
    stop = "raydeck stop raysubmit_uT6RvDcXs2QzAw8E --cluster local-2 --wait"
    clock = Clock()
    async with mixed_fleet(clock) as fleet, deck(tmp_path, fleet.clusters, clock=clock) as console:
        await console.press("2")
        await console.shows("raysubmit_uT6R")
        await console.press("Y")
        assert "nothing was done yet" in console.messages[-1]
        console.table.go_to(RUNNING)
        await console.press("y")
        assert console.app.clipboard == "raydeck logs raysubmit_uT6RvDcXs2QzAw8E --cluster local-2"
        await console.press("x")
        await console.shows(stop, "c copy the command")
        await console.press("c")
        assert console.app.clipboard == stop
        assert fleet.heads["local-2"].stopped == []
        console.app.copy_to_clipboard("")
        await console.press("y")
        await console.until(lambda: fleet.heads["local-2"].stopped)
        assert any(message.startswith(stop) for message in console.messages)
        await console.press("Y")
        await console.until(lambda: console.app.clipboard == stop)
        console.table.go_to("cloud-1/raysubmit_9fQsYcVnJ3hTz2Kd")
        await console.press("space", "j", "space", "y")
        copied = console.app.clipboard.split()
        assert copied[:2] == ["raydeck", "logs"]
        assert len([word for word in copied if word.startswith("raysubmit_")]) == 2
