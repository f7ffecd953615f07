"""Guards around small real programs: what they start ends with them, whatever happens to whom.

The guarded program stands in for Prometheus: it answers ``/-/ready`` and leaves a process behind that has a session
of its own, an environment without the marker, and no parent.
"""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from console.errors import EmbeddedError
from console.services.embedded import processes
from console.services.embedded.ports import port_is_free
from console.services.embedded.record import FOLDER, MARKER, Mark, Record
from console.services.embedded.registry import prometheus_url, read_records
from console.services.embedded.starter import Starter
from console.services.embedded.takedown import down
from console.services.state_folder import StateFolder

SERVER = f"""#!{sys.executable}
import http.server, os, subprocess, sys
port = int(next(a for a in sys.argv if "listen-address" in a).rpartition(":")[2])
class Ready(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers()
stray = "(exec -a ray::Stray setsid sleep 300) &"
subprocess.run(["bash", "-c", stray], env={{"PATH": os.environ["PATH"]}})
http.server.HTTPServer(("127.0.0.1", port), Ready).serve_forever()
"""


@pytest.fixture
def state(tmp_path):
    return StateFolder(tmp_path / "state")


@pytest.fixture
def environ(tmp_path):
    program = tmp_path / "prometheus"
    program.write_text(SERVER)
    program.chmod(0o755)
    return os.environ | {"PROMETHEUS_BIN": str(program)}


def starter(state, environ, keep, told=None):
    return Starter(state, (told if told is not None else []).append, keep=keep, environ=environ)


def until(condition, timeout_s=60.0):
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def gone(records):
    return all(processes.find(r.guard) is None and processes.family(r) == [] for r in records)


def assert_no_trace(state, records):
    assert gone(records)
    assert list(state.path.glob("**/*")) == []
    assert not any(Path(r.folder).exists() for r in records)
    assert all(port_is_free(r.ports.dashboard) for r in records)


def up(state, environ, keep=True):
    asyncio.run(starter(state, environ, keep).up(0))
    (record,) = read_records(state)
    until(lambda: len(processes.family(record)) == 2)
    return record


def test_what_was_handed_over_lives_until_down(state, environ):
    record = up(state, environ)
    assert (record.phase, record.role) == ("running", "prometheus")
    assert prometheus_url(state) == f"http://127.0.0.1:{record.ports.dashboard}"
    until(lambda: read_records(state)[0].starter is None)
    assert asyncio.run(down(state, [].append)) == ["prometheus-1"]
    assert_no_trace(state, [record])


def test_up_twice_starts_nothing_twice(state, environ):
    record, told = up(state, environ), []
    asyncio.run(starter(state, environ, True, told).up(0))
    assert told == ["prometheus-1: runs already"]
    assert [r.guard for r in read_records(state)] == [record.guard]
    asyncio.run(down(state, [].append))


def test_down_ends_the_family_of_a_killed_guard(state, environ):
    record = up(state, environ)
    until(lambda: len(read_records(state)[0].processes) == 2)
    os.kill(record.guard.pid, signal.SIGKILL)
    until(lambda: processes.find(record.guard) is None)
    assert processes.family(read_records(state)[0])
    asyncio.run(down(state, [].append))
    assert_no_trace(state, [record])


def test_a_console_takes_its_own_down_and_down_leaves_them_to_it(state, environ):
    async def main():
        told = []
        async with starter(state, environ, False) as owner:
            await owner.up(0)
            records = read_records(state)
            assert await down(state, told.append) == []
            assert prometheus_url(state)
        return records, told

    records, told = asyncio.run(main())
    assert told == [f"prometheus-1: belongs to the console with pid {os.getpid()} and ends with it"]
    assert_no_trace(state, records)


@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize("moment_s", [0.0, 0.05, 0.15, 0.3, None])
def test_a_killed_starter_leaves_nothing(state, environ, keep, moment_s):
    """``None`` is the moment when all runs; a starter that was to hand over is killed in its last step then."""
    script = (
        "import asyncio, sys; from pathlib import Path; from console.services.embedded.starter import Starter;"
        "from console.services.state_folder import StateFolder; import console.services.embedded.spawn as s;"
        "say = lambda text: print(text, flush=True);"
        "s.SpawnedGuard.keep = lambda self: __import__('time').sleep(60);"
        "o = Starter(StateFolder(Path(sys.argv[1])), say, keep=bool(int(sys.argv[2])));"
        "asyncio.run(o.up(0)); say('done'); __import__('time').sleep(60)"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", script, str(state.path), str(int(keep))], env=environ, stdout=subprocess.PIPE, text=True
    )
    with child:
        for line in child.stdout:
            if "starting" in line if moment_s is not None else "up after" in line:
                break
        time.sleep(moment_s or 0.0)
        records = read_records(state)
        child.kill()
    until(lambda: list(state.path.glob("**/*")) == [])
    until(lambda: gone(records))
    assert_no_trace(state, records)


