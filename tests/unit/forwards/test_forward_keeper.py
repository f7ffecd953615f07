"""What a keeper makes of refusals, of sshd that accepts and closes, of its own trouble, and of being ended."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from console.clients.names import Names
from console.config import SshGate
from console.errors import RaydeckError
from console.model.forward import Forward, KeptTunnel
from console.services.embedded.processes import mark
from console.services.forwards import keeper as keeping
from console.services.forwards.control import BackgroundSupervisor
from console.services.forwards.keeper import Keeper
from console.services.forwards.plans import TunnelPlan
from console.services.forwards.record import KeeperRecord, kept_elsewhere, read_wanted, write_record
from console.services.forwards.rest import HELD_S, MOST_STALE_S, accepts
from console.services.forwards.session import Ending
from console.services.state_folder import StateFolder
from tests.unit.forwards.test_forward_guard import STANDS

PLAN = TunnelPlan("local-1", "reverse", SshGate("vm", "vm"), (Forward("dashboard", "x", 1, "y", 2),))
REFUSES = """#!/bin/sh
[ "$1" = -G ] && exit 1
case " $* " in *" -N "*) echo 'Error: remote port forwarding failed for listen port 1' >&2; exit 255;; esac
printf '%s' "$TOLD"
"""
OTHERS = "LISTEN 0 128 10.0.0.1:22 0.0.0.0:*\n--\n"
DIRECT = "#!/bin/sh\n[ \"$1\" = -G ] && printf 'hostname 127.0.0.1\\nport 22\\n' && exit 0\n"


def keeper_with(folder: Path, ssh: str, told: str = "", **options: Any) -> tuple[Keeper, list[KeptTunnel]]:
    (folder / "ssh").write_text(ssh)
    (folder / "ssh").chmod(0o755)
    heard: list[KeptTunnel] = []
    environ = {"PATH": f"{folder}:{os.environ['PATH']}", "TOLD": told}
    return Keeper(PLAN, environ, heard.append, **options), heard


@pytest.fixture
def rests(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int] | None]:
    """Where each rest would have knocked; they take no time."""
    found: list[tuple[str, int] | None] = []

    async def rest(rest_s: float, knock_at: tuple[str, int] | None, **_: Any) -> None:
        assert rest_s > 0
        found.append(knock_at)
        await asyncio.sleep(0)

    monkeypatch.setattr(keeping, "rest", rest)
    return found


async def run_until(keeper: Keeper, condition: Callable[[], object]) -> None:
    task = asyncio.create_task(keeper.run())
    async with asyncio.timeout(60):
        while not condition() and not (await asyncio.wait({task}, timeout=0.01))[0]:
            pass
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def test_what_is_forbidden_is_believed_when_it_repeats(tmp_path: Path, rests: list[object]) -> None:
    """A stale session that has just gone has no listener any more, either."""
    keeper, heard = keeper_with(tmp_path, REFUSES, OTHERS)
    asyncio.run(run_until(keeper, lambda: False))
    assert [each.state for each in heard if each.reason] == ["waiting", "waiting", "given-up"]
    assert len(rests) == 1
    assert "does not permit to listen on x:1" in keeper.tunnel.reason


@pytest.mark.parametrize("told", ["--\n", "", "sh: 1: ss: not found\n"])
def test_a_vm_that_shows_no_listener_at_all_has_told_nothing(tmp_path: Path, rests: list[object], told: str) -> None:
    keeper, _ = keeper_with(tmp_path, REFUSES, told)
    asyncio.run(run_until(keeper, lambda: len(rests) >= 4))
    assert keeper.tunnel.state == "waiting"
    assert "it is taken, or forwarding is not permitted" in keeper.tunnel.reason


def test_a_port_that_another_raydeck_of_ours_holds_is_no_stale_session_to_be_ended(
    tmp_path: Path, rests: list[object]
) -> None:
    state = StateFolder(tmp_path / "state")
    other = subprocess.Popen(["sleep", "60"])
    own = mark(other.pid)
    assert own is not None
    up = KeptTunnel(cluster=PLAN.cluster, direction=PLAN.direction, state="up")
    write_record(state, KeeperRecord("background", own, (up,)))
    keeper, _ = keeper_with(tmp_path, REFUSES, OTHERS, kept_elsewhere=partial(kept_elsewhere, state))
    asyncio.run(run_until(keeper, lambda: rests))
    other.kill()
    other.wait()
    assert keeper.tunnel.state == "waiting"
    assert keeper.tunnel.reason == f"raydeck in the background (pid {other.pid}) keeps it open already"
    assert keeper.tunnel.hint == "raydeck tunnel down --reverse local-1"
    assert kept_elsewhere(state, PLAN) is None


def test_a_dead_session_is_asked_after_every_few_seconds_for_it_may_be_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rests_s: list[float] = []

    async def rest(rest_s: float, *_: object, **__: object) -> None:
        rests_s.append(rest_s)
        await asyncio.sleep(0)

    monkeypatch.setattr(keeping, "rest", rest)
    sshd = 'users:(("sshd",pid=92,fd=3))'
    told = f"LISTEN 0 128 x:1 0.0.0.0:* {sshd}\n--\n0 36 10.0.0.1:22 10.0.0.11:5852 {sshd} timer:(on,664ms,2)\n"
    keeper, _ = keeper_with(tmp_path, REFUSES, told)
    asyncio.run(run_until(keeper, lambda: len(rests_s) >= 5))
    assert "held by a stale session: the one from 10.0.0.11" in keeper.tunnel.reason
    assert rests_s[0] < rests_s[-1] == MOST_STALE_S


def ends(said: str) -> str:
    return f"{DIRECT}echo '{said}' >&2\nexit 255\n"


@pytest.mark.parametrize(
    ("said", "knocks"),
    [
        ("ssh: connect to host 10.0.0.1 port 22: Connection refused", True),
        ("ssh: connect to host 10.0.0.1 port 22: No route to host", True),
        ("ssh: connect to host 10.0.0.1 port 22: Connection timed out", True),
        ("Connection timed out during banner exchange", False),
        ("Connection to 10.0.0.1 closed by remote host.", False),
        ("kex_exchange_identification: Connection closed by remote host", False),
    ],
)
def test_it_knocks_only_where_a_port_that_accepts_is_news(
    tmp_path: Path, rests: list[object], said: str, knocks: bool
) -> None:
    """An sshd that accepts and closes would end each rest at once, and be called once a second for ever."""
    keeper, _ = keeper_with(tmp_path, ends(said))
    asyncio.run(run_until(keeper, lambda: rests))
    assert rests[0] == (("127.0.0.1", 22) if knocks else None)


@pytest.mark.parametrize(("open_for_s", "knocks"), [(HELD_S, True), (HELD_S - 1, False), (None, False)])
def test_a_session_that_held_is_knocked_for(
    tmp_path: Path, rests: list[object], monkeypatch: pytest.MonkeyPatch, open_for_s: float | None, knocks: bool
) -> None:
    class Fallen(keeping.SshSession):
        async def run(self) -> Ending:
            return Ending(255, ("Timeout, server 10.0.0.1 not responding.",), open_for_s)

    monkeypatch.setattr(keeping, "SshSession", Fallen)
    keeper, _ = keeper_with(tmp_path, DIRECT)
    asyncio.run(run_until(keeper, lambda: rests))
    assert (rests[0] is not None) is knocks


def test_trouble_of_this_machine_does_not_end_the_watching(
    tmp_path: Path, rests: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[int] = []

    def addresses() -> frozenset[str]:
        looks.append(1)
        if len(looks) < 3:
            raise OSError(24, "Too many open files")
        return frozenset()

    monkeypatch.setattr(keeping, "LOOK_EVERY_S", 0.01)
    monkeypatch.setattr(keeping, "own_addresses", addresses)
    monkeypatch.setattr(keeping, "source_address", lambda _: "192.0.2.1")
    keeper, heard = keeper_with(tmp_path, f"{STANDS}exec sleep 300\n")
    asyncio.run(run_until(keeper, lambda: rests))
    assert "the address 192.0.2.1 of this computer is gone" in next(each.reason for each in heard if each.reason)


def test_a_keeper_that_is_ended_while_its_watching_ends_goes_no_further(
    tmp_path: Path, rests: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def slow(awaited: asyncio.Event) -> None:
        try:
            await asyncio.sleep(300)
        finally:
            awaited.set()
            await asyncio.sleep(0.2)

    async def main() -> bool:
        ending = asyncio.Event()
        monkeypatch.setattr(Keeper, "_watch", lambda *_: slow(ending))
        keeper, _ = keeper_with(tmp_path, f"{STANDS}sleep 0.3; exit 255\n")
        task = asyncio.create_task(keeper.run())
        await asyncio.wait_for(ending.wait(), 60)
        task.cancel()
        await asyncio.wait({task}, timeout=60)
        return task.cancelled()

    assert asyncio.run(main())
    assert not rests


def test_a_knock_resolves_its_host_with_a_deadline() -> None:
    """The system's own resolution holds a thread of everybody's for as long as a hung name server likes."""
    asked: list[str] = []

    def ask(host: str) -> tuple[str, ...]:
        asked.append(host)
        return ("127.0.0.1",)

    async def main() -> tuple[bool, bool]:
        names = Names(ask)
        async with await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0) as serving:
            port = serving.sockets[0].getsockname()[1]
            there = await accepts("vm.example", port, names)
        gone = await accepts("vm.example", port, names)
        names.close()
        return there, gone

    assert asyncio.run(main()) == (True, False)
    assert asked == ["vm.example"]


def test_a_supervisor_that_dies_after_its_first_word_keeps_nothing_and_that_is_said(tmp_path: Path) -> None:
    class Dying(BackgroundSupervisor):
        async def _start(self) -> None:
            process = await asyncio.create_subprocess_exec("sleep", "0.3")
            own = mark(process.pid)
            assert own is not None
            write_record(state, KeeperRecord("background", own))
            waiting.append(asyncio.ensure_future(process.wait()))

    state, waiting = StateFolder(tmp_path / "state"), list[Awaitable[int]]()

    async def main() -> None:
        with pytest.raises(RaydeckError, match="has ended, and keeps nothing open") as raised:
            await Dying(state, {}).up([PLAN], 60.0)
        assert "background.log" in raised.value.hint
        await asyncio.gather(*waiting)

    asyncio.run(main())
    assert read_wanted(state) == ()
