"""Whatever a port answers is read without an error: odd numbers, odd dates, broken heads, bytes of any kind."""

import asyncio
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.clients.names import Names
from console.clients.questions import _is_whole, _read
from console.clients.wire import Exchanged, Limits, exchange_bytes
from console.services import walk as walking
from console.services.walk import walk
from tests.unit.checks.test_walk import broken, endpoint, http, server

VERSION = b'{"ray_version": "2.49.2", "session_name": "session_1"}'
NUMBERS = (b"9" * 19, b"9" * 25, b"9" * 5000, b"-1", b"0x10", b"", b"1e3", b"\xb2")
DATES = (
    b"Mon, 01 Jan 2026 00:00:00 +" + b"9" * 30,
    b"Mon, 01 Jan " + b"9" * 30 + b" 00:00:00 GMT",
    b"Mon, 01 Jan 0001 00:00:00 +2359",
    b"Mon, 01 Jan 9999 23:59:59 -2359",
    b"Mon, 99 Jan 2026 99:99:99 GMT",
    b"",
    b"\xff\xfe",
)
LINES = (
    *(b"Content-Length: " + number for number in NUMBERS),
    *(b"Date: " + date for date in DATES),
    b"Transfer-Encoding: chunked",
    b"Content-Encoding: gzip",
    b"server: istio-envoy",
    b": ",
    b"\x00",
    b" folded",
)
STATUS_LINES = (
    b"HTTP/1.1 200 OK",
    b"HTTP/1.1 100 Continue",
    b"HTTP/9.9 999 ?",
    b"HTTP/1.1 \xff",
    b"HTTP/1.1",
    b"HTTP/",
)
CHUNKS = (b"", VERSION, b"5\r\nabcde\r\n0\r\n\r\n", b"f" * 30 + b"\r\nx", b"-1\r\nx\r\n0\r\n\r\n", b"0\r\n\r\n")


def exchanged(received):
    return Exchanged(None, True, 1.0, 2.0, received)


heads = st.builds(
    lambda line, fields, body: b"\r\n".join((line, *fields)) + b"\r\n\r\n" + body,
    st.sampled_from(STATUS_LINES), st.lists(st.sampled_from(LINES), max_size=5), st.sampled_from(CHUNKS),
)  # fmt: skip


@settings(deadline=None, max_examples=400)
@given(st.binary(max_size=400) | heads | st.tuples(heads, st.binary(max_size=50)).map(b"".join))
def test_no_answer_breaks_the_reader(received):
    _is_whole(bytearray(received))
    answer = _read(exchanged(received), "GET /")
    assert answer.date is None or isinstance(answer.date, float)


@pytest.mark.parametrize("field", [line for line in LINES if line.startswith((b"Content", b"Date"))])
async def test_an_odd_number_or_date_ends_no_walk(field):
    async with server(b"HTTP/1.1 200 OK\r\n" + field + b"\r\n\r\n" + VERSION) as port:
        found = await walk(endpoint(port), Names(), None, time.time)
    assert found.steps
    assert all(step.probe != "bytes" or step.failure is None for step in found.steps)


async def test_what_nobody_foresaw_is_a_broken_hop_and_no_end(monkeypatch):
    def fails(*_):
        raise ZeroDivisionError("quite unforeseen")

    monkeypatch.setattr(walking, "_judged", fails)
    async with server(http(VERSION)) as port:
        found = await walk(endpoint(port), Names(), None, time.time)
    assert broken(found) == ("bytes", walking.Failure.OWN_ERROR)
    assert "ZeroDivisionError: quite unforeseen" in found.failure.detail


async def test_connect_and_answer_share_one_deadline():
    """A slow connect leaves less for the answer: together they stay within what the walk has."""

    async def late(reader, _):
        await reader.read(100)
        await asyncio.sleep(30)

    async with await asyncio.start_server(late, "127.0.0.1", 0) as serving:
        port = serving.sockets[0].getsockname()[1]
        found = await exchange_bytes("127.0.0.1", port, b"?", lambda _: True, Limits(5.0, 20.0, within_s=0.3))
    assert found.failure is walking.Failure.SILENT
    assert found.total_ms < 15_000


async def test_a_large_answer_is_taken_whole_where_that_is_wanted():
    """A thousand nodes in detail are 13 MB, and the usual limit of a megabyte left a large cluster without facts."""
    body = b"x" * 3_000_000
    async with server(http(body)) as port:
        place = walking._place(endpoint(port), "127.0.0.1")
        short = await walking.get(place, "/", Limits(10.0, 30.0))
        whole = await walking.get(place, "/", Limits(10.0, 30.0, most_bytes=32 * 1024**2))
    assert len(whole.body) == len(body)
    assert len(short.body) < len(body)


@pytest.mark.parametrize("name_s", [0.0, 0.6])
async def test_no_hop_may_end_after_the_walks_three_seconds(monkeypatch, name_s):
    """The name, the connect, and the knock at ssh's port of a gateway that is silent: each has what the others left."""
    loop, ends = asyncio.get_running_loop(), []

    async def silent(*words, **_):
        (limits,) = (word for word in words if isinstance(word, Limits))
        ends.append(loop.time() + limits.connect_s)
        assert limits.within_s is None or loop.time() + limits.within_s <= began + walking.ROUND_S + 0.3
        await asyncio.sleep(0.2)
        return Exchanged(walking.Failure.TIMED_OUT, False, 200.0, 200.0)

    async def get(place, path, limits, token):
        return walking.Answer(walking.Failure.TIMED_OUT, await silent(place, path, limits, token), "GET /")

    def ask(_):
        time.sleep(name_s)
        return ("127.0.0.1",)

    monkeypatch.setattr(walking, "get", get)
    monkeypatch.setattr(walking, "exchange_bytes", silent)
    # Nothing waits for any of these; a busy machine may be late by more than the walk's own times leave to spare.
    for name, limit_s in (("ROUND_S", 30.0), ("NAME_S", 20.0), ("CONNECT_S", 60.0)):
        monkeypatch.setattr(walking, name, limit_s)
    began = loop.time()
    found = await walk(endpoint(7001, "gateway", host="ray.local.dash-1.oss"), Names(ask), None, time.time)
    assert broken(found) == ("gateway", walking.Failure.TIMED_OUT_TOO)
    assert len(ends) == 2
    assert max(ends) <= began + walking.ROUND_S + 0.3
