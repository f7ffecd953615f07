"""Embedded clusters on real Ray: side by side, behind a token, and gone without a trace, whatever they were doing."""

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import httpx
import psutil
import pytest

from console.services.embedded import processes
from console.services.embedded.ports import block
from console.services.embedded.record import MARKER, Mark, Record
from console.services.embedded.registry import prometheus_url, read_records, running
from console.services.embedded.starter import up
from console.services.embedded.takedown import down
from console.services.state_folder import StateFolder
from tests.live.conftest import only_process

pytestmark = pytest.mark.live

DRIVER = "import ray, sys; ray.init(sys.argv[1]); print('CPUs', ray.cluster_resources()['CPU'])"

# A driver, an actor that has put a process of its own out of everybody's sight, and a replica that serves.
BUSY = """
import os, subprocess, sys, time, ray
from ray import serve
ray.init()
print("python", sys.executable, flush=True)
@ray.remote(num_cpus=0)
class Parent:
    def spawn(self):
        return subprocess.Popen(["sleep", "1000"], start_new_session=True, env={}).pid
parent = Parent.remote()
print("stray", ray.get(parent.spawn.remote()), flush=True)
@serve.deployment
class Answer:
    def __call__(self):
        return "served"
serve.start(http_options={"host": "127.0.0.1", "port": int(sys.argv[1])})
serve.run(Answer.bind(), route_prefix="/")
time.sleep(1000)
"""


