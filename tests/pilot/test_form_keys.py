"""The submit form by keyboard, down to the requests that Ray's own client sends."""

from __future__ import annotations

import asyncio
import json
import shlex
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual.widgets import Input

from console.screens.log import LogScreen
from console.screens.submit import SubmitScreen
from console.services import submit as submitting
from console.services.preflight import PreflightCheck
from tests.fakes.head import GIB, FakeHead
from tests.pilot.deck import Clock, Deck, deck
from tests.pilot.scenes import free_memory, one_cluster


@asynccontextmanager
async def form(tmp_path: Path, size: tuple[int, int] = (120, 36)) -> AsyncIterator[tuple[Deck, FakeHead]]:
    """Open the form of the bundled job for one cluster."""
    clock = Clock()
    async with one_cluster(clock) as fleet, deck(tmp_path, fleet.clusters, size=size, clock=clock) as console:
        await console.asked()
        await console.open_form()
        await console.shows("✓ 6 CPU free, needs 4 · 5.1 G memory free, needs 1.1 G")
        yield console, fleet.heads["local-1"]


def values(console: Deck) -> list[str]:
    return [field.value for field in console.app.screen.query(Input)]


async def type_over(console: Deck, text: str) -> None:
    await console.press("home", "ctrl+k", *text)


async def test_tab_and_enter_go_through_the_fields(tmp_path: Path) -> None:
    async with form(tmp_path) as (console, _):
        fields = list(console.app.screen.query(Input))
        assert values(console)[:2] == ["2", "2"]
        for field in fields:
            assert console.app.focused is field
            await console.press("tab")
        assert console.app.focused is fields[0]
        await console.press("shift+tab")
        assert console.app.focused is fields[-1]
        await console.press("enter")
        assert console.app.focused is fields[0]


async def test_a_wrong_value_is_told_while_typing_and_not_sent(tmp_path: Path) -> None:
    async with form(tmp_path) as (console, head):
        await type_over(console, "two")
        await console.shows("✗ worker-number: expected a whole number from 1 to 1000, got 'two'")
        await console.press("f5")
        await console.until(lambda: console.messages)
        assert "expected a whole number" in console.messages[0]
        assert head.submissions == []
        assert isinstance(console.app.screen, SubmitScreen)
        assert values(console)[0] == "two"
        await type_over(console, "3")
        await console.shows("✓ 6 CPU free")


async def test_f5_submits_once_through_rays_own_client_and_follows_the_log(tmp_path: Path) -> None:
    async with form(tmp_path) as (console, head):
        await console.press("tab", "tab")
        await type_over(console, "100")
        await console.press("f5", "f5")
        await console.until(lambda: isinstance(console.app.screen, LogScreen))
        [sent] = head.submissions
        command, job_file, argument = shlex.split(sent["entrypoint"])
        assert (command, job_file) == ("python", "parallel_processing.py")
        assert json.loads(argument)["data-parameters"]["amount"] == 100
        assert sent["metadata"]["raydeck_job"] == "parallel_processing"
        assert len(head.packages) == 1
        console.line(sent["submission_id"], "on local-1")
        head.logs[sent["submission_id"]] = b"Generated 100 files\n"
        await console.shows("Generated 100 files")


async def test_a_preflight_that_refuses_says_what_is_missing_and_asks_before_it_is_overridden(tmp_path: Path) -> None:
    async with form(tmp_path) as (console, head):
        free_memory(head, 0.5)
        await console.press("tab")
        await console.press("1")
        await console.shows("✗ ")
        await console.press("f5")
        await console.shows("submit to local-1 all the same?", "local-1: 6 CPU free, needs 23")
        await console.press("n")
        assert head.submissions == []
        assert isinstance(console.app.screen, SubmitScreen)
        await console.press("f5")
        await console.shows("all the same?")
        await console.press("y")
        await console.until(lambda: len(head.submissions) == 1)
        await console.until(lambda: not isinstance(console.app.screen, SubmitScreen))
        await console.press("Y")  # the same, as a command: without --force that would be refused
        assert console.app.clipboard.split()[:2] == ["raydeck", "submit"]
        assert console.app.clipboard.split()[-1] == "--force"


async def test_a_head_that_dies_meanwhile_leaves_the_form_as_it_was_typed(tmp_path: Path) -> None:
    async with form(tmp_path) as (console, head):
        await type_over(console, "4")
        head.trouble = "close"
        await console.press("f5")
        await console.until(lambda: console.messages)
        assert head.submissions == []
        assert isinstance(console.app.screen, SubmitScreen)
        assert values(console)[0] == "4"
        head.trouble = ""
        await console.press("f5")
        await console.until(lambda: len(head.submissions) == 1)


async def test_f2_copies_the_command_with_what_differs_from_the_defaults(tmp_path: Path) -> None:
    async with form(tmp_path) as (console, head):
        await console.press("f2")
        assert console.app.clipboard == "raydeck submit parallel_processing --cluster local-1"
        await type_over(console, "7")
        await console.press("f2")
        assert console.app.clipboard.endswith("--cluster local-1 --set process-parameters.worker-number=7")
        assert head.submissions == []


