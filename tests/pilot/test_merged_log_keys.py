"""Marked jobs' logs as one, and kept copies where the head does not answer any more."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from msgspec import structs

from console.messages import LogsAsked
from console.model.job import Job
from console.screens.merged_log import MergedLogScreen
from console.services import kept_logs
from console.services.kept_logs import LogCopies
from console.services.state_folder import StateFolder
from console.widgets.log_view import LogView
from tests.pilot.deck import Clock, Deck, deck
from tests.pilot.scenes import Fleet, many_clusters, one_cluster

ONE, TWO = "raysubmit_7KqWmXsTz4bGhY2n", "raysubmit_9fQsYcVnJ3hTz2Kd"


@asynccontextmanager
async def left_and_right(
    folder: Path, left: bytes, right: bytes | None = None, status: str = "RUNNING"
) -> AsyncIterator[tuple[Fleet, Deck]]:
    """The console on two clusters, each with a job and its log; without a log there is no job, either."""
    clock = Clock()
    async with many_clusters(clock, ("left", "right")) as fleet, deck(folder, fleet.clusters, clock=clock) as console:
        for name, job_id, log in (("left", ONE, left), ("right", TWO, right)):
            if log is not None:
                fleet.heads[name].add_job(job_id, status)
                fleet.heads[name].logs[job_id] = log
        yield fleet, console


async def open_both(console: Deck) -> None:
    """Mark both jobs and open their logs as one."""
    await console.press("2")
    await console.shows(ONE, TWO)
    await mark_both(console)


async def mark_both(console: Deck) -> None:
    """The cursor stays with the row that came first, which may be the lower one."""
    await console.press("g", "space", "j", "space", "l")


async def leave(console: Deck) -> None:
    """Close the log, and wait until its copy is kept."""
    await console.press("escape")
    await console.until(lambda: console.core.logs.find(ONE), "for the kept copy")


async def test_l_on_marked_jobs_merges_their_logs_by_time_with_the_cluster_before_each_line(tmp_path: Path) -> None:
    left, right = b"14:03:01 alpha\n14:03:03 gamma\nValueError: (no)\n", b"14:03:02 beta\n14:03:04 delta\n"
    async with left_and_right(tmp_path, left, right) as (fleet, console):
        await open_both(console)
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


async def test_lines_wait_for_the_slowest_log_at_first(tmp_path: Path) -> None:
    """The head of the older log is silent for some seconds: its lines still come first."""
    async with left_and_right(tmp_path, b"14:03:02 later\n", b"14:03:01 earlier\n") as (fleet, console):
        await console.press("2")
        await console.shows(ONE, TWO)
        fleet.heads["right"].log_delay_s = 0.8
        await mark_both(console)
        await console.shows("later", "earlier")
        lines = [line.split()[-1] for line in console.lines() if "14:03" in line]
        assert lines == ["earlier", "later"]


async def test_a_flood_of_several_logs_comes_in_pieces_and_whole(tmp_path: Path) -> None:
    """No piece is so long that a key would have to wait for it."""
    pieces: list[int] = []
    async with left_and_right(tmp_path, b"14:03:01 first\n", b"14:03:01 first\n") as (fleet, console):
        await open_both(console)
        await console.shows("first", "2 lines")
        view = console.app.screen.query_one(LogView)
        feed = view.ring.feed
        view.ring.feed = lambda chunk: (pieces.append(chunk.count(b"\n")), feed(chunk))[1]  # type: ignore[method-assign]
        for name, job_id in (("left", ONE), ("right", TWO)):
            fleet.heads[name].logs[job_id] += b"".join(b"14:03:%02d line %d\n" % (n % 60, n) for n in range(12_500))
        await console.shows("25 002 lines")
        assert sum(b" line " in line for line in view.lines_as_bytes()) == sum(pieces) == 25_000
        assert 100 < max(pieces) <= 500


def timed_log(name: str, first: int, count: int, every_s: int) -> bytes:
    """Lines of a day, one every so many seconds."""
    seconds = range(first, first + count * every_s, every_s)
    return b"".join(
        b"%02d:%02d:%02d %s %d\n" % (at // 3600, at // 60 % 60, at % 60, name.encode(), at) for at in seconds
    )


async def test_logs_are_read_back_to_their_beginnings_as_one(tmp_path: Path) -> None:
    """One says a line every 2 s, the other every 10 s: page by page each gets its lines in its order, none twice."""
    logs = {"left": timed_log("left", 0, 5000, 2), "right": timed_log("right", 0, 1000, 10)}
    async with left_and_right(tmp_path, **logs, status="SUCCEEDED") as (_, console):
        await open_both(console)
        await console.shows("left 9998", "1 200 lines")  # of the right one only what is as new as the left one's first
        view = console.app.screen.query_one(LogView)
        while "the logs begin here" not in console.messages:
            known = len(view.ring)
            await console.press("g", "k")
            await console.until(lambda known=known: len(view.ring) > known or console.messages)
        lines = [line.partition(b"\x1b[0m ")[2].strip() for line in view.lines_as_bytes()]
        for name, log in logs.items():
            assert [line for line in lines if name.encode() in line] == log.splitlines()
        assert [line[:8] for line in lines] == sorted(line[:8] for line in lines)


async def test_a_cluster_that_is_gone_gives_its_kept_copy_among_the_others_and_the_rest_when_it_is_back(
    tmp_path: Path,
) -> None:
    async with left_and_right(tmp_path, b"14:03:01 a\n14:03:03 c\n", b"14:03:02 b\n") as (fleet, console):
        await open_both(console)
        await console.shows("3 lines")
        await leave(console)
        fleet.heads["left"].trouble = "close"
        await console.press("l")
        await console.shows("left: kept copy of 22 Nov 22:00:00, the job was running", "left: link lost", "3 lines")
        view = console.app.screen.query_one(LogView)
        assert [line.split()[-1] for line in view.lines_as_bytes()] == [b"a", b"b", b"c"]
        fleet.heads["left"].logs[ONE] += b"14:03:05 d\n"
        fleet.heads["left"].trouble = ""
        await console.shows("left: link back", "4 lines")
        assert [line.split()[-1] for line in view.lines_as_bytes()] == [b"a", b"b", b"c", b"d"]


async def test_a_cluster_that_was_taken_out_ends_no_other_log(tmp_path: Path) -> None:
    async with left_and_right(tmp_path, b"14:03:01 still here\n") as (_, console):
        await console.press("2")
        await console.shows(ONE)
        there = console.core.fleet.snapshots[0].jobs[0]
        console.app.post_message(LogsAsked([there, structs.replace(there, cluster="gone", submission_id=TWO)]))
        await console.shows("still here", "gone: no such cluster")


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
        await leave(console)
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
        await leave(console)
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


async def test_the_palette_opens_the_kept_log_of_a_job_that_is_in_no_list_any_more(tmp_path: Path) -> None:
    clock = Clock()
    folder = StateFolder(tmp_path / "state" / "raydeck")
    for cluster, job_id in (("local-1", ONE), ("taken-down", TWO)):
        gone = Job(cluster=cluster, submission_id=job_id, job_id=None, type="SUBMISSION", status="FAILED",
                   entrypoint="x", start_time=1.0, end_time=2.0)  # fmt: skip
        LogCopies(folder, clock).keep(gone, b"the last words of " + cluster.encode() + b"\n")
    async with one_cluster(clock) as fleet, deck(tmp_path, fleet.clusters, clock=clock) as console:
        for cluster, job_id, why in (("local-1", ONE, f"no job {ONE}"), ("taken-down", TWO, "no such cluster")):
            await console.press("colon")
            await console.shows(f"kept log {ONE} of local-1, failed, 22 Nov 22:00")
            await console.press(*f"kept log {job_id[-5:]}")
            await console.until(lambda other=TWO if job_id == ONE else ONE: other not in console.text)
            await console.press("enter")
            await console.shows(f"the last words of {cluster}", "kept copy of 22 Nov", why)
            await console.press("escape")


async def test_a_log_is_kept_while_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is killed in the middle of it has lost little."""
    monkeypatch.setattr(kept_logs, "_REST_S", 0.02)
    clock = Clock()
    async with one_cluster(clock) as fleet, deck(tmp_path, fleet.clusters, clock=clock) as console:
        head = fleet.heads["local-1"]
        head.add_job(ONE, "RUNNING")
        head.logs[ONE] = b"one\n"
        await console.press("2")
        await console.shows(ONE)
        await console.press("l")
        for expected in (b"one\n", b"one\ntwo\n"):
            head.logs[ONE] = expected
            await console.until(lambda expected=expected: (console.core.logs.find(ONE) or (None, b""))[1] == expected)
