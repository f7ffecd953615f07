"""A real head with token authentication: with its token all works, without it or with another it is left in peace."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from click.testing import CliRunner, Result

from console.cli.root import raydeck
from tests.live.conftest import LiveCluster
from tests.pilot.deck import Clock, configuration, deck

pytestmark = pytest.mark.live

QUICK = "[console]\nrefresh_s = 0.5\n\n"
WATCHED_S = 4.0
MOST_POLLS = 12  # in that time; a head that takes our token is asked about twice as much by the polls alone
MOST_QUESTIONS = 6  # of one command
REFUSED = {"bare": "wants a token and got none", "wrong": "refuses our token"}
COMMANDS = ("jobs", "logs raysubmit_x", "stop raysubmit_x", "rerun raysubmit_x", "output --id raysubmit_x",
            "serve", "submit parallel_processing --force")  # fmt: skip
_REQUEST = re.compile(rb"^(?:GET|HEAD|POST|PUT|DELETE) (\S+) HTTP/1\.1\r\n", re.MULTILINE)


class CountingProxy:
    """Passes everything on to one address; ``paths`` are those of the requests that came."""

    def __init__(self, address: str) -> None:
        self.paths: list[str] = []
        self.url = ""
        self._to = urlsplit(address)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[CountingProxy]:
        server = await asyncio.start_server(self._take, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield self
        finally:
            server.close()

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head, to_head = await asyncio.open_connection(self._to.hostname, self._to.port)
        await asyncio.gather(self._pass(reader, to_head, counts=True), self._pass(head, writer, counts=False))

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, counts: bool) -> None:
        try:
            while chunk := await reader.read(65_536):
                self.paths += [path.decode() for path in _REQUEST.findall(chunk)] if counts else []
                writer.write(chunk)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()


@asynccontextmanager
async def three_ways(
    cluster: LiveCluster, folder: Path
) -> AsyncIterator[tuple[Mapping[str, CountingProxy], dict[str, dict[str, Any]]]]:
    """One head by three names: with its token, without any, and with one of another head."""
    (folder / "wrong-token").write_text("0123456789abcdef0123456789abcdef")
    (folder / "wrong-token").chmod(0o600)
    token_files = {"good": str(cluster.spec.auth_token_file), "bare": None, "wrong": str(folder / "wrong-token")}
    ways = {name: CountingProxy(cluster.spec.dashboard) for name in token_files}
    async with ways["good"].serving(), ways["bare"].serving(), ways["wrong"].serving():
        specs = {
            name: {"kind": "local", "dashboard": ways[name].url} | ({"auth_token_file": path} if path else {})
            for name, path in token_files.items()
        }
        yield ways, specs


def test_the_rows_say_what_is_wrong_and_the_head_is_asked_less_and_less(
    embedded_cluster: LiveCluster, tmp_path: Path
) -> None:
    async def scenario() -> None:
        async with (
            three_ways(embedded_cluster, tmp_path) as (ways, specs),
            deck(tmp_path, specs, size=(160, 50), before=QUICK, clock=Clock(time.time())) as console,
        ):
            await console.shows("● 1 up", "○ 2 down")
            for name, words in REFUSED.items():
                console.table.go_to(name)
                await console.shows(words)
            for mode in ("2", "5", "4", "1"):
                await console.press(mode)
            before = {name: len(proxy.paths) for name, proxy in ways.items()}
            await asyncio.sleep(WATCHED_S)
            asked = {name: len(proxy.paths) - before[name] for name, proxy in ways.items()}
            assert all(1 <= asked[name] <= MOST_POLLS for name in REFUSED), asked
            async with asyncio.timeout(60):
                await console.until(lambda: len(ways["good"].paths) - before["good"] > MOST_POLLS)

    asyncio.run(scenario())


def test_every_command_says_in_one_line_what_is_wrong_and_does_not_insist(
    embedded_cluster: LiveCluster, tmp_path: Path
) -> None:
    async def scenario() -> None:
        async with three_ways(embedded_cluster, tmp_path) as (ways, specs):
            assert (await run(tmp_path, specs["good"], "jobs")).exit_code == 0
            for name, words in REFUSED.items():
                for command in COMMANDS:
                    before = len(ways[name].paths)
                    ran = await run(tmp_path, specs[name], command)
                    assert (ran.exit_code, words in ran.stderr) == (1, True), (name, command, ran.output)
                    assert ran.stderr.strip().splitlines()[-1].startswith("raydeck: c: "), (command, ran.stderr)
                    asked = ways[name].paths[before:]
                    assert len(asked) <= MOST_QUESTIONS, (command, asked)

    asyncio.run(scenario())


async def run(folder: Path, spec: Mapping[str, Any], command: str) -> Result:
    config = folder / "one.toml"
    config.write_text(configuration({"c": spec}))
    arguments = ["--config", str(config), *command.split()]
    env = {"XDG_STATE_HOME": str(folder / "state"), "HOME": str(folder)}
    return await asyncio.to_thread(CliRunner().invoke, raydeck, arguments, env=env)