def test_a_program_that_ends_at_once_is_told_and_the_rest_goes_on(state, environ):
    Path(environ["PROMETHEUS_BIN"]).write_text("#!/bin/sh\necho no such flag >&2\nexit 3\n")
    told = []
    asyncio.run(starter(state, environ, True, told).up(0))
    assert "prometheus-1: ended with 3; no such flag" in told[-1]
    assert [p.name for p in state.at(FOLDER).iterdir()] == ["prometheus-1.log"]
    asyncio.run(down(state, [].append))
    assert list(state.path.glob("**/*")) == []


LATE = """
import os, subprocess
class Late(subprocess.Popen):
    def __init__(self, *arguments, **words):
        super().__init__(*arguments, **words)
        os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
subprocess.Popen = Late
"""


def test_a_program_that_ends_before_its_guard_looks_is_told(state, environ, tmp_path):
    """Once its end was collected by a Popen on its way to the garbage, and the guard waited 90 s for it."""
    Path(environ["PROMETHEUS_BIN"]).write_text("#!/bin/sh\nexit 3\n")
    (tmp_path / "sitecustomize.py").write_text(LATE)
    told = []
    asyncio.run(starter(state, environ | {"PYTHONPATH": str(tmp_path)}, True, told).up(0))
    assert "prometheus-1: ended with 3" in told[-1]


def test_another_program_on_the_chosen_port_moves_the_cluster(state, environ):
    told, held = [], []

    def progress(text):
        told.append(text)
        if "starting on" in text and not held:
            held.append(socket.create_server(("127.0.0.1", int(text.rpartition(":")[2]))))

    asyncio.run(Starter(state, progress, keep=True, environ=environ).up(0))
    (record,) = read_records(state)
    assert record.ports.dashboard != held[0].getsockname()[1]
    assert any("another program took one of its ports" in line for line in told)
    asyncio.run(down(state, [].append))
    held[0].close()


def test_two_ups_at_once_start_one(state, environ):
    async def main():
        await asyncio.gather(*(starter(state, environ, True).up(0) for _ in range(3)))

    asyncio.run(main())
    assert [record.name for record in read_records(state)] == ["prometheus-1"]
    asyncio.run(down(state, [].append))


def test_a_missing_ray_is_said_in_one_line(state, monkeypatch):
    monkeypatch.setattr("sys.path", [p for p in sys.path if "site-packages" not in p])
    with pytest.raises(EmbeddedError, match="Ray is not installed"):
        asyncio.run(starter(state, {"PATH": "/none"}, True).up(1))


def test_only_the_family_is_found_and_it_ends_even_if_it_does_not_want_to(tmp_path):
    (tmp_path / "f").mkdir()
    log = (tmp_path / "f" / "log").open("w")
    spawn = {
        "marked": (["bash", "-c", "trap '' TERM; sleep 300 & wait"], {MARKER: "mine"}, None),
        "titled": (["bash", "-c", "exec -a ray::IDLE sleep 300"], {}, log),
        "other mark": (["sleep", "300"], {MARKER: "other"}, None),
        "reader": (["tail", "-f", log.name], {}, log),
        "other ray": (["bash", "-c", "exec -a ray::IDLE sleep 300"], {}, None),
    }
    started = {
        what: subprocess.Popen(argv, env={"PATH": os.environ["PATH"], **env}, stdout=out or subprocess.DEVNULL)
        for what, (argv, env, out) in spawn.items()
    }
    record = Record(
        name="x", role="ray", phase="running", guard=Mark(2**22 + 1, 1.0), starter=None, kept=True, marker="mine",
        folder=str(tmp_path / "f"), ports=None,
    )  # fmt: skip
    try:
        until(lambda: len(processes.family(record)) == 3)  # the marked shell, its child, the titled one
        assert processes.end(lambda: processes.family(record), grace_s=0.3) == []
        survivors = {what for what, child in started.items() if child.poll() is None}
        assert survivors == {"other mark", "reader", "other ray"}
    finally:
        for child in started.values():
            with contextlib.suppress(psutil.Error):
                child.kill()
            child.wait()
