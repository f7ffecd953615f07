"""Kept copies of logs: bounded, joined without losing or doubling a line, readable without a cluster."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from console.model.job import Job
from console.services import kept_logs
from console.services.kept_logs import LogCopies, LogCopy, behind, joined
from console.services.state_folder import StateFolder

LOG = b"".join(b"line %d of the log\n" % number for number in range(2000))


def job(job_id: str = "raysubmit_x", start_time: float = 1.0, status: str = "RUNNING") -> Job:
    return Job(
        cluster="c", submission_id=job_id, job_id=None, type="SUBMISSION", status=status, entrypoint="x",
        start_time=start_time, end_time=None,
    )  # fmt: skip


@given(st.integers(0, 1999), st.integers(0, 1999), st.integers(0, 2000))
def test_two_readings_make_one_log_without_a_line_twice(begin: int, begin_again: int, end: int) -> None:
    lines = LOG.splitlines(keepends=True)
    before, read = b"".join(lines[begin:end]), b"".join(lines[begin_again:])
    whole = joined(before, read)
    found = [line for line in whole.splitlines(keepends=True) if line.startswith(b"line")]
    assert len(found) == len(set(found)) or begin_again < begin
    if begin <= begin_again < end:
        assert whole == b"".join(lines[begin:])
    assert whole.endswith(read) or begin_again < begin


@given(st.integers(0, 1990), st.integers(0, 1999), st.integers(0, len(LOG)), st.booleans())
@example(0, 27, 703, True)  # less in common than is searched for at first, and the copy ends within a line
def test_a_log_goes_on_behind_its_copy(begin: int, begin_again: int, end: int, ends_anywhere: bool) -> None:
    lines = LOG.splitlines(keepends=True)
    start = len(b"".join(lines[:begin]))
    copy = LOG[start : max(start + 60, end)] if ends_anywhere else b"".join(lines[begin : begin + 40])
    read = b"".join(lines[begin_again:])
    rest = behind(copy, read)
    if len(b"".join(lines[: begin_again + 1])) <= start + len(copy):
        assert copy + rest == LOG[start:]
    else:
        assert rest.endswith(kept_logs._GAP + read)


def test_a_copy_is_found_again_with_its_job_and_nothing_else_is(tmp_path: Path) -> None:
    copies = LogCopies(StateFolder(tmp_path), lambda: 7.0)
    copies.keep(job(), LOG[:5000])
    copies.keep(job(status="FAILED"), LOG[2500:])
    kept = copies.find("raysubmit_x")
    assert kept is not None
    assert (kept[0].job.status, kept[0].kept_at, kept[1]) == ("FAILED", 7.0, LOG)
    assert copies.find("raysubmit_y") is None
    assert copies.find("../../etc/passwd") is None
    copies.keep(job(start_time=2.0), b"another job of this id\n")
    kept = copies.find("raysubmit_x")
    assert kept is not None
    assert kept[1] == b"another job of this id\n"
    assert {oct(path.stat().st_mode & 0o777) for path in (tmp_path / "logs").iterdir()} == {"0o600"}


def test_copies_are_bounded_each_and_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_logs, "COPY_BYTES", 1000)
    monkeypatch.setattr(kept_logs, "ALL_BYTES", 2500)
    copies = LogCopies(StateFolder(tmp_path))
    gathered = LogCopy(copies, job())
    for at in range(0, len(LOG), 700):
        gathered.add(LOG[at : at + 700])
    assert LOG.endswith(gathered.content())
    for number in range(5):
        copies.keep(job(f"raysubmit_{number}"), LOG)
    kept = copies.find("raysubmit_4")
    assert kept is not None
    assert len(kept[1]) <= 1000
    assert kept[1].startswith(b"line ")
    assert sum(path.stat().st_size for path in (tmp_path / "logs").glob("*.log")) <= 2500


def test_the_number_of_copies_is_bounded_and_the_newest_are_listed_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_logs, "MOST_COPIES", 3)
    now = iter(range(100))
    copies = LogCopies(StateFolder(tmp_path), lambda: float(next(now)))
    assert copies.listed() == []
    for number in range(5):
        copies.keep(job(f"raysubmit_{number}"), b"said\n")
        at = 1_000_000 + number
        os.utime(tmp_path / "logs" / f"raysubmit_{number}.log", (at, at))
    copies.keep(job("raysubmit_5"), b"said\n")
    (tmp_path / "logs" / "broken.about.json").write_text("{")
    assert [each.job.id for each in copies.listed()] == ["raysubmit_5", "raysubmit_4", "raysubmit_3"]


def test_a_log_is_kept_again_and_again_while_it_is_read_and_nothing_is_doubled(tmp_path: Path) -> None:
    """Of a log that repeats itself, too: what was kept before it was opened is what is joined to, each time."""
    copies = LogCopies(StateFolder(tmp_path))
    copies.keep(job(), b"again\n" * 1000)
    copy = LogCopy(copies, job())
    for _ in range(5):
        copy.add(b"again\n" * 1000)
        copy.keep()
    kept = copies.find("raysubmit_x")
    assert kept is not None
    assert kept[1] == b"again\n" * 5000
    copy.saw(job(status="SUCCEEDED"))
    copy.keep()
    kept = copies.find("raysubmit_x")
    assert kept is not None
    assert (kept[0].job.status, kept[1]) == ("SUCCEEDED", b"again\n" * 5000)


def test_a_place_that_only_begins_alike_is_no_seam() -> None:
    head = b"x" * 600 + b"\n"
    assert joined(head + b"one\n" + head + b"two\n", head + b"two\nthree\n") == head + b"one\n" + head + b"two\nthree\n"
    assert joined(head + b"one\n", head + b"two\n").count(head) == 2


def test_a_folder_that_cannot_be_written_is_no_reason_to_stop(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    LogCopies(StateFolder(tmp_path / "file")).keep(job(), LOG)
