"""The job parallel_clustering on three real clusters: all well, one absent, killed or hung, a stop, bad values."""

import json
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from ray.job_submission import JobSubmissionClient

sys.path.insert(0, str(Path(__file__).parents[2] / "jobs"))

from pipeline.balancing import balanced, descending, load_of
from pipeline.figures import FIELDS, batch_figures
from pipeline.files import cut, deal, generated_files

from console.bundles import bundled_folder, find_bundles, set_value
from console.model.output import decode_marked_line, parse_output
from console.services.embedded import processes
from tests.live.conftest import LiveClusters
from tests.live.test_processing_job import Run

pytestmark = pytest.mark.live

BUNDLE = find_bundles([bundled_folder()])["parallel_clustering"]
GETS = "Cluster 1 gets"
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


def rows_of(files, before=(0, 0)):
    """A plain recomputation of what a cluster makes of a share: figures by worker and batch."""
    return {
        (worker + 1, before[worker] + number): batch_figures(batch)
        for worker, hand in enumerate(deal(files, 2))
        for number, batch in enumerate(cut(hand, 5), start=1)
    }


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


def until(condition, timeout_s=15):
    give_up_at = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < give_up_at
        time.sleep(0.2)


def dealt_again(amount, clusters, lost):
    """The files of each cluster that is left: its own, and what the rule gives it of those of ``lost``."""
    values = BUNDLE.defaults()["data-parameters"]
    weights = [cluster.weight for cluster in clusters.values()]
    first = balanced(files_of(amount, values), weights, [0] * len(weights))
    left = [place for place in range(len(weights)) if place != lost]
    loads = [load_of(first[place]) for place in left]
    again = balanced(first[lost], [weights[place] for place in left], loads)
    return {str(place): (first[place], more) for place, more in zip(left, again, strict=True)}


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
    assert sum(weights) == pytest.approx(1)
    assert all(0.3 < weight < 0.37 for weight in weights)  # equal CPUs, and no GPU anywhere, which counts nothing
    shares = balanced(files_of(400, BUNDLE.defaults()["data-parameters"]), weights, [0, 0, 0])
    for cluster, files in zip(clusters.values(), shares, strict=True):
        assert cluster.files == len(files)
        assert figures_of(cluster) == rows_of(files)


def test_one_absent_keeps_its_number_and_pages_make_up_the_whole(three, start):
    run = start(["127.0.0.1:1", *addresses(three[1])], serve_s=60, **{"tuple-batch": 1, "stats-batch": 10})
    run.until("is ready at", 120)
    whole = run.get("/output")
    clusters = parse_output(whole.content).clusters
    assert list(clusters) == ["0", "1", "2"]
    assert (clusters["1"].data, clusters["1"].weight) == ((), None)
    assert "Connection refused" in clusters["1"].error
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


def test_a_killed_cluster_loses_nothing(three, start):
    run = start(addresses(*three[1:]))
    run.until(GETS, 120)
    three[2].kill_head()
    clusters = succeeded(run)
    assert clusters["2"].data == ()
    assert clusters["2"].error
    check_dealt_again(run, clusters, 2)


def test_a_hung_cluster_is_given_up_and_its_files_are_dealt_again(three, start):
    run = start(addresses(three[1]), timeout_s=25)
    run.until(GETS, 120)
    stopped = processes.family(three[1].record)
    try:
        for process in stopped:
            with suppress(psutil.Error):
                process.suspend()
        clusters = succeeded(run)
    finally:
        for process in stopped:
            with suppress(psutil.Error):
                process.resume()
    assert (clusters["1"].data, clusters["1"].error) == ((), "no answer for 25 s")
    check_dealt_again(run, clusters, 1)


def check_dealt_again(run, clusters, lost):
    again = dealt_again(400, clusters, lost)
    assert again
    assert f"Dealing its {400 - sum(len(first) for first, _ in again.values())} files again" in run.lines
    for number, (first, more) in again.items():
        before = [-(-len(hand) // 5) for hand in deal(first, 2)]
        assert figures_of(clusters[number]) == rows_of(first) | rows_of(more, before)