def until(condition, timeout_s=60.0):
    deadline = time.monotonic() + timeout_s
    while not (value := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return value


def dashboard(spec):
    headers = {"Authorization": f"Bearer {spec.auth_token_file.read_text()}"}
    return httpx.Client(base_url=spec.dashboard, headers=headers, timeout=20)


def submit(spec, entrypoint):
    with dashboard(spec) as client:
        answer = client.post("/api/jobs/", json={"entrypoint": entrypoint}).raise_for_status()
        return answer.json()["submission_id"]


def log_line(spec, submission_id, begin):
    """The line of a job's log that begins with ``begin``, once it is there."""

    def look():
        job = client.get(f"/api/jobs/{submission_id}").json()
        lines = client.get(f"/api/jobs/{submission_id}/logs").json()["logs"].splitlines()
        assert job["status"] in {"PENDING", "RUNNING"} or any(line.startswith(begin) for line in lines), lines
        return next((line for line in lines if line.startswith(begin)), None)

    with dashboard(spec) as client:
        return until(look)


def serves(spec):
    try:
        return httpx.get(spec.serve, timeout=2).text == "served"
    except httpx.TransportError:
        return False


def busy(spec):
    """Make a cluster work, and return the mark of the stray."""
    script = spec.auth_token_file.with_name("busy.py")
    script.write_text(BUSY)
    job = submit(spec, f"python {script} {spec.serve_port}")
    assert log_line(spec, job, "python ") == f"python {sys.executable}"
    stray = processes.mark(int(log_line(spec, job, "stray ").split()[1]))
    assert stray is not None
    until(lambda: serves(spec))
    script.unlink()
    return stray


@pytest.fixture
def foreign_head():
    """A head that somebody else started on this machine."""
    folder = Path(tempfile.mkdtemp(prefix="f", dir="/tmp"))
    ports = block(25000)
    mark = processes.mark(os.getpid())
    record = Record(
        name="foreign", role="ray", phase="running", guard=Mark(0, 0.0), starter=mark, kept=False,
        marker=folder.name, folder=str(folder), ports=ports,
    )  # fmt: skip
    options = [
        f"--port={ports.gcs}", f"--dashboard-port={ports.dashboard}", f"--metrics-export-port={ports.metrics}",
        f"--ray-client-server-port={ports.client}", f"--dashboard-agent-listen-port={ports.agent_http}",
        f"--dashboard-agent-grpc-port={ports.agent_grpc}", f"--temp-dir={folder}", "--num-cpus=1",
        "--min-worker-port=0", "--max-worker-port=0",
    ]  # fmt: skip
    environ = os.environ | {MARKER: record.marker, "RAY_USAGE_STATS_ENABLED": "0"}
    command = [sys.executable, "-P", "-m", "ray.scripts.scripts", "start", "--head", *options]
    try:
        subprocess.run(command, env=environ, check=True, capture_output=True)
        yield f"http://127.0.0.1:{ports.dashboard}"
    finally:
        processes.end(lambda: processes.family(record))
        subprocess.run(["rm", "-rf", str(folder)], check=True)


def test_only_the_token_opens_the_dashboard(embedded_cluster):
    url = f"{embedded_cluster.spec.dashboard}/api/version"
    assert httpx.get(url).status_code == 401
    assert httpx.get(url, headers={"Authorization": "Bearer wrong"}).status_code == 403
    answer = httpx.get(url, headers={"Authorization": f"Bearer {embedded_cluster.token}"})
    assert answer.json()["session_name"].startswith("session_")
    assert embedded_cluster.spec.auth_token_file.stat().st_mode & 0o777 == 0o600


def test_two_run_side_by_side(two_embedded_clusters):
    sessions = set()
    for cluster in two_embedded_clusters:
        with dashboard(cluster.spec) as client:
            sessions.add(client.get("/api/version").json()["session_name"])
    assert len(sessions) == 2
    first, second = (cluster.record.ports for cluster in two_embedded_clusters)
    assert first != second
    assert [spec.name for spec in running(two_embedded_clusters[0].state)] == ["embedded-1", "embedded-2"]


# With the other tests that use Ray client: every cluster of a machine starts its client servers at port 23000.
@pytest.mark.xdist_group("test_clustering_job")
@pytest.mark.parametrize("way", ["client", "gcs"])
def test_drivers_get_in_with_the_token(embedded_cluster, way):
    address = f"ray://{embedded_cluster.spec.client}" if way == "client" else embedded_cluster.cluster.gcs
    driver = [sys.executable, "-P", "-c", DRIVER, address]
    for _ in range(2):  # the server that Ray forks for a client crashes at its start now and then, in gRPC
        ran = subprocess.run(
            driver, env=embedded_cluster.environ, capture_output=True, text=True, timeout=60, check=False
        )
        if "Starting Ray client server failed" not in ran.stderr:
            break
    assert "CPUs 6.0" in ran.stdout, ran.stderr


def test_a_raw_driver_without_the_token_is_refused(embedded_cluster):
    environ = {name: value for name, value in embedded_cluster.environ.items() if not name.startswith("RAY_AUTH")}
    environ |= {"HOME": "/nowhere", "RAY_NUM_REDIS_GET_RETRIES": "1"}
    driver = [sys.executable, "-P", "-c", DRIVER, embedded_cluster.cluster.gcs]
    ran = subprocess.run(driver, env=environ, capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode != 0
    assert "Authentication token is missing or incorrect" in ran.stderr
    assert "CPUs" not in ran.stdout


def test_prometheus_scrapes_each_cluster_under_its_name(embedded_cluster, program):
    program("prometheus", "prometheus")
    url = prometheus_url(embedded_cluster.state)
    query = {"query": 'ray_node_cpu_count{ray_cluster="embedded-1"}'}

    def figures():
        return httpx.get(f"{url}/api/v1/query", params=query).json()["data"]["result"]

    assert len(until(figures)) == 1
    assert running(embedded_cluster.state)[0].series == {"ray_cluster": "embedded-1"}


def test_up_twice_then_down_from_the_middle_of_work_beside_a_foreign_head(tmp_path, foreign_head, assert_gone):
    state, told = StateFolder(tmp_path / "raydeck"), []
    (cluster,) = asyncio.run(up(state, 1, 6, told.append))
    (again,) = asyncio.run(up(state, 1, 6, told.append))
    assert again.found
    assert again.spec.dashboard == cluster.spec.dashboard
    assert "embedded-1: runs already" in told
    stray = busy(cluster.spec)
    records = read_records(state)
    asyncio.run(down(state, told.append))
    assert_gone(records, state)
    assert processes.find(stray) is None
    assert httpx.get(f"{foreign_head}/api/version").status_code == 200


def test_down_finds_everything_after_raylet_and_guard_were_killed(tmp_path, assert_gone):
    state = StateFolder(tmp_path / "raydeck")
    (cluster,) = asyncio.run(up(state, 1, 6, [].append))
    stray = busy(cluster.spec)
    record = next(r for r in read_records(state) if r.role == "ray")
    until(lambda: any(known.pid == stray.pid for known in read_records(state)[-1].processes))
    raylet = only_process(processes.family(record), lambda process: process.name() == "raylet")
    os.kill(record.guard.pid, signal.SIGKILL)
    raylet.kill()
    records = read_records(state)
    assert processes.find(stray)
    asyncio.run(down(state, [].append))
    assert_gone(records, state)
    assert processes.find(stray) is None


STARTER = """
import asyncio, sys, time
from pathlib import Path
from console.services.embedded.starter import Starter
from console.services.state_folder import StateFolder
starter = Starter(StateFolder(Path(sys.argv[1])), lambda text: None, keep=False)
asyncio.run(starter.up(1, 2))
time.sleep(60)
"""


def name_of(process):
    """The name of a process, none of one that has ended by now."""
    with suppress(psutil.Error):
        return process.name()
    return ""


@pytest.mark.parametrize("moment", ["record", "raylet", "running"])
def test_a_killed_starter_leaves_nothing(tmp_path, assert_gone, moment):
    state = StateFolder(tmp_path / "raydeck")

    def reached():
        for record in read_records(state):
            names = {name_of(process) for process in processes.family(record)}
            if record.role == "ray" and moment in {"record", record.phase, *names}:
                return read_records(state)
        return ()

    with subprocess.Popen([sys.executable, "-c", STARTER, str(state.path)]) as child:
        records = until(reached)
        guards = psutil.Process(child.pid).children()  # one of them may have its record still to write
        child.kill()
    assert psutil.wait_procs(guards, timeout=60)[1] == []
    until(lambda: list(state.path.glob("**/*")) == [])
    until(lambda: not any(processes.find(record.guard) for record in records))
    assert_gone(records, state)
