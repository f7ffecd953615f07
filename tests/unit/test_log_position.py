"""Finding a place in a log again, whatever the log holds and however it is cut."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.services.log_position import KEPT_BYTES, LastLines, LogPosition, Tally
from console.services.log_search import MarkSearch, Plan, Skip
from tests.fakes.log_dashboard import last_lines

# Logs of few different lines, so that stretches come again, with bytes that are no UTF-8 and lines without an end.
piece = st.sampled_from([b"x\n", b"\n", b"epoch 1\n", b"epoch 2\n", b"\xff\xfe\x00\n", b"no end", "größer\n".encode()])
any_log = st.one_of(st.binary(max_size=3000), st.lists(piece, max_size=600).map(b"".join))


def numbered(first: int, last: int) -> bytes:
    return b"".join(b"line %07d of the log\n" % number for number in range(first, last))


def chunked(log: bytes, size: int) -> list[bytes]:
    return [log[start : start + size] for start in range(0, len(log), size)]


@given(log=any_log, size=st.integers(1, 700), place=st.integers(0, 3000))
def test_skip_gives_exactly_what_follows(log: bytes, size: int, place: int) -> None:
    skip = Skip(place, log[:place][-50:])
    assert b"".join(skip.feed(chunk) for chunk in chunked(log, size)) == log[place:]
    assert skip.reached == (place <= len(log))


@given(size=st.integers(1, 700))
def test_skip_gives_nothing_of_another_log(size: int) -> None:
    skip = Skip(2000, b"the end of what was read\n")
    assert b"".join(skip.feed(chunk) for chunk in chunked(numbered(0, 500), size)) == b""
    assert not skip.reached


@given(log=any_log, size=st.integers(1, 700), share=st.floats(0, 1), begin=st.floats(0, 1))
def test_a_mark_is_found_again_or_not_given(log: bytes, size: int, share: float, begin: float) -> None:
    """Whatever the log, a mark leads to exactly the place where it was made, in any window that holds its needle."""
    place = int(len(log) * share)
    position = LogPosition()
    for chunk in chunked(log[:place], size):
        position.advance(chunk)
    mark = position.mark()
    if mark is None:
        return
    needle_at = place - mark.since_bytes - mark.needle_bytes
    window = log[int(needle_at * begin) :]
    search = MarkSearch(mark)
    assert b"".join(search.feed(chunk) for chunk in chunked(window, size)) + search.finish() == log[place:]
    assert search.reached


@given(log=any_log, size=st.integers(1, 700), lines=st.integers(0, 700))
def test_the_last_lines_are_cut_as_ray_cuts_them(log: bytes, size: int, lines: int) -> None:
    last = LastLines(lines)
    for chunk in chunked(log, size):
        last.feed(chunk)
    assert last.take() == (last_lines(log, lines) if lines else b"")


@given(log=any_log, size=st.integers(1, 700))
def test_a_tally_counts_an_unfinished_line(log: bytes, size: int) -> None:
    tally = Tally()
    for chunk in chunked(log, size):
        tally.add(chunk)
    assert (tally.total_bytes, tally.lines) == (len(log), len(re.findall(rb"[^\n]*\n|[^\n]+$", log)))


def test_a_mark_line_count_holds_the_needle() -> None:
    log = numbered(0, 5000) + b"unfinished"
    position = LogPosition()
    position.advance(log)
    mark = position.mark()
    assert mark is not None
    assert last_lines(log, mark.lines).count(mark.needle) == 1


@pytest.mark.parametrize("period", [b"x\n", b"\n", b"waiting for the cluster\n", numbered(0, 300)])
def test_a_log_that_repeats_itself_has_no_mark(period: bytes) -> None:
    position = LogPosition()
    position.advance(period * (KEPT_BYTES // len(period)))
    assert position.mark() is None


def test_an_older_mark_serves_where_the_log_began_to_repeat_itself() -> None:
    before, repeated, behind = numbered(0, 20_000), b"x\n" * 2 * KEPT_BYTES, numbered(20_000, 20_100)
    position = LogPosition()
    for chunk in chunked(before + repeated, 65536):
        position.advance(chunk)
    mark = position.mark()
    assert mark is not None
    assert mark.since_bytes > KEPT_BYTES
    search = MarkSearch(mark)
    window = last_lines(before + repeated + behind, mark.lines + 200)
    assert len(window) < len(before + repeated + behind)
    assert b"".join(search.feed(chunk) for chunk in chunked(window, 65536)) + search.finish() == behind


def test_an_older_copy_of_the_needle_is_not_taken_for_it() -> None:
    """The same long table printed twice: only what stood before it tells which one it is."""
    table = numbered(500_000, 510_000)
    log = numbered(0, 40_000) + table + numbered(40_000, 80_000) + table
    position = LogPosition()
    for chunk in chunked(log, 65536):
        position.advance(chunk)
    mark = position.mark()
    assert mark is not None
    search = MarkSearch(mark)
    assert b"".join(search.feed(chunk) for chunk in chunked(log + b"new\n", 4096)) == b"new\n"


def test_a_copy_at_the_windows_beginning_is_not_taken_for_the_place() -> None:
    """What stands before such a copy is not in the window; only that there is a later one shows that it is old."""
    table = numbered(0, 2000)
    log = table + numbered(2000, 60_000) + b"x\n" * 50_000 + table
    position = LogPosition()
    for chunk in chunked(log[-200_000:], 65536):
        position.advance(chunk)
    mark = position.mark()
    assert mark is not None
    search = MarkSearch(mark)
    assert b"".join(search.feed(chunk) for chunk in chunked(log + b"new\n", 65536)) + search.finish() == b"new\n"


@pytest.mark.parametrize("known_offset", [False, True])
def test_a_plan_finds_a_place_however_far_back_it_lies(known_offset: bool) -> None:
    """The log grew by far more than is held back and than was expected."""
    before, behind = numbered(0, 60_000), numbered(60_000, 1_000_000)
    position = LogPosition(0 if known_offset else None)
    for chunk in chunked(before, 65536):
        position.advance(chunk)
    plan, came_bytes = Plan(position, 100), 0
    while (reading := plan.next()) is not None:
        window = last_lines(before + behind, reading.asked_lines)
        came_bytes += len(window)
        fresh = b"".join(reading.feed(chunk) for chunk in chunked(window, 65536)) + reading.finish()
        if reading.reached:
            break
        plan.missed(reading)
    assert reading is not None
    assert fresh == behind
    assert came_bytes < 3 * len(before + behind)


def test_a_search_keeps_little() -> None:
    position = LogPosition()
    position.advance(numbered(0, 50_000))
    mark = position.mark()
    assert mark is not None
    search = MarkSearch(mark)
    for chunk in chunked(numbered(100_000, 500_000), 65536):
        assert search.feed(chunk) == b""
    assert len(search._window) < 4 * KEPT_BYTES
    assert not search.reached


def test_last_lines_of_a_log_without_line_ends_are_bounded() -> None:
    last = LastLines(5, most_bytes=1000)
    for _ in range(100):
        last.feed(b"x" * 64)
    assert last.take() == b"x" * 1000


def test_last_lines_that_are_too_long_together_begin_with_a_line() -> None:
    last = LastLines(5, most_bytes=1000)
    for letter in b"abcdef":
        last.feed(bytes([letter]) * 399 + b"\n")
    assert last.take() == b"e" * 399 + b"\n" + b"f" * 399 + b"\n"


def test_the_offset_counts_from_the_beginning() -> None:
    position = LogPosition(10)
    position.advance(b"abc")
    assert position.offset == 13
    assert LogPosition().offset is None
