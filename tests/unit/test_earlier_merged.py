"""Several logs read backwards as one: every line once, each log in its own order, all in the order of their times."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.errors import SourceError, UnreachableError
from console.model.job import Job
from console.services.earlier_lines import EarlierLines
from console.services.earlier_merged import EarlierMerged
from console.services.merged_lines import LineMerger, MergedLine

FIRST = datetime(2026, 11, 22, 12, tzinfo=UTC).timestamp()
KNOWN, PAGE = 5, 3
JOB = Job(cluster="c", submission_id="raysubmit_x", job_id=None, type="SUBMISSION", status="RUNNING",
          entrypoint="x", start_time=1.0, end_time=None)  # fmt: skip


class Lines(EarlierLines):
    """A log in memory, of which the last lines are known."""

    def __init__(self, lines: list[bytes]) -> None:
        self.lines = lines
        self.known = lines[-KNOWN:]
        self.left = lines[:-KNOWN]
        self.trouble: list[SourceError | None] = []

    @property
    def known_lines(self) -> int:
        return len(self.known)

    def saw(self, content: bytes) -> None:
        del content

    async def page(self, job: Job) -> bytes | None:
        del job
        if self.trouble:
            trouble = self.trouble.pop(0)
            if trouble is None:
                return None
            raise trouble
        page, self.left = self.left[-PAGE:], self.left[:-PAGE]
        return b"".join(line + b"\n" for line in page)


def opened(logs: list[Lines]) -> tuple[EarlierMerged, list[MergedLine]]:
    """Return what reads these logs backwards, and what a reader is shown at first."""
    merger = LineMerger(len(logs))
    for number, log in enumerate(logs):
        merger.feed(number, b"".join(line + b"\n" for line in log.known), FIRST + 86_400)
    earlier = EarlierMerged(logs, KNOWN)
    return earlier, earlier.hold(merger.flush())


def read_back(logs: list[Lines]) -> tuple[list[MergedLine], list[list[MergedLine]]]:
    """Return what is shown at first and the pages before it, to the beginning of all logs."""

    async def run() -> tuple[list[MergedLine], list[list[MergedLine]]]:
        earlier, shown = opened(logs)
        pages = []
        while page := await earlier.page([JOB] * len(logs)):
            pages.append(page)
        return shown, pages

    return asyncio.run(run())


def timed(number: int, seconds: list[int]) -> list[bytes]:
    """Lines of one log at these seconds, each told from all others; an odd one has a line without a time behind it."""
    lines = []
    for at, second in enumerate(sorted(seconds)):
        clock = datetime.fromtimestamp(FIRST + second)  # noqa: DTZ006 -- a line's bare time is this machine's
        lines.append(f"{clock:%Y-%m-%d %H:%M:%S} log {number} line {at}".encode())
        if second % 2:
            lines.append(f"  and more of log {number} line {at}".encode())
    return lines


@given(st.lists(st.lists(st.integers(0, 60), max_size=30), min_size=1, max_size=4))
def test_all_lines_come_once_and_in_the_order_of_their_times(logs: list[list[int]]) -> None:
    opened_logs = [Lines(timed(number, seconds)) for number, seconds in enumerate(logs)]
    shown, pages = read_back(opened_logs)
    whole = [line for page in reversed(pages) for line in page] + shown
    for number, log in enumerate(opened_logs):
        assert [line.line for line in whole if line.number == number] == log.lines
    times = [line.line[:19] for line in whole if line.line[:2] == b"20"]
    assert times == sorted(times)


def test_what_others_may_come_before_is_held_at_first() -> None:
    """One log is quick, the other slow: both are shown from where the quick one is known."""
    quick, slow = Lines(timed(0, list(range(0, 400, 2)))), Lines(timed(1, list(range(0, 400, 60))))
    shown, pages = read_back([quick, slow])
    assert [line.number for line in shown] == [0] * KNOWN
    assert {line.number for page in pages for line in page} == {0, 1}


def test_a_log_without_times_holds_no_other_up_and_is_read_back_last() -> None:
    untimed, other = Lines([b"line %d" % at for at in range(20)]), Lines(timed(1, list(range(0, 40, 2))))
    shown, pages = read_back([untimed, other])
    assert [line.number for line in shown] == [1] * KNOWN + [0] * KNOWN
    numbers = [line.number for page in pages for line in page]
    assert numbers == [1] * 15 + [0] * 15


def test_a_log_that_was_silent_at_first_is_read_back_when_it_has_spoken() -> None:
    async def run() -> None:
        late, other = Lines(timed(0, list(range(20)))), Lines(timed(1, list(range(0, 8, 2))))
        merger = LineMerger(2)
        merger.feed(1, b"".join(line + b"\n" for line in other.known), FIRST)
        earlier = EarlierMerged([late, other], KNOWN)
        assert len(earlier.hold(merger.flush())) == len(other.known)
        assert await earlier.page([JOB, JOB]) == []
        merger.feed(0, b"".join(line + b"\n" for line in late.known), FIRST)
        assert len(earlier.hold(merger.flush())) == len(late.known)
        assert {line.number for line in await earlier.page([JOB, JOB])} == {0}

    asyncio.run(run())


def test_a_log_that_cannot_be_read_is_asked_again_and_then_left_out_visibly() -> None:
    async def run() -> None:
        gone, other = Lines(timed(0, list(range(100)))), Lines(timed(1, list(range(100))))
        earlier, _ = opened([gone, other])
        gone.trouble = [UnreachableError("c", "no answer"), UnreachableError("c", "no answer")]
        with pytest.raises(UnreachableError):
            await earlier.page([JOB, JOB])
        pages = []
        while page := await earlier.page([JOB, JOB]):
            pages.append(page)
        lines = [line.line for page in reversed(pages) for line in page]
        assert [line for line in lines if line.startswith(b"[")] == [b"[earlier lines cannot be had: no answer]"]
        assert sum(b"log 1 line" in line for line in lines) > 100

    asyncio.run(run())


def test_a_log_that_was_replaced_says_so_in_its_place() -> None:
    log = Lines(timed(0, list(range(20))))
    log.trouble = [None]
    _, pages = read_back([log])
    assert [line.line for page in pages for line in page] == [b"[the log was replaced meanwhile]"]
