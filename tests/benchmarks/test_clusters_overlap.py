"""Two clusters are nearly twice as fast as one: two real ones where there are cores for both, else a simulation.

The simulation's files take their time without needing a core, so it shows that clusters overlap, and nothing more.
"""

import os
import sys
import time
from pathlib import Path

import pytest
from ray.job_submission import JobSubmissionClient

sys.path.insert(0, str(Path(__file__).parents[2] / "jobs"))

from console.bundles import bundled_folder, find_bundles, set_value
from console.model.output import decode_marked_line, parse_output
from tests.benchmarks.scenes import median
from tests.live.conftest import LiveClusters
from tests.live.test_processing_job import Run
from tests.unit.jobs.test_job_distribution import members_of, parameters, run

pytestmark = [pytest.mark.bench, pytest.mark.timeout(900)]

BUNDLE = find_bundles([bundled_folder()])["parallel_clustering"]
SPEED_UP_LEAST = 1.7
PAIRS = 3
FILES, FILE_S = 600, 0.004
CORES_LEAST, CLUSTER_CPUS = 8, 4
DATA = {"amount": 1_000_000, "tuple-batch": 100, "stats-batch": 1000}


def seconds(clusters):
    given = parameters(amount=FILES)
    members = members_of(given, *[{"pause_s": FILE_S}] * clusters)
    began_at = time.monotonic()
    run(given, members)
    assert all(member.files for member in members)
    return time.monotonic() - began_at


def real_seconds(main, *others):
    """Return how long the slowest of real clusters was at work."""
    document = BUNDLE.defaults()
    values = {f"data-parameters.{key}": value for key, value in DATA.items()}
    values |= {BUNDLE.others.path: [other.spec.client for other in others], "process-parameters.serve-seconds": 1}
    values |= {BUNDLE.filled["serve-host"]: main.spec.serve_host, BUNDLE.filled["serve-port"]: main.spec.serve_port}
    for path, value in values.items():
        set_value(document, path, value)
    client = JobSubmissionClient(main.spec.dashboard, headers={"Authorization": f"Bearer {main.token}"})
    environment = {"working_dir": str(BUNDLE.folder), "excludes": ["__pycache__"]}
    job = Run(main, client, client.submit_job(entrypoint=BUNDLE.command(document), runtime_env=environment))
    assert job.until_ended(300) == "SUCCEEDED", job.log
    (line,) = (line for line in job.lines if "raydeck-output" in line)
    clusters = parse_output(decode_marked_line(line.encode())).clusters.values()
    assert [cluster.error for cluster in clusters] == [None] * (1 + len(others))
    return max(cluster.seconds for cluster in clusters)


def test_two_clusters_are_nearly_twice_as_fast_as_one(tmp_path, figure):
    cores = os.cpu_count() or 1
    if cores < CORES_LEAST:
        said, (one, two) = (
            f"simulated, for want of cores ({cores}): files that only wait",
            measured(seconds, (1,), (2,)),
        )
    else:
        clusters = LiveClusters(tmp_path / "state")
        try:
            clusters.up(1, cpus=CLUSTER_CPUS)
            both = clusters.up(2, cpus=CLUSTER_CPUS)
            said = "real, CPU-bound"
            one, two = measured(real_seconds, both[:1], both)
        finally:
            clusters.down()
    figure(f"two clusters against one, {said}", f"{one / two:.2f} times as fast")
    assert one / two >= SPEED_UP_LEAST


def measured(work, first, second):
    """Return the medians of both ways to call ``work``, in alternating pairs."""
    times = [(work(*first), work(*second)) for _ in range(PAIRS)]
    return tuple(median(each) for each in zip(*times, strict=True))
