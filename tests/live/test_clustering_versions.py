"""parallel_clustering with a cluster of another Ray: refused by name and number, and left out when it is forced.

``make compat`` does so with a head of another Ray: ``RAYDECK_OTHER_RAY`` is a Python that has raydeck and another
version of Ray. Elsewhere a cluster has a second Ray client server, which says that it is another version.
"""

import json
import os
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from importlib.metadata import version
from pathlib import Path

import psutil
import pytest

from console.model.output import parse_output
from console.services.embedded import processes
from console.services.embedded.ports import port_is_free
from tests.live.conftest import only_process
from tests.live.measured import check_figures

pytestmark = pytest.mark.live

OTHER = os.environ.get("RAYDECK_OTHER_RAY", "")
READ_VERSION = "from importlib.metadata import version; print(version('ray'))"
SAYS_ANOTHER_VERSION = """
from ray.util.client.server.dataservicer import DataServicer
build = DataServicer._build_connection_response
def build_another(servicer):
    answer = build(servicer)
    answer.ray_version = "2.1.0"
    return answer
DataServicer._build_connection_response = build_another

from ray.util.client.server.proxier import RayletServicerProxy
def loudly(name):
    call = getattr(RayletServicerProxy, name)
    def called(servicer, request, context=None):
        print("something is sent:", name, flush=True)
        return call(servicer, request, context)
    setattr(RayletServicerProxy, name, called)
loudly("KVExists")
loudly("KVPut")
"""


@contextmanager
def second_client_server(cluster, folder):
    """Start another Ray client server of ``cluster``, of another version; give its port and the file of its log."""
    words = {"ray.util.client.server", "--mode=proxy"}
    first = only_process(processes.family(cluster.record), lambda process: words < set(process.cmdline()))
    port = next(port for port in range(29100, 29900) if port_is_free(port))
    command = [f"--port={port}" if word.startswith("--port=") else word for word in first.cmdline()]
    (folder / "sitecustomize.py").write_text(SAYS_ANOTHER_VERSION)
    log = folder / "log"
    with (
        log.open("wb") as to,
        subprocess.Popen(command, env=first.environ() | {"PYTHONPATH": str(folder)}, stdout=to, stderr=to) as server,
    ):
        try:
            while port_is_free(port):
                assert server.poll() is None, log.read_text()
                time.sleep(0.05)
            yield port, log
        finally:
            family = [*psutil.Process(server.pid).children(recursive=True), psutil.Process(server.pid)]
            for process in family:
                with suppress(psutil.NoSuchProcess):
                    process.terminate()


CONNECT = """
import sys
sys.path.insert(0, sys.argv[2])
from pipeline.errors import JobError
from pipeline.far_cluster import TURN_S, FarCluster
from pipeline.turn import Turn
from tests.unit.jobs.test_job_distribution import parameters
cluster = FarCluster(sys.argv[1], parameters(), Turn(TURN_S))
try:
    print(cluster.connect())
except JobError as error:
    print(error)
cluster.close()
"""


# With the other tests that use Ray client: every cluster of a machine starts its client servers at port 23000.
@pytest.mark.xdist_group("test_clustering_job")
def test_another_version_is_refused_with_both_named_before_anything_is_sent(embedded_cluster, tmp_path):
    root = Path(__file__).parents[2]
    environ = embedded_cluster.environ | {"PYTHONPATH": str(root)}
    with second_client_server(embedded_cluster, tmp_path) as (port, log):
        command = [sys.executable, "-c", CONNECT, f"127.0.0.1:{port}", str(root / "jobs")]
        ended = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=120, check=False)
        assert "2.1.0" in ended.stdout, ended.stdout + ended.stderr
        assert version("ray") in ended.stdout
        assert "something is sent" not in log.read_text()


def raydeck(python, environ, *words):
    command = [python, "-P", "-m", "console", *words]
    environ |= {"PYTHONPATH": str(Path(__file__).parents[2])}
    return subprocess.run(command, env=environ, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def two_rays(tmp_path_factory):
    """The environment of a state folder with two clusters: the first runs the other, newer Ray, the second ours.

    In this order, because a Ray before 2.52 knows no tokens: it takes them from a newer driver, but sends none.
    """
    home = tmp_path_factory.mktemp("state")
    environ = os.environ | {"XDG_STATE_HOME": str(home)}
    try:
        for python, count in ((OTHER, "1"), (sys.executable, "2")):
            started = raydeck(python, environ, "up", "--clusters", count, "--cpus", "4")
            assert started.returncode == 0, started.stderr
        yield environ
    finally:
        assert raydeck(sys.executable, environ, "down").returncode == 0


if OTHER:

    def test_another_ray_is_refused_with_both_versions_and_left_out_when_forced(two_rays):
        theirs = subprocess.run([OTHER, "-c", READ_VERSION], capture_output=True, text=True, check=True).stdout.strip()
        words = ["submit", "parallel_clustering", "--cluster", "embedded-1", "--with", "embedded-2"]
        words += ["--set", "process-parameters.serve-seconds=1", "--wait", "--json"]
        refused = raydeck(sys.executable, two_rays, *words)
        assert refused.returncode == 1
        assert f"Ray {version('ray')} there and {theirs} on embedded-1" in refused.stderr
        forced = raydeck(sys.executable, two_rays, *words, "--force")
        assert forced.returncode == 0, forced.stderr
        clusters = parse_output(Path(json.loads(forced.stdout)["output"]).read_bytes()).clusters
        assert (clusters["0"].error, clusters["0"].files) == (None, 400)
        assert clusters["1"].data == ()
        assert theirs in clusters["1"].error
        assert version("ray") in clusters["1"].error

    def test_figures_of_both_rays_are_what_prometheus_answers(two_rays, program, tmp_path):
        program("prometheus", "prometheus")
        check_figures(two_rays, tmp_path, ("embedded-1", "embedded-2"))
