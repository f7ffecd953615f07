"""``raydeck submit`` and ``stop`` as commands: judged like the form, kept like the form, verified."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from aiohttp import web
from click.testing import CliRunner, Result

from console.cli.root import raydeck
from tests.fakes.head import FakeHead, fake_head
from tests.pilot.deck import NOON, configuration

OTHER = {"kind": "local", "dashboard": "http://127.0.0.1:9", "client": "10.0.0.9:10001"}


def command(
    tmp_path: Path, *words: str, prepare: Callable[[FakeHead], None] = lambda _: None
) -> tuple[Result, FakeHead]:
    """Run ``raydeck`` beside the cluster ``c`` and the cluster ``away`` that is not reached from here."""

    async def work() -> tuple[Result, FakeHead]:
        async with fake_head(lambda: NOON) as head:
            prepare(head)
            config = tmp_path / "clusters.toml"
            config.write_text(configuration({"c": {"kind": "local", "dashboard": head.url}, "away": OTHER}))
            arguments = ["--config", str(config), *words]
            env = {"XDG_STATE_HOME": str(tmp_path / "state")}
            return await asyncio.to_thread(CliRunner().invoke, raydeck, arguments, env=env), head

    return asyncio.run(work())


def test_the_parameters_of_the_last_submission_are_kept_for_the_form(tmp_path: Path) -> None:
    done, head = command(
        tmp_path, "submit", "parallel_processing", "--cluster", "c", "--set", "data-parameters.amount=7"
    )
    assert done.exit_code == 0, done.output
    kept = json.loads((tmp_path / "state/raydeck/parameters/parallel_processing/last.json").read_bytes())
    assert kept["data-parameters"]["amount"] == 7
    assert len(head.submissions) == 1


def test_typed_addresses_of_other_clusters_are_judged_or_refused(tmp_path: Path) -> None:
    words = ("submit", "parallel_clustering", "--cluster", "c", "--set")
    unknown = 'process-parameters.cluster-urls=["10.9.9.9:10001"]'
    done, head = command(tmp_path, *words, unknown)
    assert done.exit_code == 1
    assert done.stderr.startswith("raydeck: 10.9.9.9:10001: is the client address of no cluster here (--with")
    assert head.submissions == []
    assert len(command(tmp_path, *words, unknown, "--force")[1].submissions) == 1

    def differs(head: FakeHead) -> None:
        head.replies["/api/v0/cluster_metadata"] = {"data": {"pythonVersion": "3.11.7"}}

    done, head = command(tmp_path, *words, 'process-parameters.cluster-urls=["10.0.0.9:10001"]', prepare=differs)
    assert done.exit_code == 0, done.output
    assert len(head.submissions) == 1


GIB = 1024**3
TAKEN, LEFT = {"CPU": (4, 6), "memory": (0, 5 * GIB)}, {"CPU": (0, 6), "memory": (0, 5 * GIB)}


def test_what_a_job_that_has_just_ended_seems_to_hold_is_no_reason_to_refuse(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ray counts every 5 s: a job submitted in between was refused for want of the CPUs that the last one had."""

    def counts_anew(head: FakeHead) -> None:
        head.has(free=TAKEN)
        answer = head._answer

        async def answer_of_now(request: web.Request) -> web.StreamResponse:
            if head.asked.count("/api/cluster_status") == 3:
                head.has(free=LEFT)
            return await answer(request)

        monkeypatch.setattr(head, "_answer", answer_of_now)

    done, head = command(tmp_path, "submit", "parallel_processing", "--cluster", "c", prepare=counts_anew)
    assert done.exit_code == 0, done.output
    assert len(head.submissions) == 1


def test_what_is_still_held_when_ray_has_counted_anew_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("console.services.preflights.COUNTED_WITHIN_S", 0.6)
    words = ("submit", "parallel_processing", "--cluster", "c")
    done, head = command(tmp_path, *words, prepare=lambda head: head.has(free=TAKEN))
    assert done.exit_code == 1
    assert done.stderr == "raydeck: c: 2 CPU free, needs 4 (--force submits all the same)\n"
    assert head.submissions == []
    assert head.asked.count("/api/cluster_status") > 1
    forced, head = command(tmp_path, *words, "--force", prepare=lambda head: head.has(free=TAKEN))
    assert (forced.exit_code, head.asked.count("/api/cluster_status")) == (0, 1)


def test_anything_is_refused_where_no_way_leads(tmp_path: Path) -> None:
    done, _ = command(tmp_path, "submit", "--cluster", "away", "--working-dir", str(tmp_path), "--entrypoint", "true")
    assert done.exit_code == 1
    assert done.stderr.startswith("raydeck: away: the way to it is broken at ")


@pytest.mark.parametrize("ignores", [True, False])
def test_a_stop_is_verified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, ignores: bool) -> None:
    monkeypatch.setattr("console.cli.jobs._STOPS_WITHIN_S", 1.5 if ignores else 60.0)

    def prepare(head: FakeHead) -> None:
        head.add_job("raysubmit_x", "RUNNING")
        head.ignores_stops = ignores

    done, head = command(tmp_path, "stop", "raysubmit_x", "--cluster", "c", prepare=prepare)
    assert head.stopped == ["raysubmit_x"]
    if not ignores:
        assert (done.exit_code, "raysubmit_x on c has ended: STOPPED" in done.stderr) == (0, True)
        return
    assert done.exit_code == 124
    assert "was asked to stop and is still RUNNING after 1.5 s (--wait goes on asking)" in done.stderr


def test_the_list_of_jobs_names_the_zone_of_its_times(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    done, _ = command(tmp_path, "jobs", "--cluster", "c", prepare=lambda head: head.add_job("raysubmit_x") and None)
    assert "START UTC" in done.stdout.splitlines()[0], done.output
