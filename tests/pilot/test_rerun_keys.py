"""`R`: the job runs again with what its head has of it, linked to the first, and says what cannot be had."""

from __future__ import annotations

from pathlib import Path

from console.screens.log import LogScreen
from tests.pilot.deck import Clock, Deck, deck
from tests.pilot.scenes import one_cluster

FIRST = "raysubmit_7KqWmXsTz4bGhY2n"
ENVIRONMENT = {"env_vars": {"TOKEN": "hush-hush"}, "working_dir": "gcs://_ray_pkg_0123456789abcdef.zip"}


async def press_r(console: Deck) -> None:
    await console.press("2")
    await console.shows(FIRST)
    await console.press("R")


async def test_r_passes_on_everything_and_shows_and_keeps_no_secret(tmp_path: Path) -> None:
    clock = Clock()
    async with one_cluster(clock) as fleet, deck(tmp_path, fleet.clusters, clock=clock) as console:
        head = fleet.heads["local-1"]
        head.add_job(
            FIRST, "FAILED", entrypoint="python mine.py 'a b'", runtime_env=ENVIRONMENT, metadata={"who": "me"},
            reserved={"CPU": 1.5, "GPU": 1.0, "memory": 3e8, "my_kind": 2.0},
        )  # fmt: skip
        head.packages["/api/packages/gcs/_ray_pkg_0123456789abcdef.zip"] = b"zip"
        await press_r(console)
        await console.until(lambda: isinstance(console.app.screen, LogScreen))
        [sent] = head.submissions
        assert sent["entrypoint"] == "python mine.py 'a b'"
        assert (sent["entrypoint_num_cpus"], sent["entrypoint_num_gpus"]) == (1.5, 1.0)
        assert (sent["entrypoint_memory"], sent["entrypoint_resources"]) == (300_000_000, {"my_kind": 2.0})
        assert sent["runtime_env"]["env_vars"] == {"TOKEN": "hush-hush"}
        assert sent["runtime_env"]["working_dir"] == ENVIRONMENT["working_dir"]
        assert sent["metadata"] == {"job_name": "", "raydeck_job": "", "who": "me", "raydeck_rerun_of": FIRST}
        console.line(sent["submission_id"], "on local-1")
        assert "hush-hush" not in console.text
        kept = [path.read_bytes() for path in (tmp_path / "state").glob("**/*") if path.is_file()]
        assert not any(b"hush-hush" in content for content in kept)


async def test_a_working_dir_that_is_gone_is_sent_again_from_the_jobs_folder(tmp_path: Path) -> None:
    clock = Clock()
    async with one_cluster(clock) as fleet, deck(tmp_path, fleet.clusters, clock=clock) as console:
        head = fleet.heads["local-1"]
        await console.asked()
        await console.open_form()
        await console.shows("✓ 6 CPU free")
        await console.press("f5")
        await console.until(lambda: isinstance(console.app.screen, LogScreen))
        [first] = head.submissions
        [package] = head.packages
        head.packages.clear()
        await console.press("2")
        await console.shows(first["submission_id"])
        await console.press("R")
        await console.until(lambda: len(head.submissions) == 2)
        assert list(head.packages) == [package]
        again = head.submissions[1]
        assert again["entrypoint"] == first["entrypoint"]
        assert again["metadata"]["raydeck_rerun_of"] == first["submission_id"]
        assert again["metadata"]["raydeck_job"] == "parallel_processing"


async def test_what_cannot_be_had_again_is_said_and_nothing_is_submitted(tmp_path: Path) -> None:
    clock = Clock()
    async with one_cluster(clock) as fleet, deck(tmp_path, fleet.clusters, clock=clock) as console:
        head = fleet.heads["local-1"]
        job = head.add_job(FIRST, "FAILED", runtime_env=ENVIRONMENT, metadata={}, entrypoint="python x.py")
        await press_r(console)
        await console.until(lambda: console.messages)
        assert f"the working dir of {FIRST} is gone from the head, and its folder is not known" in console.messages[-1]
        job["metadata"] = {"raydeck_job": "parallel_processing"}
        console.core.fleet.refresh()
        await console.shows("parallel_processing")
        await console.press("R")
        await console.until(lambda: len(console.messages) == 2)
        assert "has changed since" in console.messages[-1]
        job["runtime_env"] = {"env_vars": {"TOKEN": "<redacted>"}}
        await console.press("R")
        await console.until(lambda: len(console.messages) == 3)
        assert "is kept back by its head" in console.messages[-1]
        job |= {"runtime_env": {}, "reserved": None}
        await console.press("R")
        await console.until(lambda: len(console.messages) == 4)
        assert f"which resources {FIRST} has for its entrypoint is not known to its head" in console.messages[-1]
        assert head.submissions == []


async def test_a_driver_that_was_not_submitted_cannot_be_run_again(tmp_path: Path) -> None:
    clock = Clock()
    async with one_cluster(clock) as fleet, deck(tmp_path, fleet.clusters, clock=clock) as console:
        head = fleet.heads["local-1"]
        head.add_job(FIRST, "RUNNING", metadata={})
        head.jobs[0] |= {"submission_id": None, "type": "DRIVER", "job_id": "02000000"}
        await console.press("2")
        await console.shows("02000000")
        await console.press("R")
        await console.until(lambda: console.messages)
        assert "02000000 was not submitted, so it cannot be run again" in console.messages[0]
