"""The walk to one service, against small real servers that fail in every way."""

import asyncio
import threading
import time
from contextlib import asynccontextmanager

import pytest

from console.clients.names import Names
from console.config import Config, Kubernetes
from console.model.cluster import ClusterSpec
from console.model.failure import Failure
from console.services.path_states import unasked
from console.services.paths import Endpoint, path_of
from console.services.walk import walk

VERSION = b'{"ray_version": "2.49.2", "session_name": "session_1"}'


def http(body, status="200 OK", headers=""):
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode() + body


def chunked(body):
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)


@asynccontextmanager
async def server(reply):
    """A port that sends this and closes; None closes at once, an empty reply never answers."""

    async def answer(reader, writer):
        if reply is None:
            writer.close()
            return
        await reader.read(4096)
        if reply == b"":
            await reader.read(4096)
        writer.write(reply)
        writer.close()

    serving = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with serving:
        yield serving.sockets[0].getsockname()[1]


def endpoint(port, way="vm", asking="dashboard", service="dashboard", host="127.0.0.1"):
    return Endpoint(service, way, asking, host, port, f"{host}:{port}")


async def walked(reply, way="vm", asking="dashboard", token=None):
    async with server(reply) as port:
        return await walk(endpoint(port, way, asking), Names(), token, time.time)


def broken(found):
    return None if found.failure is None else (found.failure.probe, found.failure.failure)


async def test_ray_is_known_by_what_it_says():
    found = await walked(http(VERSION))
    assert broken(found) is None
    assert [step.probe for step in found.steps] == ["vm", "listener", "bytes", "ray"]
    assert found.identity.session_name == "session_1"
    assert all(step.latency_ms > 0 for step in found.steps)


@pytest.mark.parametrize(
    ("reply", "probe", "failure"),
    [
        (None, "bytes", Failure.CLOSED),
        (b"SSH-2.0-OpenSSH_9.2p1\r\n", "ray", Failure.STRANGE),
        (b"\x00\x01\xff garbage", "ray", Failure.STRANGE),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n{", "ray", Failure.STRANGE),
        (http(b"<html>login</html>"), "ray", Failure.NOT_RAY),
        (http(b"[1, 2]"), "ray", Failure.NOT_RAY),
        (http(b"\xff\xfe"), "ray", Failure.NOT_RAY),
        (http(b"", "404 Not Found"), "ray", Failure.NOT_RAY),
        (http(b"", "401 Unauthorized"), "ray", Failure.NO_TOKEN),
        (http(b"", "403 Forbidden"), "ray", Failure.WRONG_TOKEN),
        (http(b"boom", "500 Internal Server Error"), "ray", Failure.HTTP_ERROR),
    ],
)
async def test_what_is_no_dashboard_is_named(reply, probe, failure):
    assert broken(await walked(reply)) == (probe, failure)


async def test_an_answer_in_chunks_is_read():
    assert broken(await walked(chunked(VERSION))) is None


@pytest.mark.parametrize(
    ("reply", "failure"),
    [
        (http(b"", "404 Not Found", "server: istio-envoy\r\n"), Failure.NO_ROUTE),
        (http(b"upstream connect error", "503 Service Unavailable", "server: istio-envoy\r\n"), Failure.NO_ENDPOINT),
        (http(b"", "404 Not Found", "server: nginx\r\n"), Failure.HTTP_ERROR),
        (http(b"", "503 Service Unavailable"), Failure.HTTP_ERROR),
        (None, Failure.CLOSED),
    ],
)
async def test_the_gateways_own_errors_are_told_from_those_behind_it(reply, failure):
    assert broken(await walked(reply, way="gateway")) == ("route", failure)


async def test_nothing_listens():
    async with server(None) as port:
        pass
    for way, failure in (("vm", Failure.NO_LISTENER), ("forward", Failure.DOWN), ("direct", Failure.REFUSED)):
        found = await walk(endpoint(port, way), Names(), None, time.time)
        assert broken(found) == ("listener", failure)
    assert broken(await walk(endpoint(port, "gateway"), Names(), None, time.time)) == ("gateway", Failure.REFUSED)


async def test_silence_ends_with_its_deadline():
    began = time.monotonic()
    assert broken(await walked(b"")) == ("bytes", Failure.SILENT)
    assert time.monotonic() - began < 30


async def test_ray_client_is_greeted_in_its_own_protocol():
    settings = bytes(3) + b"\x04" + bytes(5)
    assert broken(await walked(settings, asking="client")) is None
    assert broken(await walked(http(b""), asking="client")) == ("client-version", Failure.STRANGE)
    assert broken(await walked(None, asking="client")) == ("bytes", Failure.CLOSED)


async def test_a_metrics_agent_is_never_scraped():
    asked = []

    async def answer(reader, writer):
        asked.append((await reader.readline()).decode())
        writer.write(http(b""))
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as serving:
        port = serving.sockets[0].getsockname()[1]
        assert broken(await walk(endpoint(port, asking="metrics"), Names(), None, time.time)) is None
    assert asked == ["GET /favicon.ico HTTP/1.1\r\n"]


async def test_a_token_goes_to_the_dashboard_and_nowhere_else():
    heard = []

    async def answer(reader, writer):
        heard.append((await reader.readuntil(b"\r\n\r\n")).decode())
        writer.write(http(VERSION))
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as serving:
        port = serving.sockets[0].getsockname()[1]
        for asking in ("dashboard", "serve", "metrics"):
            found = await walk(endpoint(port, asking=asking), Names(), "s3cret", time.time)
            assert "s3cret" not in repr(found)
    assert ["Bearer s3cret" in text for text in heard] == [True, False, False]


@pytest.mark.parametrize(("answer", "failure"), [(OSError(), Failure.CLOSED), (UnicodeError(), Failure.UNRESOLVED)])
async def test_a_name_that_cannot_be_asked_for_is_a_failure(answer, failure):
    def ask(_):
        raise answer

    found = await walk(endpoint(1, "gateway", host="ray.local.dash-1.oss"), Names(ask), None, time.time)
    assert found.failure.probe == "name"
    assert found.failure.failure in {failure, Failure.UNRESOLVED}


async def test_a_hung_name_server_holds_up_no_other_name():
    released = threading.Event()

    def ask(host):
        if host != "quick":
            released.wait(60)
        return ("127.0.0.1",)

    names = Names(ask)
    slow = asyncio.create_task(names.addresses("slow", 60.0))
    assert await names.addresses("quick", 20.0) == ("127.0.0.1",)
    assert not slow.done()
    assert await names.addresses("slower", 0.2) is Failure.TIMED_OUT
    released.set()
    assert await slow == ("127.0.0.1",)


def test_a_path_is_what_reach_says():
    spec = ClusterSpec(name="cloud-1", kind="cloud", dashboard="http://ray.cloud.dash-1.oss:7001", serve="https://h/x")
    path = path_of(spec, Config(kubernetes=Kubernetes()))
    assert [(one.service, one.way, one.port, one.is_tls, one.prefix) for one in path.endpoints] == [
        ("dashboard", "gateway", 7001, False, ""),
        ("serve", "direct", 443, True, "/x"),
    ]
    assert (path.reach, unasked(path).reach) == ("gateway", "gateway")  # without a tunnel, too
    local = ClusterSpec(name="laptop", kind="local", dashboard="http://127.0.0.1:8265")
    assert path_of(local, Config(kubernetes=Kubernetes())).reach is None
