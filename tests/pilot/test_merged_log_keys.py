"""Marked jobs' logs as one, and kept copies where the head does not answer any more."""

from __future__ import annotations

from pathlib import Path

from console.screens.merged_log import MergedLogScreen
from console.widgets.log_view import LogView
from tests.pilot.deck import Clock, deck
from tests.pilot.scenes import many_clusters, one_cluster

ONE, TWO = "raysubmit_7KqWmXsTz4bGhY2n", "raysubmit_9fQsYcVnJ3hTz2Kd"


async def test_l_on_marked_jobs_merges_their_logs_by_time_with_the_cluster_before_each_line(tmp_path: Path) -> None:
    clock = Clock()
    async with many_clusters(clock, ("left", "right")) as fleet, deck(tmp_path, fleet.clusters, clock=clock) as console:
        for name, job_id, log in (
            ("left", ONE, b"14:03:01 alpha\n14:03:03 gamma\nValueError: (no)\n"),
            ("right", TWO, b"14:03:02 beta\n14:03:04 delta\n"),
        ):
            fleet.heads[name].add_job(job_id, "RUNNING")
            fleet.heads[name].logs[job_id] = log
        await console.press("2")
        await console.shows(ONE, TWO)
        await console.press("space", "j", "space", "l")
        await console.shows("2 logs of", "delta", "1 error")
        assert isinstance(console.app.screen, MergedLogScreen)
        lines = [line.split()[:2] + line.split()[2:3] for line in console.lines() if "14:03" in line]
        assert lines == [
            ["left", "14:03:01", "alpha"],
            ["right", "14:03:02", "beta"],
            ["left", "14:03:03", "gamma"],
            ["right", "14:03:04", "delta"],
        ]
        await console.press("y")
        words = console.app.clipboard.split()
        assert (words[:2], set(words[2:4]), words[4]) == (["raydeck", "logs"], {ONE, TWO}, "--follow")
        fleet.heads["right"].end(TWO, "SUCCEEDED")
        await console.shows("right: job succeeded", "1 running")
        await console.press("escape")
        assert console.table.marked


async def test_a_log_that_was_read_is_shown_from_its_copy_when_the_head_is_gone(tmp_path: Path) -> None:
    clock = Clock()
    async with one_cluster(clock) as fleet, deck(tmp_path, fleet.clusters, clock=clock) as console:
        head = fleet.heads["local-1"]
        head.add_job(ONE, "RUNNING")
        head.logs[ONE] = b"what was said\n"
        await console.press("2")
        await console.shows(ONE)
        await console.press("l")
        await console.shows("what was said")
        await console.press("escape")
        head.trouble = "close"
        await console.press("l")
        await console.shows("what was said", "kept copy of 22 Nov 22:00:00, the job was running", "link lost")


async def test_a_kept_copy_makes_way_for_the_log_when_the_link_is_back(tmp_path: Path) -> None:
    clock = Clock()
    async with one_cluster(clock) as fleet, deck(tmp_path, fleet.clusters, clock=clock) as console:
        head = fleet.heads["local-1"]
        head.add_job(ONE, "RUNNING")
        head.logs[ONE] = b"one\nValueError: two\n"
        await console.press("2")
        await console.shows(ONE)
        await console.press("l")
        await console.shows("ValueError: two")
        await console.press("escape")
        head.trouble = "close"
        await console.press("l")
        await console.shows("ValueError: two", "kept copy of", "link lost")
        head.logs[ONE] += b"three\n"
        head.trouble = ""
        await console.shows("three", "link back after", "1 error ", "3 lines")
        assert "kept copy" not in console.text
        assert list(console.app.screen.query_one(LogView).lines_as_bytes()) == [
            b"one\n",
            b"ValueError: two\n",
            b"three\n",
        ]


async def test_a_kept_copy_is_shown_when_the_head_lives_but_the_log_or_the_job_is_gone(tmp_path: Path) -> None:
    clock = Clock()
    async with one_cluster(clock) as fleet, deck(tmp_path, fleet.clusters, clock=clock) as console:
        head = fleet.heads["local-1"]
        head.add_job(ONE, "RUNNING")
        head.logs[ONE] = b"what was said\n"
        await console.press("2")
        await console.shows(ONE)
        await console.press("l")
        await console.shows("what was said")
        head.end(ONE, "SUCCEEDED")
        await console.shows("job succeeded")
        await console.press("escape")
        del head.logs[ONE]
        await console.press("l")
        await console.shows("what was said", "kept copy of", "the job was succeeded", "its log cannot be had")
        await console.press("escape")
        head.jobs.clear()
        await console.press("l")
        await console.shows("what was said", "kept copy of", f"no job {ONE}")
