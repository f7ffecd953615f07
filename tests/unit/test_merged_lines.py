"""Several logs in the order of their times: nothing lost, nothing doubled, no log's own order changed."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from console.services.merged_lines import LineMerger, line_time

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC).timestamp()
LINES = st.lists(
    st.sampled_from(
        ["14:03:11 a", "14:03:10 b", "2026-11-22 11:00:00,250 c", "  indented", "", "no time", "99:99:99 x"]
    )
)


def test_lines_stand_in_the_order_of_their_times_and_tracebacks_stay_together() -> None:
    merger = LineMerger(2, UTC)
    merger.feed(0, b"2026-11-22 11:59:01,500 first\nTraceback\n  more\n11:59:04 fourth\n", NOON)
    merger.feed(1, b"11:59:02 second\n11:59:03 third\nhalf", NOON)
    shown = [(line.number, line.line.decode()) for line in merger.flush()]
    assert [text.split()[-1] for _, text in shown] == ["first", "Traceback", "more", "second", "third", "fourth"]
    assert merger.flush() == []
    merger.feed(1, b" a line\n", NOON)
    assert [line.line for line in merger.flush()] == [b"half a line"]


def test_lines_before_a_logs_first_time_stand_with_it() -> None:
    """A log that is opened at its end begins anywhere, in a traceback say."""
    merger = LineMerger(2, UTC)
    merger.feed(0, b"  more of something\nValueError: x\n11:59:03 third\n11:59:05 last\n", NOON)
    merger.feed(1, b"11:59:02 first\n11:59:04 fourth\n", NOON)
    words = [line.line.split()[-1] for line in merger.flush()]
    assert words == [b"first", b"something", b"x", b"third", b"fourth", b"last"]


def test_times_are_read_and_what_is_none_is_none() -> None:
    assert line_time(b"2026-11-22 12:00:00,250 x", NOON, UTC) == NOON + 0.25
    assert line_time(b"(12:00:01) x", NOON, UTC) == NOON + 1
    midnight = datetime(2026, 11, 22, 0, 0, 5, tzinfo=UTC).timestamp()
    assert line_time(b"23:59:59 x", midnight, UTC) == midnight - 6
    for line in (b"", b"x 12:00:00", b"25:61:00", b"2026-13-40 12:00:00", b"\xff\xfe"):
        assert line_time(line, NOON, UTC) is None


@given(st.lists(LINES, min_size=1, max_size=4), st.integers(1, 7))
def test_nothing_is_lost_or_doubled_however_it_is_cut(logs: list[list[str]], size: int) -> None:
    merger = LineMerger(len(logs), UTC)
    for number, lines in enumerate(logs):
        content = "".join(f"{line}\n" for line in lines).encode()
        for at in range(0, len(content), size):
            merger.feed(number, content[at : at + size], NOON)
        merger.finish(number, NOON)
    found = merger.flush()
    for number, lines in enumerate(logs):
        assert [line.line.decode() for line in found if line.number == number] == lines


def test_a_long_line_keeps_its_beginning_and_says_how_much_was_cut() -> None:
    merger = LineMerger(1, UTC)
    for _ in range(10):
        merger.feed(0, b"x" * 3000, NOON)
    merger.feed(0, b"\nnext\n" + b"y" * 20_000 + b"\n", NOON)
    assert [line.line for line in merger.flush()] == [
        b"x" * 16_384 + b" [13616 bytes cut]", b"next", b"y" * 16_384 + b" [3616 bytes cut]",
    ]  # fmt: skip
    merger.feed(0, b"z" * 16_385, NOON)
    merger.finish(0, NOON)
    assert [line.line for line in merger.flush()] == [b"z" * 16_384 + b" [1 bytes cut]"]


def test_of_a_progress_bar_the_last_state_stays() -> None:
    merger = LineMerger(1, UTC)
    for percent in range(1000):
        merger.feed(0, b"%d%% done and some more text\r" % percent, NOON)
    merger.feed(0, b"ready\n", NOON)
    (line,) = merger.flush()
    assert line.line.endswith(b"999% done and some more text\rready")
    assert len(line.line) <= 16_384
