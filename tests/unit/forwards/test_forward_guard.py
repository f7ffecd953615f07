"""The guard of each ssh, and what a keeper makes of an ssh that only plays its part."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from console.config import SshGate
from console.model.forward import Forward, KeptTunnel
from console.services.forwards import spawn
from console.services.forwards.forwards import Forwards
from console.services.forwards.plans import TunnelPlan
from console.services.state_folder import StateFolder

PARENT = """
import os, subprocess, sys
child = subprocess.Popen([sys.executable, sys.argv[1], str(os.getpid()), "sleep", "300"])
print(child.pid, flush=True)
child.wait()
"""
WATCH = """
import importlib.util, sys
found = importlib.util.spec_from_file_location("guard", sys.argv[1])
guard = importlib.util.module_from_spec(found)
found.loader.exec_module(guard)
guard.watch(["sh", "-c", "echo $$ >&2; exec sleep 300"])
"""
STANDS = """#!/bin/sh
[ "$1" = -G ] && exit 1
echo 'debug1: ssh.c:ssh_init_forwarding():2039 (pid=1): expecting replies for 1 forwards' >&2
echo 'debug1: ssh.c:ssh_confirm_remote_forward():1827 (pid=1): remote forward success for: listen x:1, connect y:2' >&2
"""


def until(condition: Callable[[], object], timeout_s: float = 30.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="not permitted: the kernel of Linux is what does it")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_the_kernel_ends_the_command_with_its_parent(number: signal.Signals) -> None:
    command = [sys.executable, "-c", PARENT, spawn._GUARD]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        until(lambda: psutil.Process(child).name() == "sleep")
        parent.send_signal(number)
    until(lambda: not lives(child))


def test_a_guard_whose_parent_is_gone_before_it_asked_starts_nothing(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    ran = subprocess.run([sys.executable, spawn._GUARD, "1", "touch", str(mark)], check=False)
    assert (ran.returncode, mark.exists()) == (0, os.getpid() == 1)


def test_a_missing_program_is_said_in_one_line() -> None:
    command = [sys.executable, spawn._GUARD, str(os.getpid()), "/no/such/ssh"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (1, "/no/such/ssh: No such file or directory\n")


def test_where_no_kernel_does_it_the_guard_watches_a_pipe() -> None:
    command = [sys.executable, "-c", WATCH, spawn._GUARD]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as guard:
        assert guard.stdin is not None
        assert guard.stderr is not None
        child = int(guard.stderr.readline())
        assert lives(child)
        guard.stdin.close()
        assert guard.wait(30) == 128 + signal.SIGTERM
    until(lambda: not lives(child))


def forwards_with(folder: Path, ssh: str) -> tuple[Forwards, list[KeptTunnel]]:
    (folder / "ssh").write_text(ssh)
    (folder / "ssh").chmod(0o755)
    environ = {"PATH": f"{folder}:{os.environ['PATH']}"}
    forwards, heard = Forwards(StateFolder(folder / "state"), environ), []
    forwards.listen(heard.append)
    return forwards, heard


def plan(host: str = "vm") -> TunnelPlan:
    return TunnelPlan("local-1", "reverse", SshGate("vm", host), (Forward("dashboard", "x", 1, "y", 2),))


def test_a_tunnel_comes_up_falls_says_why_and_comes_up_again(tmp_path: Path) -> None:
    falls = f"{STANDS}[ -e {tmp_path}/once ] && exec sleep 300\ntouch {tmp_path}/once\n"
    falls += "echo 'Timeout, server 10.0.0.1 not responding.' >&2\nexit 255\n"

    async def main() -> list[KeptTunnel]:
        forwards, heard = forwards_with(tmp_path, falls)
        twice = asyncio.Event()
        forwards.listen(lambda tunnel: twice.set() if tunnel.state == "up" and tunnel.restarts else None)
        await forwards.up([plan()])
        await asyncio.wait_for(twice.wait(), 30)
        await forwards.close()
        return heard

    heard = asyncio.run(main())
    states = list(dict.fromkeys(each.state for each in heard))
    assert states == ["connecting", "up", "waiting", "closed"]
    waiting = next(each for each in heard if each.retry_at is not None)
    assert "stopped answering" in waiting.reason
    assert waiting.exit_status == 255
    assert waiting.said == ("Timeout, server 10.0.0.1 not responding.",)
    last_up = [each for each in heard if each.state == "up"][-1]
    assert (last_up.restarts, last_up.reason) == (1, "")
    assert list((tmp_path / "state").glob("**/*.json")) == []


def test_what_changes_in_the_configuration_is_followed(tmp_path: Path) -> None:
    async def main() -> None:
        forwards, _ = forwards_with(tmp_path, STANDS + "exec sleep 300\n")
        await forwards.up([plan()])
        assert (await forwards.settled("reverse:local-1")).state == "up"
        await forwards.follow([plan()])
        first = forwards.tunnels[0].ssh_pid
        assert first is not None
        await forwards.follow([plan("another")])
        assert (await forwards.settled("reverse:local-1")).ssh_pid != first
        await forwards.follow([])
        assert forwards.tunnels == ()
        assert not lives(first)
        await forwards.close()

    asyncio.run(main())


def test_an_error_of_our_own_is_not_shown_as_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise ZeroDivisionError("quite unforeseen")

    monkeypatch.setattr("console.services.forwards.keeper.look_at_ports", fails)

    async def main() -> KeptTunnel:
        forwards, _ = forwards_with(tmp_path, STANDS)
        await forwards.up([plan()])
        tunnel = await forwards.settled("reverse:local-1")
        await forwards.close()
        return tunnel

    tunnel = asyncio.run(main())
    assert tunnel.state == "given-up"
    assert "ZeroDivisionError: quite unforeseen" in tunnel.reason


def test_a_write_under_way_does_not_bring_the_record_back(tmp_path: Path) -> None:
    """Its thread outlives the task that is cancelled: once it wrote after the record was removed."""

    class SlowState(StateFolder):
        def write(self, content: bytes, *parts: str) -> Path:
            writing.set()
            time.sleep(0.3)
            return super().write(content, *parts)

    writing = threading.Event()

    async def main() -> None:
        forwards_with(tmp_path, "exit 255\n")  # for its ssh
        environ = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
        forwards = Forwards(SlowState(tmp_path / "slow"), environ)
        await forwards.up([plan()])
        await asyncio.to_thread(writing.wait, 30)
        await forwards.close()
        await asyncio.sleep(0.6)  # twice as long as the write that must not come any more

    asyncio.run(main())
    assert [path for path in (tmp_path / "slow").glob("**/*") if path.is_file()] == []
