"""What may be called, with which headers and body: references are sent and never shown, other addresses refused."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from aiohttp import web
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

from console.cli.root import raydeck
from console.errors import RaydeckError, UsageError
from console.model.cluster import ClusterSpec
from console.render.answers import latency_line, pretty_body
from console.render.glyphs import ASCII, UNICODE
from console.services.call import (
    REPEAT_MOST,
    RouteCall,
    call_route,
    checked_data,
    header_of,
    repeat_call,
    resolved,
    route_of,
)
from console.services.core import Core, Options
from tests.fakes.head import FakeHead, fake_head
from tests.pilot.deck import NOON, configuration

SPEC = ClusterSpec(name="c", kind="local", dashboard="http://127.0.0.1:8265", serve="http://ray.serve.oss:7001")


@pytest.mark.parametrize(
    ("text", "route"),
    [
        ("/output?from=5", "/output?from=5"),
        ("http://ray.serve.oss:7001/output?from=5", "/output?from=5"),
        ("http://ray.serve.oss:7001", "/"),
        ("http://0.0.0.0:8350/about", "/about"),
        ("http://127.0.0.1:8350/", "/"),
    ],
)
def test_routes_and_addresses_of_the_cluster(text: str, route: str) -> None:
    assert route_of(SPEC, text) == route


@pytest.mark.parametrize(
    "text",
    ["http://elsewhere.oss:7001/x", "http://127.0.0.1:22/", "https://ray.serve.oss:7001/", "output", "", "http://[::1",
     "http://ray.serve.oss:port/", "file:///etc/passwd"],
)  # fmt: skip
def test_other_addresses_are_refused(text: str) -> None:
    with pytest.raises(UsageError):
        route_of(SPEC, text)


@settings(deadline=None)
@given(st.text())
def test_no_address_crashes(text: str) -> None:
    with suppress(UsageError):
        assert route_of(SPEC, text).startswith("/")


@settings(deadline=None)
@given(st.text())
def test_no_header_crashes(text: str) -> None:
    try:
        name, value = header_of(text)
        assert f"{name}={value}" == text.strip() or text.partition("=")[0].strip() == name
        resolved(((name, value),), {})
    except UsageError:
        pass


def test_references_lead_to_what_is_sent_and_are_all_that_is_shown(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from-a-file\n")
    headers = (
        ("X-A", "env:TOKEN"),
        ("X-B", f"file:{tmp_path}/token"),
        ("Authorization", "Bearer bare"),
        ("Accept", "x"),
    )
    wanted = RouteCall("GET", "/", "", headers)
    assert resolved(headers, {"TOKEN": "from-env"}) == {
        "X-A": "from-env", "X-B": "from-a-file", "Authorization": "Bearer bare", "Accept": "x",
    }  # fmt: skip
    assert dict(wanted.shown_headers)["Authorization"] == "…"
    assert dict(wanted.shown_headers)["X-A"] == "env:TOKEN"
    assert "bare" not in repr(wanted)
    for bad in ("env:NOWHERE", f"file:{tmp_path}/none"):
        with pytest.raises(UsageError, match="X-A"):
            resolved((("X-A", bad),), {})
    for secret in ("line\nbreak-secret", "gehéim"):
        with pytest.raises(UsageError) as error:
            resolved((("X-A", "env:S"),), {"S": secret})
        assert secret not in str(error.value)


def test_a_body_is_json_or_nothing() -> None:
    assert checked_data(' {"a": 1} ') == '{"a": 1}'
    assert checked_data("  ") == ""
    with pytest.raises(UsageError, match="is not JSON"):
        checked_data("{'a': 1}")


class EchoHead(FakeHead):
    """Serve answers what it was sent."""

    async def serve(self, request: web.Request) -> web.StreamResponse:
        if request.path != "/echo":
            return await super().serve(request)
        seen = {"method": request.method, "body": (await request.read()).decode(), "x": request.headers.get("X-Mine")}
        seen |= {"type": request.headers.get("Content-Type"), "token": request.headers.get("Authorization")}
        return web.json_response(seen | {"evil": "\x1b]52;c;AAAA\x07"}, status=418 if request.query else 200)


def config_of(tmp_path: Path, head: FakeHead) -> Path:
    config = tmp_path / "clusters.toml"
    config.write_text(configuration({"local-1": {"kind": "local", "dashboard": head.url, "serve": head.serve_url}}))
    return config


@asynccontextmanager
async def core_on(tmp_path: Path, *, read_only: bool = False) -> AsyncIterator[tuple[Core, FakeHead]]:
    async with fake_head(lambda: NOON, EchoHead) as head:
        core = Core(Options(config_of(tmp_path, head), read_only, {"HOME": str(tmp_path)}, tmp_path), lambda: NOON)
        core.load()
        await core.begin()
        try:
            yield core, head
        finally:
            await core.close()


def test_repeating_is_bounded_in_count_and_time_and_counts_what_fails(tmp_path: Path) -> None:
    async def work() -> None:
        async with core_on(tmp_path) as (core, _):
            slept: list[float] = []

            async def sleep(seconds: float) -> None:
                slept.append(seconds)

            wanted = RouteCall("GET", "/echo")
            called = [c async for c, _ in repeat_call(core, "local-1", wanted, sleep=sleep)]
            assert len(called) == len(slept) == REPEAT_MOST
            assert all(each.good and each.seconds > 0 for each in called)
            ticks = iter(range(0, 10_000, 7))
            fewer = [c async for c, _ in repeat_call(core, "local-1", wanted, sleep=sleep, clock=lambda: next(ticks))]
            assert 5 <= len(fewer) <= 9
            missing = [c async for c, _ in repeat_call(core, "local-1", RouteCall("GET", "/no"), sleep=sleep)]
            assert not any(each.good for each in missing)

    asyncio.run(work())


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"])
def test_read_only_refuses_anything_but_get(tmp_path: Path, method: str) -> None:
    async def work() -> None:
        async with core_on(tmp_path, read_only=True) as (core, _):
            assert (await call_route(core, "local-1", RouteCall("GET", "/echo"))).http_status == 200
            with pytest.raises(RaydeckError, match="read-only"):
                await call_route(core, "local-1", RouteCall(method, "/echo"))

    asyncio.run(work())


def command(tmp_path: Path, *words: str, environ: dict[str, str] | None = None) -> Result:
    """Run ``raydeck`` beside the server; errors of ours are results, too."""

    async def work() -> Result:
        async with fake_head(lambda: NOON, EchoHead) as head:
            env = {"XDG_STATE_HOME": str(tmp_path), **(environ or {})}
            arguments = ["--config", str(config_of(tmp_path, head)), *words]
            return await asyncio.to_thread(CliRunner().invoke, raydeck, arguments, env=env)

    return asyncio.run(work())


def test_raydeck_call_sends_body_and_headers_and_tells_status_and_time(tmp_path: Path) -> None:
    done = command(tmp_path, "call", "post", "/echo", "--cluster", "local-1", "--data", '{"a": [1]}',
                   "--header", "X-Mine=env:MINE", environ={"MINE": "s3cret"})  # fmt: skip
    assert done.exit_code == 0, done.output
    seen = json.loads(done.stdout)
    assert (seen["method"], seen["body"], seen["x"]) == ("POST", '{"a": [1]}', "s3cret")
    assert (seen["type"], seen["token"]) == ("application/json", None)
    assert "HTTP 200" in done.stderr
    assert " ms" in done.stderr
    assert "s3cret" not in done.stderr


def test_raydeck_call_of_an_error_is_one_and_shows_its_body(tmp_path: Path) -> None:
    done = command(tmp_path, "call", "GET", "/echo?teapot", "--cluster", "local-1")
    assert done.exit_code == 1
    assert json.loads(done.stdout)["method"] == "GET"
    assert "HTTP 418" in done.stderr


def test_raydeck_call_refuses_before_it_asks(tmp_path: Path) -> None:
    for words in (["--data", "{"], ["--header", "no value"], ["--header", "bad name=x"], ["--header", "A=env:NOWHERE"]):
        done = command(tmp_path, "call", "GET", "/echo", "--cluster", "local-1", *words)
        assert done.exit_code == 2, words
    refused = command(tmp_path, "--read-only", "call", "POST", "/echo", "--cluster", "local-1")
    assert "refused" in refused.stderr


def test_bodies_are_pretty_bounded_and_never_crash() -> None:
    lines, left_out = pretty_body(b'{"a":[1,{"b":null}]}', "application/json; charset=utf-8")
    assert lines[:3] == ["{", '  "a": [', "    1,"]
    assert left_out == ""
    assert pretty_body(b'{"a":', "application/json")[0] == ['{"a":']
    lines, left_out = pretty_body(b"x\n" * 5000, "text/plain")
    assert len(lines) == 2000
    assert "the first 2000 lines of 9.77 k" in left_out
    assert max(map(len, pretty_body(b"y" * 10**7, "text/plain")[0])) <= 2000


@settings(deadline=None)
@given(st.binary(), st.sampled_from(["application/json", "text/html", ""]))
def test_no_body_crashes(body: bytes, kind: str) -> None:
    lines, _ = pretty_body(body, kind)
    assert len(lines) <= 2000


@settings(deadline=None)
@given(st.lists(st.one_of(st.none(), st.floats(0, 60)), max_size=120), st.integers(20, 220))
def test_the_line_of_latencies_has_a_column_for_each_call_and_counts_failures(
    seconds: list[float | None], width: int
) -> None:
    for glyphs in (UNICODE, ASCII):
        text = "".join(piece for piece, _ in latency_line(seconds, width, glyphs))
        assert f"{len(seconds)} calls" in text
        failed = seconds.count(None)
        assert (f"{failed} failed" in text) == bool(failed)
        assert text.isascii() or glyphs is UNICODE
