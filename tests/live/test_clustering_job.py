"""The job parallel_clustering on three real clusters: all well, some absent, killed or hung, a stop, bad values."""

import json
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psutil
import pytest
from ray.job_submission import JobSubmissionClient

sys.path.insert(0, str(Path(__file__).parents[2] / "jobs"))

from pipeline.balancing import balanced, descending, load_of
from pipeline.figures import batch_figures
from pipeline.files import FIELDS, cut, deal, generated_files
from pipeline.weights import cluster_weights

from console.bundles import bundled_folder, find_bundles, set_value
from console.model.output import decode_marked_line, parse_output
from console.services.embedded import processes
from tests.live.conftest import LiveClusters
from tests.live.test_processing_job import Run

pytestmark = pytest.mark.live

BUNDLE = find_bundles([bundled_folder()])["parallel_clustering"]
GETS = "Cluster 1 gets"
FREE = re.compile(r"Cluster \d .* has (\S+) CPUs, (\S+) GiB, (\S+) GPUs free; living nodes: 1")
RESOURCE_WEIGHTS = BUNDLE.defaults()["process-parameters"]["resource-weights"]
RECONNECT = {"RAY_CLIENT_RECONNECT_GRACE_PERIOD": "2"}  # Ray's 30 s help over a flapping line, here they only delay


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    """Three clusters of one state folder, so with one token; started one by one, so that two cores can bear it."""
    clusters = LiveClusters(tmp_path_factory.mktemp("state"))
    try:
        for count in (1, 2):
            clusters.up(count, cpus=4)
        yield clusters.up(3, cpus=4)
    finally:
        clusters.down()


@pytest.fixture
def start(three):
    """Submit to the first cluster; what a test leaves running is stopped."""
    runs = []

    def submit(urls, serve_s=1, timeout_s=120, **values):
        document = BUNDLE.defaults()
        set_value(document, BUNDLE.others.path, urls)
        set_value(document, "process-parameters.serve-seconds", serve_s)
        set_value(document, "process-parameters.cluster-timeout", timeout_s)
        set_value(document, BUNDLE.filled["serve-host"], three[0].spec.serve_host)
        set_value(document, BUNDLE.filled["serve-port"], three[0].spec.serve_port)
        for key, value in values.items():
            set_value(document, f"data-parameters.{key}", value)
        client = client_of(three[0])
        environment = {"working_dir": str(BUNDLE.folder), "excludes": ["__pycache__"], "env_vars": RECONNECT}
        job = client.submit_job(entrypoint=BUNDLE.command(document), runtime_env=environment)
        runs.append(Run(three[0], client, job))
        return runs[-1]

    yield submit
    for run in runs:
        run.stop()


def addresses(*clusters):
    return [cluster.spec.client for cluster in clusters]


def files_of(amount, values):
    return descending(generated_files(amount, values["lengths"], values["extensions"], values["priority"]))


def rows_of(*shares, tuple_batch=5):
    """A plain recomputation of what a cluster makes of its shares: figures by worker and batch."""
    rows, before = {}, [0, 0]
    for files in shares:
        for worker, hand in enumerate(deal(files, 2)):
            batches = cut(hand, tuple_batch)
            rows |= {(worker + 1, before[worker] + n): batch_figures(b) for n, b in enumerate(batches, start=1)}
            before[worker] += len(batches)
    return rows


def figures_of(cluster):
    """What the output of a cluster says, by worker and batch."""
    found = {}
    for row in cluster.data:
        for place, key in enumerate(zip(row.workers, row.batches, strict=True)):
            statistics = [getattr(row, field) for field in FIELDS]
            assert key not in found
            found[key] = tuple(f for s in statistics for f in (s.mean[place], s.variance[place]))
    return found


def output_of(run):
    (line,) = (line for line in run.lines if "raydeck-output" in line)
    return parse_output(decode_marked_line(line.encode())).clusters


def succeeded(run, timeout_s=120):
    assert run.until_ended(timeout_s) == "SUCCEEDED", run.log
    assert run.lines[-1] == "parallel_clustering succeeded"
    return output_of(run)


def connections(cluster):
    """The drivers that work on a cluster by Ray client; each holds its actors until it has ended."""
    return [job for job in client_of(cluster).list_jobs() if job.type == "DRIVER" and not job.status.is_terminal()]


def client_of(cluster):
    return JobSubmissionClient(cluster.spec.dashboard, headers={"Authorization": f"Bearer {cluster.token}"})


def until(condition, timeout_s=60):
    give_up_at = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < give_up_at
        time.sleep(0.2)


def shares_of(amount, weights, *lost):
    """The shares of each cluster that is left when clusters are lost in this order: the rule, and then again."""
    files = files_of(amount, BUNDLE.defaults()["data-parameters"])
    shares = {place: [share] for place, share in enumerate(balanced(files, weights, [0] * len(weights)))}
    for place in lost:
        files = descending(file for share in shares.pop(place) for file in share)
        loads = [sum(map(load_of, theirs)) for theirs in shares.values()]
        again = balanced(files, [weights[left] for left in shares], loads)
        for theirs, more in zip(shares.values(), again, strict=True):
            theirs.append(more)
    return shares


