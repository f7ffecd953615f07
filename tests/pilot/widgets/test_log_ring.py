"""The ring keeps the newest lines whole, numbered and bounded, however the bytes were cut."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.widgets.log_ring import LogRing, Note

bodies = st.lists(st.binary(max_size=12).map(lambda line: line.replace(b"\n", b"")), max_size=30).map(b"\n".join)
cuts = st.lists(st.integers(0, 400), max_size=12)


def fed(body: bytes, borders: list[int], **bounds: int) -> LogRing:
    ring, at = LogRing(**bounds), 0
    for border in [*sorted(border for border in borders if border < len(body)), len(body)]:
        ring.feed(body[at:border])
        at = border
    return ring


def kept(ring: LogRing) -> list[bytes]:
    return [ring.line(number) for number in range(ring.first, ring.end)]


@given(bodies, cuts)
def test_borders_between_chunks_do_not_matter(body: bytes, borders: list[int]) -> None:
    lines = body.split(b"\n")
    assert kept(fed(body, borders)) == (lines if lines[-1] else lines[:-1])
    assert b"".join(fed(body, borders).lines_as_bytes()) == (body if body.endswith(b"\n") or not body else body + b"\n")


@given(bodies, cuts)
def test_a_bounded_ring_keeps_the_newest_with_their_numbers(body: bytes, borders: list[int]) -> None:
    ring = fed(body, borders, lines_most=5)
    lines = body.split(b"\n")
    lines = lines if lines[-1] else lines[:-1]
    assert len(ring) <= 6
    assert ring.end == len(lines)
    assert kept(ring) == lines[ring.first :]


def test_bytes_are_bounded_too() -> None:
    ring = LogRing(bytes_most=100_000)
    for _ in range(300):
        ring.feed(b"x" * 5000 + b"\n")
    assert sum(map(len, kept(ring))) <= 100_000
    assert ring.end == 300


def test_ten_megabytes_without_a_newline_stay_small_and_say_so() -> None:
    ring, start = LogRing(), time.thread_time()
    for _ in range(160):
        ring.feed(b"x" * 65_536)
    assert time.thread_time() - start < 1
    assert [len(line) for line in kept(ring)] == [16_384]
    ring.feed(b"\nnext\n")
    assert ring.line(0).endswith(b"x [10469376 bytes cut]")
    assert ring.line(1) == b"next"


def test_a_whole_line_in_one_chunk_is_cut_alike() -> None:
    ring = LogRing(line_bytes_most=10)
    ring.feed(b"a\n" + b"b" * 25 + b"\nc\n")
    assert kept(ring) == [b"a", b"b" * 10 + b" [15 bytes cut]", b"c"]


def test_a_progress_bar_does_not_grow() -> None:
    ring = LogRing(line_bytes_most=100)
    for percent in range(1000):
        ring.feed(b"%d%% done and some more text\r" % percent)
    assert len(ring.line(0)) <= 100
    ring.feed(b"ready\n")
    assert ring.line(0).endswith(b"ready")


def test_an_unfinished_line_is_there_and_stays_last() -> None:
    ring = LogRing()
    ring.feed(b"one\ntw")
    assert kept(ring) == [b"one", b"tw"]
    ring.note("link lost")
    ring.feed(b"o\n")
    assert kept(ring) == [b"one", b"link lost", b"two"]
    assert [type(line) for line in kept(ring)] == [bytes, Note, bytes]
    assert b"".join(ring.lines_as_bytes()) == b"one\ntwo\n"
    ring.feed(b"end")
    ring.finish()
    ring.feed(b"more\n")
    assert kept(ring)[-2:] == [b"end", b"more"]


@pytest.mark.parametrize(
    ("line", "counts"),
    [(b"ERROR: no", True), (b"Traceback (most recent call last):", True), (b"ray.exceptions.RayTaskError: x", True),
     (b"ValueError: bad", True), (b"FATAL no disk", True), (b"0 errors", False), (b"ErrorBudget ok", False),
     (b"an error occurred", False), (b"AssertionError", True), (b"ray.exceptions.WorkerCrashedError", True),
     (b"(work pid=7) AssertionError", True), (b"see ValueError", False), (b"an Exception", False),
     (b"\x1b[31mERROR\x1b[0m no", True), (b"\x1b[1;38;5;9mValueError\x1b[0m: bad", True),
     (b"\x1b[31mAssertionError\x1b[39m", True), (b"\x1b[32m0 errors\x1b[0m", False)],
)  # fmt: skip
def test_what_counts_as_an_error_line(line: bytes, counts: bool) -> None:
    ring = LogRing()
    ring.feed(b"fine\n" + line[:3])
    ring.feed(line[3:] + b"\nfine\n")
    assert ring.errors == ([1] if counts else [])


def test_errors_are_found_before_and_after_and_forgotten_with_their_lines() -> None:
    ring = LogRing(lines_most=100)
    ring.feed(b"ok\nERROR a\nok\nERROR b\n")
    assert (ring.errors_after(-1), ring.errors_after(1), ring.errors_after(3)) == (1, 3, None)
    assert (ring.errors_before(3), ring.errors_before(1)) == (1, None)
    ring.feed(b"ok\n" * 500)
    assert ring.errors == []
    assert ring.error_count == 2
    with pytest.raises(IndexError):
        ring.line(0)


@given(bodies, bodies, cuts)
def test_what_is_put_before_keeps_the_numbers_of_the_rest(earlier: bytes, body: bytes, borders: list[int]) -> None:
    ring = fed(body, borders)
    before, after = kept(ring), earlier + b"\n"
    assert ring.prepend(after)
    assert kept(ring) == after.split(b"\n")[:-1] + before
    assert [ring.line(number) for number in range(len(before))] == before
    assert (ring.first, ring.end) == (-after.count(b"\n"), len(before))
    assert ring.lines_seen == len(ring)


def test_what_is_put_before_is_bounded_and_its_errors_are_counted() -> None:
    ring = LogRing(lines_most=10, line_bytes_most=40)
    ring.feed(b"ERROR z\nhalf")
    assert not ring.prepend(b"".join(b"ERROR %d\n" % number for number in range(20)) + b"x" * 50 + b"\n")
    assert (len(ring), ring.first, ring.has_room) == (11, -9, False)
    assert ring.line(-1) == b"x" * 40 + b" [10 bytes cut]"
    assert (ring.errors, ring.error_count) == ([*range(-9, -1), 0], 9)
    assert not ring.prepend(b"more\n")
    ring = LogRing(bytes_most=1000)
    ring.feed(b"x" * 99 + b"\n")
    assert not ring.prepend((b"y" * 99 + b"\n") * 20)
    assert sum(map(len, kept(ring))) <= 1000
    ring = LogRing(lines_most=10)
    ring.feed(b"line\n" * 50)
    assert not ring.has_room
    assert not ring.prepend(b"it would stand before a gap\n")


def test_notes_are_no_lines_of_the_log() -> None:
    ring = LogRing()
    ring.feed(b"one\ntwo\nthree")
    ring.note("link lost")
    assert (ring.lines_seen, ring.end) == (3, 4)
    ring.finish()
    assert ring.lines_seen == 3


def test_a_note_is_no_error() -> None:
    ring = LogRing()
    ring.note("ERROR in our own words")
    ring.feed(b"ERROR\n")
    assert ring.errors == [1]