async def test_escape_cancels_and_nothing_was_sent(tmp_path: Path) -> None:
    async with form(tmp_path) as (console, head):
        await console.press("9", "escape")
        assert console.app.screen.query("#clusters")
        assert (head.submissions, head.packages) == ([], {})


async def test_the_help_of_the_field_moves_into_one_line_where_it_is_narrow(tmp_path: Path) -> None:
    async with form(tmp_path, size=(80, 24)) as (console, _):
        await console.press("tab")
        await console.shows("providers that compute the statistics")
        assert "lists that the tuples are dealt to" not in console.text
        await console.press("x")
        await console.shows("✗ expected a whole number from 1 to 1000, got '2x'")
        console.line("F5 submit   F2 copy command   F3 save set   Tab next field   Esc cancel")


async def test_escape_while_it_is_sent_closes_the_form_and_the_id_is_told(tmp_path: Path) -> None:
    async with form(tmp_path) as (console, head):
        head.holds_submissions = asyncio.Event()
        await console.press("f5")
        await console.until(lambda: "POST /api/jobs/" in head.changing)
        await console.press("escape")
        await console.until(lambda: not isinstance(console.app.screen, SubmitScreen))
        assert "what was sent is told when it is known" in console.messages[-1]
        head.holds_submissions.set()
        await console.until(lambda: any("submitted raysubmit_" in message for message in console.messages))
        assert len(head.submissions) == 1
        assert console.app.screen.query("#clusters")
        assert console.core.parameters.names(console.core.bundle("parallel_processing")) == ("last",)


async def test_a_state_folder_that_cannot_be_written_is_noted_and_the_job_is_made_once(tmp_path: Path) -> None:
    state = tmp_path / "state" / "raydeck"
    state.mkdir(parents=True)
    for name in ("submissions", "parameters"):
        (state / name).write_text("no folder")
    async with form(tmp_path) as (console, head):
        await console.press("f5")
        await console.until(lambda: isinstance(console.app.screen, LogScreen))
        assert len(head.submissions) == 1
        noted = [message for message in console.messages if "could not be kept in" in message]
        assert [message.partition(" could")[0] for message in noted] == ["what was sent", "the parameters"]


async def test_what_may_be_there_already_is_asked_about_before_it_is_sent_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(submitting, "_RESTS_S", ())
    monkeypatch.setattr(submitting, "_SETTLE_S", 0.01)
    async with form(tmp_path) as (console, head):
        head.gateway_statuses = [503]
        await console.press("f5")
        await console.until(lambda: any("cannot tell whether" in message for message in console.messages))
        assert isinstance(console.app.screen, SubmitScreen)
        await console.press("f5")
        await console.shows("may have been started", "submit to local-1 all the same?")
        await console.press("n")
        assert head.submissions == []


async def test_a_judgement_that_takes_long_comes_through_although_the_fleet_changes(tmp_path: Path) -> None:
    async with form(tmp_path) as (console, head):
        answered = asyncio.Event()
        preflights = 0

        async def slowly(*_: object) -> tuple[PreflightCheck, ...]:
            nonlocal preflights
            preflights += 1
            await answered.wait()
            return (PreflightCheck("refused", "judged"),)

        free_memory(head, 0.5)
        console.core.fleet.refresh()
        free = console.core.fleet.poller("local-1")
        await console.until(lambda: free.last.free is not None and free.last.free.memory_bytes < GIB)
        await type_over(console, "3")
        await console.shows("✗ 0.5 G memory free")
        console.core.preflights.of = slowly  # type: ignore[assignment, method-assign]
        console.app.fleet_changed.publish(None)
        await console.until(lambda: preflights)
        for _ in range(5):
            console.app.fleet_changed.publish(None)
            await console.pilot.pause()
        assert preflights == 1
        answered.set()
        await console.shows("✗ judged")


async def test_several_bundles_are_chosen_from_first(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "own_job.py").write_text("print('hello')\n")
    (folder / "own_job.toml").write_text(
        'title = "Own"\nhelp = "says hello"\nentrypoint = "python own_job.py"\n[resources]\ncpus = 1\n'
    )
    clock = Clock()
    before = f'[jobs]\npaths = ["{folder}"]\n\n'
    async with (
        one_cluster(clock) as fleet,
        deck(tmp_path, fleet.clusters, clock=clock, before=before) as console,
    ):
        await console.asked()
        await console.press("s")
        await console.shows("WHAT IT DOES", "says hello", "parallel_processing")
        console.table.go_to("own_job")
        await console.press("enter")
        await console.shows("submit own_job", "needs 1")
        await console.press("f5")
        await console.until(lambda: fleet.heads["local-1"].submissions)
        assert fleet.heads["local-1"].submissions[0]["entrypoint"].startswith("python own_job.py")
