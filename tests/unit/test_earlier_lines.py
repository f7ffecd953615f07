"""Reading a log backwards: exactly what stood before, page by page, and hardly more bytes than that."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.services.earlier_lines import BeginningSearch, EarlierLines
from tests.fakes.cutting_proxy import CuttingProxy
from tests.fakes.log_dashboard import JOB_ID, LogDashboard, last_lines


def numbered(first: int, last: int) -> bytes:
    return b"".join(b"line %07d of the log\n" % number for number in range(first, last))


def paged(
    log: bytes,
    pages: int,
    between: Callable[[LogDashboard], None] = lambda _: None,
    known_lines: int = 1000,
) -> tuple[bytes, list[bytes | None], int]:
    """Return what was known, the pages as they came, and how many bytes crossed the wire for them."""

    async def run() -> tuple[bytes, list[bytes | None], int]:
        async with LogDashboard() as head, CuttingProxy("127.0.0.1", head.port) as proxy:
            head.log = log
            dashboard = head.client(proxy.url)
            known = last_lines(log, known_lines)
            earlier = EarlierLines(dashboard)
            earlier.saw(known)
            found = []
            for _ in range(pages):
                between(head)
                found.append(await earlier.page(await dashboard.job(JOB_ID)))
            await dashboard.close()
            return known, found, proxy.carried_bytes

    return asyncio.run(run())


@pytest.mark.parametrize(
    "log",
    [numbered(0, 400_000), b"the same\n" * 400_000, numbered(0, 300_000) + b"the same\n" * 100_000, b"\n" * 400_000],
    ids=["different", "all the same", "the same at the end", "empty lines"],
)
def test_pages_join_to_the_log_and_grow(log: bytes) -> None:
    known, pages, _ = paged(log, 5)
    counts = [(page or b"").count(b"\n") for page in pages]
    assert counts == [1000, 2000, 4000, 8000, 16_000]
    assert b"".join(page or b"" for page in reversed(pages)) + known == last_lines(log, 32_000)


def test_what_is_known_is_not_sent_again() -> None:
    """Save for what is under way when the window is left: a few MB on one machine, where 40 MB are known."""
    log = b"".join(b"%07d %s\n" % (number, b"x" * 92) for number in range(410_000))
    _, (page,), carried = paged(log, 1, known_lines=400_000)
    assert page is not None
    assert page.startswith(b"0009000 ")
    assert carried < 20_000_000


def test_the_beginning_is_reached_and_said() -> None:
    log = numbered(0, 3500)
    known, pages, _ = paged(log, 3)
    assert b"".join(page or b"" for page in reversed(pages)) + known == log
    assert pages[-1] == b""
    assert paged(b"short\n", 1)[1] == [b""]
    assert paged(b"", 1)[1] == [b""]


def test_a_log_that_grows_meanwhile_is_paged_alike() -> None:
    log = numbered(0, 300_000)
    known, pages, _ = paged(log, 4, lambda head: head.write(b"x\n" * 5000))
    assert None not in pages
    assert log.endswith(b"".join(page or b"" for page in reversed(pages)) + known)
    assert sum((page or b"").count(b"\n") for page in pages) > 4000


def test_a_log_that_was_replaced_has_no_earlier_lines() -> None:
    assert paged(numbered(0, 5000), 1, lambda head: setattr(head, "log", b"another\n" * 9000))[1] == [None]


def test_long_lines_make_short_pages() -> None:
    line = b"x" * 20_000 + b"\n"
    _, pages, _ = paged(b"".join(b"%d " % number + line for number in range(2000)), 1)
    assert [(page or b"").count(b"\n") for page in pages] == [104]


lines = st.lists(st.sampled_from([b"a\n", b"b\n", b"\n"]), min_size=1, max_size=40)


@given(lines, st.integers(1, 40), st.integers(1, 40), st.integers(1, 9), st.integers(1, 40))
def test_whatever_the_log_what_stands_before_the_known_lines_is_told(
    log: list[bytes], known: int, page: int, size: int, anchor: int
) -> None:
    whole, known = b"".join(log), min(known, len(log))
    search = BeginningSearch(b"".join(log[-known:])[:anchor], known + page, known)
    window = last_lines(whole, known + page)
    for at in range(0, len(window), size):
        if not search.told:
            search.feed(window[at : at + size])
    assert search.before() == b"".join(log[-known - page : len(log) - known])
