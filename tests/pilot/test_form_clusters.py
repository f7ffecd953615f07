"""The form over several clusters: other clusters from a checklist, marks as targets, parameter sets kept."""

from __future__ import annotations

import json
import shlex
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from textual.widgets import Input

from console.screens.jobs import JobsScreen
from console.screens.log import LogScreen
from console.widgets.cluster_checklist import ClusterChecklist
from tests.pilot.deck import Clock, Deck, deck
from tests.pilot.scenes import Fleet, many_clusters

NAMES = ("main", "twin", "old", "away")


@asynccontextmanager
async def four(tmp_path: Path, *, read_only: bool = False) -> AsyncIterator[tuple[Deck, Fleet]]:
    """A main cluster, one like it, one with another Ray, and one whose dashboard is not reached from here."""
    clock = Clock()
    async with many_clusters(clock, NAMES[:3]) as fleet:
        for number, (name, head) in enumerate(fleet.heads.items()):
            head.replies["/api/v0/cluster_metadata"] = {"data": {"pythonVersion": "3.11.7"}}
            fleet.clusters[name]["client"] = f"10.0.0.{number}:10001"
        fleet.heads["old"].replies["/api/version"]["ray_version"] = "2.49.2"
        fleet.clusters["away"] = {"kind": "local", "dashboard": "http://127.0.0.1:9", "client": "10.0.0.9:10001"}
        async with deck(tmp_path, fleet.clusters, clock=clock, read_only=read_only) as console:
            await console.asked()
            yield console, fleet


async def to_checklist(console: Deck) -> None:
    await console.until(lambda: console.app.focused is not None)
    console.app.screen.query_one(ClusterChecklist).focus()
    await console.pilot.pause()


async def test_other_clusters_are_chosen_with_space_and_become_addresses(tmp_path: Path) -> None:
    async with four(tmp_path) as (console, fleet):
        await console.open_form("parallel_clustering")
        await console.shows("[ ] twin", "Ray 2.60.0", "Python 3.11.7")
        twin, old, away = (console.line(f"[ ] {name}") for name in NAMES[1:])
        assert "✓" in twin
        assert "Ray 2.49.2 there and 2.60.0 on main: Ray client cannot connect them" in old
        assert "? " in away
        assert "not known there" in away
        await to_checklist(console)
        await console.press("space", "j", "j", "space")
        console.line("[x] twin")
        console.line("[x] away")
        await console.press("f2")
        assert console.app.clipboard == "raydeck submit parallel_clustering --cluster main --with twin,away"
        await console.press("f5")
        await console.until(lambda: isinstance(console.app.screen, LogScreen))
        [sent] = fleet.heads["main"].submissions
        document = json.loads(shlex.split(sent["entrypoint"])[2])
        assert document["process-parameters"]["cluster-urls"] == ["10.0.0.1:10001", "10.0.0.9:10001"]


async def test_versions_that_cannot_work_are_refused_with_both_named_unless_forced(tmp_path: Path) -> None:
    async with four(tmp_path) as (console, fleet):
        await console.open_form("parallel_clustering")
        await to_checklist(console)
        await console.press("j", "space", "f5")
        await console.shows("old: Ray 2.49.2 there and 2.60.0 on main", "submit to main all the same?")
        await console.press("n")
        assert fleet.heads["main"].submissions == []
        await console.press("f5")
        await console.shows("all the same?")
        await console.press("y")
        await console.until(lambda: fleet.heads["main"].submissions)


async def test_marked_clusters_are_submitted_to_at_once_with_one_id_each(tmp_path: Path) -> None:
    async with four(tmp_path) as (console, fleet):
        await console.press("space", "j", "space")
        await console.open_form()
        await console.shows("to  main twin")
        await console.until(lambda: console.text.count("✓ 6 CPU free, needs 4") == 2)
        await console.press("f2")
        assert console.app.clipboard == "raydeck submit parallel_processing --cluster main --cluster twin"
        await console.press("f5")
        await console.until(lambda: isinstance(console.app.screen, JobsScreen))
        sent = [head.submissions for head in fleet.heads.values()]
        assert [len(each) for each in sent] == [1, 1, 0]
        assert sent[0][0]["submission_id"] != sent[1][0]["submission_id"]


async def test_of_several_clusters_one_that_fails_is_named_and_the_others_run_once(tmp_path: Path) -> None:
    async with four(tmp_path) as (console, fleet):
        await console.press("space", "j", "space")
        await console.open_form()
        await console.until(lambda: console.text.count("✓ 6 CPU free, needs 4") == 2)
        fleet.heads["twin"].refuses_submissions = True
        await console.press("f5", "f5")
        await console.until(lambda: isinstance(console.app.screen, JobsScreen))
        assert len(fleet.heads["main"].submissions) == 1
        assert any(message.startswith("twin: the submission failed") for message in console.messages)


async def test_a_set_is_saved_under_a_name_and_recalled_as_is_the_last_one(tmp_path: Path) -> None:
    async with four(tmp_path) as (console, fleet):
        await console.open_form("parallel_clustering")
        await console.press("end", "backspace", "7")
        await to_checklist(console)
        await console.press("space", "f3", *"mine", "enter")
        await console.until(lambda: "mine   2 of 2" in console.text)
        document = json.loads((tmp_path / "state/raydeck/parameters/parallel_clustering/mine.json").read_text())
        assert document["process-parameters"]["worker-number"] == 7
        assert document["process-parameters"]["cluster-urls"] == ["10.0.0.1:10001"]
        await console.press("f5")
        await console.until(lambda: fleet.heads["main"].submissions)
        await console.until(lambda: isinstance(console.app.screen, LogScreen))
        await console.press("escape")
        await console.open_form("parallel_clustering")
        await console.shows("defaults   1 of 3")
        for name in ("last submitted", "mine"):
            await console.press("right")
            console.line("parameters", name)
            await console.until(lambda: console.app.screen.query(Input).first().value == "7")
            await console.shows("[x] twin")
        await console.press("right")
        await console.until(lambda: console.app.screen.query(Input).first().value == "2")
        await console.shows("[ ] twin")


async def test_a_name_that_is_none_and_escape_save_nothing(tmp_path: Path) -> None:
    async with four(tmp_path) as (console, _):
        await console.open_form()
        await console.press("f3", *"../x", "enter")
        await console.until(lambda: console.messages)
        assert "is no name for a set" in console.messages[0]
        await console.press("f3", *"x", "escape")
        saved = [file for file in (tmp_path / "state").glob("**/*.json") if file.parent.name != "identities"]
        assert saved == []
        console.line("submit parallel_processing")


async def test_read_only_opens_no_form_for_marked_clusters(tmp_path: Path) -> None:
    async with four(tmp_path, read_only=True) as (console, fleet):
        await console.press("space", "j", "space", "s")
        await console.until(lambda: console.messages)
        assert "submit is refused" in console.messages[0]
        assert [head.submissions for head in fleet.heads.values()] == [[], [], []]
