"""``raydeck logs``: one log, several as one, and the kept copies wherever the log is gone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from click.testing import CliRunner, Result

from console.cli.root import raydeck
from tests.fakes.head import FakeHead, fake_head
from tests.pilot.deck import NOON, configuration

ONE, TWO = "raysubmit_one", "raysubmit_two"


def logs(tmp_path: Path, *words: str, prepare: Callable[[FakeHead], None] = lambda _: None) -> Result:
    """Run ``raydeck logs`` beside a cluster with two jobs that have ended."""

    async def work() -> Result:
        async with fake_head(lambda: NOON) as head:
            for job_id, log in ((ONE, b"14:03:01 a\n14:03:03 c\n"), (TWO, b"14:03:02 b\n14:03:04 d")):
                head.add_job(job_id, "SUCCEEDED", metadata={})
                head.logs[job_id] = log
            prepare(head)
            config = tmp_path / "clusters.toml"
            config.write_text(configuration({"c": {"kind": "local", "dashboard": head.url}}))
            arguments = ["--config", str(config), "logs", *words]
            env = {"XDG_STATE_HOME": str(tmp_path / "state")}
            return await asyncio.to_thread(CliRunner().invoke, raydeck, arguments, env=env)

    return asyncio.run(work())


def last_words(ran: Result) -> list[str]:
    return [line.split()[-1] for line in ran.stdout.splitlines() if "14:03" in line]


def test_several_logs_are_merged_by_time_with_and_without_following(tmp_path: Path) -> None:
    for words in ((), ("--follow",)):
        ran = logs(tmp_path, ONE, TWO, *words)
        assert ran.exit_code == 0, ran.output
        assert last_words(ran) == ["a", "b", "c", "d"]


def test_a_log_that_is_gone_is_shown_from_its_copy(tmp_path: Path) -> None:
    def gone(head: FakeHead) -> None:
        del head.logs[ONE]

    assert "HTTP 500" in logs(tmp_path, ONE, prepare=gone).stderr
    assert last_words(logs(tmp_path, ONE)) == ["a", "c"]
    for words in ((), ("--follow",)):
        ran = logs(tmp_path, ONE, *words, prepare=gone)
        assert last_words(ran) == ["a", "c"]
        assert f"this is the kept copy of {ONE}" in ran.stderr
    forgotten = logs(tmp_path, ONE, prepare=lambda head: head.jobs.clear())
    assert (forgotten.exit_code, last_words(forgotten)) == (1, ["a", "c"])
    assert f"no cluster knows this job; this is the kept copy of {ONE}" in forgotten.stderr


def test_of_several_logs_those_that_are_gone_are_shown_from_their_copies(tmp_path: Path) -> None:
    def gone(head: FakeHead) -> None:
        del head.logs[TWO]

    assert logs(tmp_path, ONE, TWO, prepare=gone).stdout == ""
    assert last_words(logs(tmp_path, ONE, TWO)) == ["a", "b", "c", "d"]
    for prepare, what in (
        (gone, "HTTP 500"),
        (
            lambda head: [head.jobs.remove(job) for job in head.jobs[:] if job["submission_id"] == TWO],
            "no cluster knows",
        ),
    ):
        for words in ((), ("--follow",)):
            ran = logs(tmp_path, ONE, TWO, *words, prepare=prepare)
            assert last_words(ran) == ["a", "b", "c", "d"], (what, words)
            assert f"this is the kept copy of {TWO}" in ran.stderr
            if not words:
                assert ran.exit_code == 1
                assert what in ran.stderr
    assert last_words(logs(tmp_path, ONE, TWO, "--lines", "1", prepare=gone)) == ["c", "d"]


def test_without_an_id_the_kept_copies_are_listed(tmp_path: Path) -> None:
    assert (logs(tmp_path).exit_code, logs(tmp_path).stdout) == (0, "")
    for job_id in (ONE, TWO):
        logs(tmp_path, job_id)
    listed = logs(tmp_path)
    assert listed.exit_code == 0
    assert {line.split()[-1] for line in listed.stdout.splitlines()[1:]} == {ONE, TWO}
    assert listed.stdout.splitlines()[0].split()[:3] == ["KEPT", "STATUS", "CLUSTER"]
    assert ONE not in logs(tmp_path, "--cluster", "another").stdout
    refused = logs(tmp_path, "--follow")
    assert refused.exit_code == 2
    assert "name a job" in refused.stderr
