"""Two clusters are nearly twice as fast as one: shown with files that take their time without needing a core."""

import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "jobs"))

from tests.benchmarks.scenes import median
from tests.unit.jobs.test_job_distribution import members_of, parameters, run

pytestmark = pytest.mark.bench

SPEED_UP_LEAST = 1.7
FILES, FILE_S, PAIRS = 600, 0.004, 3


def seconds(clusters):
    given = parameters(amount=FILES)
    members = members_of(given, *[{"pause_s": FILE_S}] * clusters)
    began_at = time.monotonic()
    run(given, members)
    assert all(member.files for member in members)
    return time.monotonic() - began_at


def test_two_clusters_overlap(figure):
    one, two = zip(*((seconds(1), seconds(2)) for _ in range(PAIRS)), strict=True)
    speed_up = median(one) / median(two)
    figure("two clusters against one, files of 4 ms that only wait", f"{speed_up:.2f} times as fast")
    assert speed_up >= SPEED_UP_LEAST