def test_three_clusters_make_what_the_rule_says_to_the_last_bit(three):
    names = ",".join(cluster.name for cluster in three[1:])
    command = [sys.executable, "-m", "console", "submit", "parallel_clustering", "--cluster", three[0].name]
    command += ["--with", names, "--set", "process-parameters.serve-seconds=1", "--wait", "--json", "--timeout", "200"]
    ended = subprocess.run(command, env=three[0].environ, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    clusters = parse_output(Path(json.loads(ended.stdout)["output"]).read_bytes()).clusters
    shutil.rmtree(three[0].state.at("outputs"))
    assert [c.url for c in clusters.values()] == ["Main", *(f"ray://{a}" for a in addresses(*three[1:]))]
    assert [(c.error, c.ray_version) for c in clusters.values()] == [(None, clusters["0"].ray_version)] * 3
    weights = [cluster.weight for cluster in clusters.values()]
    free = free_of(client_of(three[0]).get_job_logs(json.loads(ended.stdout)["submission_id"]))
    assert [cluster["GPU"] for cluster in free] == [0, 0, 0]
    without_gpus = {name: factor for name, factor in RESOURCE_WEIGHTS.items() if name != "GPU"}
    assert weights == pytest.approx(cluster_weights(free, without_gpus), abs=0.01)  # the log rounds the memory
    for cluster, files in zip(clusters.values(), shares_of(400, weights).values(), strict=True):
        assert cluster.files == sum(map(len, files))
        assert figures_of(cluster) == rows_of(*files)


def free_of(log):
    """What each cluster said that it has free."""
    return [dict(zip(("CPU", "RAM", "GPU"), map(float, found), strict=True)) for found in FREE.findall(log)]


def test_one_absent_and_one_named_twice_keep_their_numbers_and_pages_make_up_the_whole(three, start):
    """The main cluster, named again, gets no providers: with them it would have no room for its replica."""
    urls = ["127.0.0.1:1", *addresses(three[1], three[0])]
    run = start(urls, serve_s=60, **{"tuple-batch": 1, "stats-batch": 10})
    run.until("is ready at", 120)
    whole = run.get("/output")
    clusters = parse_output(whole.content).clusters
    assert list(clusters) == ["0", "1", "2", "3"]
    assert [(clusters[left_out].data, clusters[left_out].weight) for left_out in ("1", "3")] == [((), None)] * 2
    assert "Connection refused" in clusters["1"].error
    assert clusters["3"].error == "is the same cluster as cluster 0"
    assert clusters["0"].files + clusters["2"].files == 400
    total = int(whole.headers["raydeck-summaries"])
    assert total == sum(len(cluster.data) for cluster in clusters.values())
    pages = [run.get(f"/output?from={first}&count=15") for first in range(0, total, 15)]
    found = [row for page in pages for row in parse_output(page.content).summaries]
    assert found == list(parse_output(whole.content).summaries)
    assert len(parse_output(run.get(f"/output?from={total - 2}").content).summaries) == 2
    assert run.get("/output?from=-1").status_code == 422


def test_a_stopped_job_leaves_no_connection_behind(three, start):
    run = start(addresses(*three[1:]), amount=100_000)
    run.until(GETS, 120)
    assert all(connections(cluster) for cluster in three[1:])
    assert run.stop() == "STOPPED"
    until(lambda: not any(connections(cluster) for cluster in three[1:]))


def test_wrong_parameters_fail_with_one_line(start):
    run = start(["ray://127.0.0.1:10001"])
    assert run.until_ended() == "FAILED"
    _, failure = run.lines
    assert failure.startswith("parallel_clustering failed: process-parameters.cluster-urls: expected an address")


@contextmanager
def listening_too(host, port):
    """Something else that answers on a port, beside Serve where that runs already: Serve shares its ports."""

    class Server(ThreadingHTTPServer):
        def server_bind(self):
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            super().server_bind()

    with Server((host, port), BaseHTTPRequestHandler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield
        server.shutdown()


def test_a_job_that_cannot_serve_ends_with_that_and_leaves_no_connection_behind(three, start):
    with listening_too("127.0.0.1", three[0].spec.serve_port):
        run = start(addresses(three[1]), amount=1_000_000)
        assert run.until_ended(60) == "FAILED"
    assert run.lines[-1].startswith("parallel_clustering failed: process-parameters.serve-port:")
    until(lambda: not connections(three[1]))


def test_one_killed_and_one_hung_lose_nothing(three, start):
    """Each while it works on a share that takes seconds; what the hung one was given of the other's is dealt again."""
    data = {"amount": 150_000, "tuple-batch": 100, "stats-batch": 100}
    run = start(addresses(*three[1:]), timeout_s=40, **data)
    run.until(GETS, 120)
    with suspended(processes.family(three[1].record)):
        three[2].kill_head()
        clusters = succeeded(run, 200)
    assert (clusters["1"].data, clusters["1"].error) == ((), "no answer for 40 s")
    assert clusters["2"].data == ()
    assert clusters["2"].error
    weights = [cluster.weight for cluster in clusters.values()]
    (shares,) = shares_of(data["amount"], weights, 2, 1).values()
    assert figures_of(clusters["0"]) == rows_of(*shares, tuple_batch=data["tuple-batch"])
    lost = shares_of(data["amount"], weights)[2], shares_of(data["amount"], weights, 2)[1]
    told = [f"Dealing its {sum(map(len, theirs))} files again" for theirs in lost]
    assert [line for line in run.lines if line.startswith("Dealing its")] == told


@contextmanager
def suspended(stopped):
    try:
        for process in stopped:
            with suppress(psutil.Error):
                process.suspend()
        yield
    finally:
        for process in stopped:
            with suppress(psutil.Error):
                process.resume()
