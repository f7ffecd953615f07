"""The log screen by keyboard: following, reading back, searching, wrapping, writing, stopping, output."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from console.screens.log import LogScreen
from console.screens.plots import PlotsScreen
from console.widgets.log_view import LogView
from tests.fakes.head import FakeHead
from tests.pilot.deck import Clock, Deck, deck
from tests.pilot.scenes import one_cluster, output_document

JOB = "raysubmit_7KqWmXsTz4bGhY2n"


@asynccontextmanager
async def log_of(
    tmp_path: Path, log: bytes, size: tuple[int, int] = (100, 30), status: str = "RUNNING", lines: int | None = None
) -> AsyncIterator[tuple[Deck, FakeHead, LogView]]:
    """Open the log of one job, and wait until so many of its lines are shown, all by default."""
    clock = Clock()
    async with one_cluster(clock) as fleet, deck(tmp_path, fleet.clusters, size=size, clock=clock) as console:
        head = fleet.heads["local-1"]
        head.add_job(JOB, status)
        head.logs[JOB] = log
        await console.press("r")
        await console.until(lambda: console.core.fleet.snapshots[0].jobs)
        await console.press("l")
        await console.until(lambda: console.app.screen.query(LogView), "for the log screen")
        view = console.app.screen.query_one(LogView)
        wanted = lines or log.count(b"\n")
        await console.until(lambda: view.ring.lines_seen >= wanted and not view._frame_due, "for the log")
        yield console, head, view


def numbered(count: int) -> bytes:
    return b"".join(b"line %d\n" % number for number in range(count))


async def test_f_stays_here_and_follows_again(tmp_path: Path) -> None:
    async with log_of(tmp_path, numbered(100)) as (console, head, view):
        console.line("line 99")
        console.line("● following", "100 lines")
        await console.press("f")
        head.logs[JOB] += b"later\n"
        await console.until(lambda: view.new_lines == 1)
        await console.shows("○ stays here, 1 new ")
        assert "later" not in console.text
        await console.press("f")
        await console.shows("later", "● following")


async def test_moving_leaves_the_end_and_g_and_capital_g_go_to_both_ends(tmp_path: Path) -> None:
    async with log_of(tmp_path, numbered(200)) as (console, _, view):
        for key, shown in (("k", "line 198"), ("up", "line 197"), ("pageup", "line 150"), ("g", "line 0 ")):
            await console.press(key)
            await console.shows(shown)
            assert not view.following
        await console.press("j", "down")
        await console.until(lambda: "line 0 " not in console.text and "line 2 " in console.text)
        await console.press("G")
        await console.shows("line 199")
        assert view.following


async def test_going_up_past_what_was_read_brings_earlier_lines_and_moves_no_reader(tmp_path: Path) -> None:
    log = b"ValueError: (first)\n" + numbered(5000)
    async with log_of(tmp_path, log, status="SUCCEEDED", lines=1000) as (console, _, view):
        console.line("● following", "1 000 lines")
        assert (view.ring.first, view.ring.lines_seen) == (0, 1000)
        await console.press("g")
        top = [line[:20] for line in console.lines()].index(" line 4000".ljust(20))
        await console.until(lambda: view.ring.first == -1000)
        await console.shows("2 000 lines")
        assert console.lines()[top].startswith(" line 4000 ")
        assert not view.following
        await console.press("pageup")
        await console.shows("line 3980 ")
        for known in (4000, 5001):
            await console.press("g")
            await console.until(lambda known=known: view.ring.lines_seen == known)
        await console.press("g")
        await console.until(lambda: console.messages == ["the log begins here"])
        await console.shows("ValueError: (first)", "line 0 ", "1 error")
        await console.press("G")
        await console.shows("line 4999 ", "job succeeded")
        assert list(view.lines_as_bytes()) == log.splitlines(keepends=True)


async def test_a_search_upwards_that_finds_nothing_brings_earlier_lines_to_go_on_in(tmp_path: Path) -> None:
    async with log_of(tmp_path, numbered(3000), status="SUCCEEDED", lines=1000) as (console, _, view):
        await console.press("slash", *"line 1777", "enter")
        await console.until(lambda: view.ring.first == -1000)
        assert console.messages == ["no further search hit"]
        await console.press("N")
        await console.until(lambda: view.found == -223)
        await console.shows("line 1777 ")


async def test_earlier_lines_end_where_the_view_is_full_and_it_says_what_prints_more(tmp_path: Path) -> None:
    async with log_of(tmp_path, numbered(5000), lines=1000) as (console, _, view):
        view.ring.lines_most = 1500
        await console.press("g")
        await console.until(lambda: console.messages)
        assert console.messages == [
            f"no more than 1 500 lines are kept here; raydeck logs {JOB} --lines N prints more",
        ]
        assert view.ring.line(view.ring.first) == b"line 3500"
        await console.press("g")
        await console.shows("line 3500 ")
        assert len(console.messages) == 1


async def test_earlier_lines_that_cannot_be_read_are_asked_for_again(tmp_path: Path) -> None:
    async with log_of(tmp_path, numbered(3000), status="SUCCEEDED", lines=1000) as (console, head, view):
        head.trouble = "error"
        await console.press("g")
        await console.until(lambda: console.messages)
        assert "HTTP 500" in console.messages[0]
        head.trouble = ""
        await console.press("g")
        await console.until(lambda: view.ring.first == -1000)


async def test_search_n_and_capital_n_and_escape(tmp_path: Path) -> None:
    async with log_of(tmp_path, numbered(300)) as (console, _, view):
        await console.press("slash")
        await console.shows(" / a text")
        await console.press(*"LINE 7", "enter")
        await console.until(lambda: view.found == 79)
        await console.press("N")
        await console.until(lambda: view.found == 78)
        await console.press("n")
        await console.until(lambda: view.found == 79)
        await console.press("n", "n")
        await console.until(lambda: "no further search hit" in console.messages)
        await console.press("escape")
        assert isinstance(console.app.screen, LogScreen)
        assert view.found is None
        await console.press("escape")
        assert not isinstance(console.app.screen, LogScreen)


async def test_escape_in_the_search_field_closes_it_only(tmp_path: Path) -> None:
    async with log_of(tmp_path, numbered(5)) as (console, _, view):
        await console.press("slash", "f", "escape")
        assert view.following
        assert console.app.focused is view
        assert isinstance(console.app.screen, LogScreen)


async def test_e_goes_to_the_next_error_line(tmp_path: Path) -> None:
    log = numbered(60) + b"ValueError: one\n" + numbered(60) + b"KeyError: two\n" + numbered(60)
    async with log_of(tmp_path, log) as (console, _, view):
        console.line("2 errors")
        for expected in (60, 121, 60):
            await console.press("e")
            assert view.found == expected


async def test_e_is_not_offered_without_an_error_and_does_no_harm(tmp_path: Path) -> None:
    async with log_of(tmp_path, numbered(3)) as (console, _, view):
        assert "next error" not in console.lines()[-1]
        await console.press("e")
        assert view.found is None
        assert "no further error hit" in console.messages


async def test_w_wraps_long_lines(tmp_path: Path) -> None:
    async with log_of(tmp_path, b"x" * 150 + b"END\n") as (console, _, _view):
        assert "END" not in console.text
        await console.press("w")
        await console.shows("END")
        await console.press("w")
        await console.until(lambda: "END" not in console.text)
        await console.press(*["right"] * 8)
        await console.shows("END")


async def test_capital_w_writes_the_bytes_as_they_came_and_never_over_a_file(tmp_path: Path) -> None:
    log = b"\x1b[31mred\x1b[0m\nbad \xff byte\n"
    async with log_of(tmp_path, log) as (console, _, _view):
        await console.press("W")
        await console.until(lambda: list(tmp_path.glob("*.log")))
        written = tmp_path / f"{JOB}-20261122T220000.log"
        await console.until(lambda: console.messages)
        assert written.read_bytes() == log
        assert console.messages == [f"2 lines written to {written}"]
        written.write_bytes(b"mine")
        await console.press("W")
        await console.until(lambda: len(console.messages) == 2)
        assert "cannot be written: File exists" in console.messages[1]
        assert written.read_bytes() == b"mine"


async def test_x_stops_the_job_and_the_log_tells_its_end(tmp_path: Path) -> None:
    async with log_of(tmp_path, numbered(3)) as (console, head, _view):
        await console.press("x")
        console.line(f"stop {JOB} on local-1?")
        await console.press("y")
        await console.until(lambda: head.stopped == [JOB])
        await console.shows("job was stopped", "■ stopped")
        assert "x stop" not in console.lines()[-1]


async def test_the_output_is_kept_when_the_log_says_it_is_ready_and_o_shows_it(tmp_path: Path) -> None:
    async with log_of(tmp_path, numbered(3)) as (console, head, _view):
        head.served = {"/about": {"submission_id": JOB}, "/output": output_document()}
        head.logs[JOB] += b"Application 'requests' is ready at http://127.0.0.1:8350/\n"
        await console.shows("output kept → o shows it")
        await console.press("o")
        await console.shows("parallel_processing on local-1")
        assert isinstance(console.app.screen, PlotsScreen)


async def test_a_lost_link_is_told_and_nothing_is_missing_when_it_is_back(tmp_path: Path) -> None:
    async with log_of(tmp_path, numbered(3)) as (console, head, view):
        head.trouble = "error"
        await console.shows("link lost 22:00:00")
        head.logs[JOB] += b"written meanwhile\n"
        head.trouble = ""
        await console.shows("link back after", "nothing missing", "written meanwhile")
        assert [line for line in view.lines_as_bytes() if line.startswith(b"line")] == [
            b"line 0\n",
            b"line 1\n",
            b"line 2\n",
        ]


async def test_the_log_of_a_job_that_failed_says_so(tmp_path: Path) -> None:
    async with log_of(tmp_path, b"KeyError: 'amount'\n", status="FAILED") as (console, _, _view):
        await console.shows("job failed", "✗ failed")


async def test_y_copies_the_command_that_follows(tmp_path: Path) -> None:
    async with log_of(tmp_path, numbered(1)) as (console, _, _view):
        await console.press("y")
        assert console.app.clipboard == f"raydeck logs {JOB} --cluster local-1 --follow"
