"""The rendered files carry a real topology: computers, tunnels, sshd, Prometheus and the console, in namespaces."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.live.topology import unshare_command, why_not_permitted

SCENARIO = Path(__file__).with_name("deploy_scenario.py")
NEEDED = {
    "ip": "iproute2",
    "unshare": "util-linux",
    "ssh": "openssh-client",
    "/usr/sbin/sshd": "openssh-server",
    "prometheus": "prometheus",
    "promtool": "prometheus",
}


@pytest.mark.live
def test_the_rendered_topology_works_breaks_and_mends(program, tmp_path):
    for name, package in NEEDED.items():
        program(name, package)
    if reason := why_not_permitted():
        pytest.skip(f"not permitted: network namespaces: {reason}")
    options = ("-q", "-x", "-p", "no:cacheprovider", f"--basetemp={tmp_path}/t", f"--rootdir={SCENARIO.parents[2]}")
    command = [*unshare_command(), sys.executable, "-m", "pytest", *options, str(SCENARIO)]
    searched = [str(SCENARIO.parents[2]), *filter(None, [os.environ.get("PYTHONPATH")])]
    environ = os.environ | {"PYTHONPATH": os.pathsep.join(searched)}
    ran = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=270, check=False)
    assert ran.returncode == 0, ran.stdout[-6000:] + ran.stderr[-2000:]
    assert "8 passed" in ran.stdout
