"""parallel_clustering with a cluster of another Ray: refused by name and number, and left out when it is forced.

``RAYDECK_OTHER_RAY`` is a Python that has raydeck and another version of Ray; without it there is nothing to test.
"""

import json
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from console.model.output import parse_output
from tests.live.measured import check_figures

pytestmark = pytest.mark.live

OTHER = os.environ.get("RAYDECK_OTHER_RAY", "")
READ_VERSION = "from importlib.metadata import version; print(version('ray'))"


def raydeck(python, environ, *words):
    command = [python, "-P", "-m", "console", *words]
    environ |= {"PYTHONPATH": str(Path(__file__).parents[2])}
    return subprocess.run(command, env=environ, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def two_rays(tmp_path_factory):
    """The environment of a state folder with two clusters, of which the second runs the other Ray."""
    home = tmp_path_factory.mktemp("state")
    environ = os.environ | {"XDG_STATE_HOME": str(home)}
    try:
        for python, count in ((sys.executable, "1"), (OTHER, "2")):
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
        assert f"Ray {theirs} there and {version('ray')} on embedded-1" in refused.stderr
        forced = raydeck(sys.executable, two_rays, *words, "--force")
        assert forced.returncode == 0, forced.stderr
        clusters = parse_output(Path(json.loads(forced.stdout)["output"]).read_bytes()).clusters
        assert (clusters["0"].error, clusters["0"].files) == (None, 400)
        assert clusters["1"].data == ()
        told = clusters["1"].error
        # A Ray before 2.52 knows no tokens, and gets no answer from a newer one that asks for one.
        assert (theirs in told and version("ray") in told) or told == "no answer for 30 s"

    def test_figures_of_both_rays_are_what_prometheus_answers(two_rays, program, tmp_path):
        program("prometheus", "prometheus")
        check_figures(two_rays, tmp_path, ("embedded-1", "embedded-2"))
