"""A scenario file run by pytest inside namespaces of its own, and what that needs of the machine."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.live.topology import unshare_command, why_not_permitted

ROOT = Path(__file__).parents[2]
NEEDED = {
    "ip": "iproute2",
    "unshare": "util-linux",
    "ssh": "openssh-client",
    "/usr/sbin/sshd": "openssh-server",
    "iptables": "iptables",
}


def run_scenario(
    scenario: Path, folder: Path, program: Callable[[str, str], str], *, timeout_s: float, environ: Mapping[str, str]
) -> "subprocess.CompletedProcess[str]":
    """Run a scenario file to its end; skip where the machine lacks or does not permit what it needs."""
    for name, package in NEEDED.items():
        program(name, package)
    if reason := why_not_permitted():
        pytest.skip(f"not permitted: network namespaces: {reason}")
    options = ("-q", "-s", "-p", "no:cacheprovider", f"--basetemp={folder}/t", f"--rootdir={ROOT}")
    command = [*unshare_command(), sys.executable, "-m", "pytest", *options, str(scenario)]
    searched = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    own = {"PYTHONPATH": os.pathsep.join(searched)} | dict(environ)
    return subprocess.run(command, env=os.environ | own, capture_output=True, text=True, timeout=timeout_s, check=False)
