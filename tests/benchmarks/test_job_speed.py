"""The jobs against what a user would have without them: the tutorial's slow pattern, and an empty job."""

import json
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import httpx
import psutil
import pytest
from ray.job_submission import JobSubmissionClient

from console.bundles import bundled_folder, find_bundles, set_value
from console.services.embedded import processes
from console.services.output_fetch import FIRST_PAGE, SAMPLE_PAGES
from tests.benchmarks.scenes import median
from tests.live.conftest import LiveClusters

pytestmark = [pytest.mark.bench, pytest.mark.timeout(1200)]

HERE = Path(__file__).parent
JOBS = bundled_folder()
BUNDLE = find_bundles([JOBS])["parallel_processing"]
PAIRS = 5
READY_RATIO_MOST = 1.3
SPEED_UP_LEAST = 10
MEMORY_MOST_BYTES = 4e9
SLOW_PER_S, SLOW_MARGIN = 1_700, 0.3  # of the tutorial's pattern on two cores
SAMPLED = FIRST_PAGE * SAMPLE_PAGES


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """One cluster with 4 logical CPUs, for these benchmarks alone."""
    clusters = LiveClusters(tmp_path_factory.mktemp("state"))
    try:
        yield clusters.up(1, cpus=4)[0]
    finally:
        clusters.down()


def test_a_hundred_thousand_tuples_against_the_tutorials_pattern(cluster, figure):
    command = [sys.executable, HERE / "job_patterns.py", cluster.cluster.gcs, JOBS, "100000", str(PAIRS)]
    ended = subprocess.run(
        command, env=cluster.environ | {"PYTHONPATH": str(JOBS)}, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout.splitlines()[-1])
    ours, slow = median(found["ours_s"]), median(found["slow_s"])
    figure("tuples per second", f"{100_000 / ours:.0f}, the tutorial's pattern {100_000 / slow:.0f}")
    off = 100_000 / slow < SLOW_PER_S * (1 - SLOW_MARGIN) or 100_000 / slow > SLOW_PER_S * (1 + SLOW_MARGIN)
    figure("the tutorial's pattern is", f"{'not ' if off else ''}within 30 % of {SLOW_PER_S} tuples per second")
    figure("summaries that are the same both ways, to the last bit", f"{found['identical']} of {100_000 // 25}")
    figure("speed-up", f"{slow / ours:.1f}, pair by pair {[round(s / o, 1) for s, o in pairs(found)]}")
    assert found["identical"] == 100_000 // 25
    assert slow / ours >= SPEED_UP_LEAST


def pairs(found):
    return zip(found["slow_s"], found["ours_s"], strict=True)


def submission(cluster, command, folder):
    """Submit, named as raydeck names its jobs; return the client and the id."""
    client = JobSubmissionClient(cluster.spec.dashboard, headers={"Authorization": f"Bearer {cluster.token}"})
    environment, metadata = {"working_dir": str(folder), "excludes": ["__pycache__"]}, {"raydeck_job": BUNDLE.name}
    return client, client.submit_job(entrypoint=command, runtime_env=environment, metadata=metadata)


def seconds_until(cluster, command, folder, words):
    """Return how long it takes from the submission to ``words`` in the log; wait for the job's end."""
    began_at = time.monotonic()
    client, job = submission(cluster, command, folder)
    while words not in client.get_job_logs(job):
        assert not client.get_job_status(job).is_terminal() or words in client.get_job_logs(job)
        time.sleep(0.05)
    seconds = time.monotonic() - began_at
    while not client.get_job_status(job).is_terminal():
        time.sleep(0.1)
    return seconds


def published(cluster, amount=50):
    document = BUNDLE.defaults()
    set_value(document, "data-parameters.amount", amount)
    set_value(document, "process-parameters.serve-seconds", 1)
    set_value(document, BUNDLE.filled["serve-host"], cluster.spec.serve_host)
    set_value(document, BUNDLE.filled["serve-port"], cluster.spec.serve_port)
    return BUNDLE.command(document)


def test_the_published_run_is_ready_about_as_fast_as_an_empty_job(cluster, tmp_path, figure):
    (tmp_path / "empty_job.py").write_text((HERE / "empty_job.py").read_text())
    empty = f"python empty_job.py {cluster.spec.serve_host} {cluster.spec.serve_port}"
    runs = [(empty, tmp_path, "answered"), (published(cluster), JOBS, BUNDLE.output.ready)]
    for run in runs:  # both working dirs are uploaded, and Serve runs, before anything is measured
        seconds_until(cluster, *run)
    theirs, ours = zip(*([seconds_until(cluster, *run) for run in runs] for _ in range(PAIRS)), strict=True)
    figure("submission to ready", f"{median(ours):.2f} s, an empty job {median(theirs):.2f} s")
    assert median(ours) <= READY_RATIO_MOST * median(theirs)


def test_two_million_tuples_fit_and_are_paged(cluster, figure):
    memory = Memory(cluster)
    began_at = time.monotonic()
    command = published(cluster, 2_000_000).replace('"serve-seconds": 1', '"serve-seconds": 40')
    client, job = submission(cluster, command, JOBS)
    page = None
    while not client.get_job_status(job).is_terminal():
        memory.look()
        if page is None and BUNDLE.output.ready in client.get_job_logs(job):
            figure("2 000 000 tuples, submission to ready", f"{time.monotonic() - began_at:.1f} s")
            page = fetch(cluster, "/output?from=79990&count=20")
            figure("the whole document", f"{len(fetch(cluster, '/output')) / 1e6:.0f} MB")
            fetched_s, sampled = by_raydeck(cluster, job)
            figure("raydeck output", f"{sampled} summaries of 80 000, in pages, after {fetched_s:.1f} s")
        time.sleep(0.2)
    assert client.get_job_status(job) == "SUCCEEDED", client.get_job_logs(job)[-2000:]
    assert len(json.loads(page)["output"]) == 10
    assert sampled == SAMPLED
    figure("driver, object store, actors and replica at most", f"{memory.most_bytes / 1e9:.2f} GB")
    assert memory.most_bytes < MEMORY_MOST_BYTES


def fetch(cluster, route):
    return httpx.get(f"{cluster.spec.serve}{route}", timeout=60, trust_env=False).raise_for_status().content


def by_raydeck(cluster, job):
    """Return how long ``raydeck output`` takes for a large output, and how many summaries it had of it."""
    began_at = time.monotonic()
    command = [sys.executable, "-m", "console", "output", "--cluster", cluster.name, "--id", job, "--json"]
    ended = subprocess.run(command, env=cluster.environ, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return time.monotonic() - began_at, len(json.loads(ended.stdout)["output"])


class Memory:
    """What a cluster's processes use more than before; of shared pages, the object store's too, each has its part."""

    def __init__(self, cluster):
        self._record = cluster.record
        self._before = self._used_bytes()
        self.most_bytes = 0

    def look(self):
        self.most_bytes = max(self.most_bytes, self._used_bytes() - self._before)

    def _used_bytes(self):
        used = 0
        for process in processes.family(self._record):
            with suppress(psutil.Error):
                used += process.memory_full_info().pss
        return used
