"""One Prometheus server: what it answers, and every way in which it does not."""

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from console.clients.one_thread import OneThread
from console.clients.prometheus import PrometheusClient, Series, number
from console.config import PrometheusServer
from console.errors import AuthError, ConfigError, ReplyError, SlowError, SourceError, UnreachableError
from tests.fakes.prometheus import TroubledPrometheus, vector


@pytest.fixture
def fake() -> Iterator[TroubledPrometheus]:
    with TroubledPrometheus().running() as running:
        yield running


def asked(fake: TroubledPrometheus, query="up", timeout_s=30.0, token=lambda: None):
    async def work():
        client = PrometheusClient(PrometheusServer("oss", fake.url), token, timeout_s=timeout_s)
        try:
            return await client.instant(query)
        finally:
            client.close()

    return asyncio.run(work())


def test_an_answer_is_typed_and_what_is_no_figure_is_none(fake):
    fake.data = vector(*(({"n": value}, value) for value in ("1.5", "NaN", "+Inf", "-Inf", "0")))
    values = {series.labels["n"]: series.value for series in asked(fake).series}
    assert values == {"1.5": 1.5, "NaN": None, "+Inf": None, "-Inf": None, "0": 0.0}


@pytest.mark.parametrize("text", [None, "", "x", [], {}])
def test_what_is_no_number_is_none(text):
    assert number(text) is None


def test_an_empty_answer_is_no_error(fake):
    assert asked(fake).series == ()


def test_a_partial_answer_says_what_is_missing(fake):
    fake.data, fake.warnings = vector(({}, "1")), ["store 3 did not answer"]
    answer = asked(fake)
    assert (answer.series, answer.warnings) == ((Series({}, 1.0),), ("store 3 did not answer",))


def test_compressed_bytes_are_counted_as_they_travel(fake):
    fake.trouble, fake.data = "gzip", vector(*(({"node": "n" * 50}, "1") for _ in range(200)))
    answer = asked(fake)
    assert len(answer.series) == 200
    assert 0 < answer.received_bytes < 1300


@pytest.mark.parametrize(
    ("trouble", "kind", "what"),
    [
        ("refused", ReplyError, 'HTTP 400: invalid parameter "query": 1:1: parse error'),
        ("broken", ReplyError, "HTTP 503: upstream connect error"),
        ("gateway", ReplyError, "HTTP 502"),
        ("unauthorized", AuthError, "wants a token"),
        ("forbidden", AuthError, "refuses our token"),
        ("redirect", ReplyError, "HTTP 302: leads elsewhere"),
        ("html", SourceError, "what answers is not Prometheus (text/html)"),
        ("nothing", SourceError, "what answers is not Prometheus"),
        ("shape", SourceError, "what answers is not Prometheus"),
        ("cut", UnreachableError, "closed before the answer was whole"),
    ],
)
def test_every_failure_is_told_in_our_words(fake, trouble, kind, what):
    fake.trouble = trouble
    with pytest.raises(kind) as caught:
        asked(fake)
    assert what in caught.value.what
    assert caught.value.where == "prometheus oss"
    assert "<" not in str(caught.value)


@pytest.mark.parametrize("data", [None, [], {}, {"result": None}, {"result": {}}, {"result": ["x"]}, "text", 1])
@pytest.mark.parametrize("ask", ["instant", "over_time", "targets"])
def test_data_of_another_shape_is_refused(fake, data, ask):
    fake.data = fake.targets = data

    async def work():
        client = PrometheusClient(PrometheusServer("oss", fake.url), lambda: None, timeout_s=30.0)
        try:
            await {
                "instant": lambda: client.instant("up"),
                "over_time": lambda: client.over_time("up", 0, 10, 1),
                "targets": client.targets,
            }[ask]()
        finally:
            client.close()

    if (ask, data) == ("targets", []):  # no targets are an answer
        return
    with pytest.raises(SourceError, match="not Prometheus"):
        asyncio.run(work())


def test_headers_are_counted_with_what_travels(fake):
    answer = asked(fake, token=lambda: "t" * 500)
    headers = sum(len(name) + len(value) + len(": \r\n") for name, value in fake.headers[-1].items())
    assert answer.sent_bytes == len("GET /api/v1/query?query=up HTTP/1.1\r\n") + headers + len("\r\n")
    assert answer.received_bytes > len('{"status":"success"}') + 100


@pytest.mark.parametrize("trouble", ["hang", "drip"])
def test_a_server_that_is_slow_to_the_end_is_given_up_in_time(fake, trouble):
    fake.trouble = trouble
    started = time.monotonic()
    with pytest.raises(SlowError):
        asked(fake, timeout_s=0.4)
    assert time.monotonic() - started < 15


def test_the_thread_of_a_dripping_server_is_free_for_the_next_call(fake):
    async def work():
        client = PrometheusClient(PrometheusServer("oss", fake.url), lambda: None, timeout_s=2.0)
        fake.trouble = "drip"
        with pytest.raises(SlowError):
            await client.instant("up")
        fake.trouble = ""
        async with asyncio.timeout(60):
            while True:
                with suppress(SlowError):  # on a busy machine the deadline may pass for that
                    answer = await client.instant("up")
                    break
        client.close()
        return answer

    assert asyncio.run(work()).series == ()


def test_nobody_listens_and_no_such_name():
    for url, what in (("http://127.0.0.1:1", "connection refused"), ("http://no.such.invalid", "does not resolve")):
        client = PrometheusClient(PrometheusServer("oss", url), lambda: None)
        with pytest.raises(UnreachableError, match=what):
            asyncio.run(client.instant("up"))


def test_the_token_travels_and_one_that_cannot_be_read_is_told(fake):
    asked(fake, token=lambda: "secret")
    assert fake.headers[-1]["Authorization"] == "Bearer secret"

    def unreadable():
        raise ConfigError("/x/token", "others may use this token file", "chmod 600 /x/token")

    with pytest.raises(SourceError, match="others may use"):
        asked(fake, token=unreadable)


def test_a_long_query_travels_in_the_body(fake):
    asked(fake, "x" * 5000)
    asked(fake, "x")
    assert fake.methods == ["POST", "GET"]
    assert [len(query) for query in fake.asked] == [5000, 1]


def test_calls_of_one_thread_follow_each_other_and_what_waited_too_long_never_begins():
    async def work():
        thread, ran, released = OneThread("t"), [], threading.Event()
        slow = asyncio.create_task(thread.call(lambda: released.wait(60), 60))
        await asyncio.sleep(0.05)
        with pytest.raises(SlowError):
            await thread.call(lambda: ran.append("late"), 0.1)
        released.set()
        await slow
        assert await thread.call(lambda: "next", 60) == "next"
        thread.close()
        return ran

    assert asyncio.run(work()) == []


def test_a_hung_server_does_not_keep_the_process(fake):
    fake.trouble = "hang"
    program = f"""
import asyncio, sys
from console.clients.prometheus import PrometheusClient
from console.config import PrometheusServer
async def main():
    client = PrometheusClient(PrometheusServer("oss", {fake.url!r}), lambda: None, timeout_s=30)
    asyncio.create_task(client.instant("up"))
    await asyncio.to_thread(sys.stdin.read)  # its end is ours to choose: a busy machine may be long in asking
asyncio.run(main())
"""
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE) as child:
        give_up_at = time.monotonic() + 60
        while not fake.asked:
            assert child.poll() is None
            assert time.monotonic() < give_up_at
            time.sleep(0.02)
        child.communicate(timeout=15)  # closes its input
    assert child.returncode == 0
    assert fake.asked == ["up"]
