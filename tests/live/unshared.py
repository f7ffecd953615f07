"""A scenario file run by pytest inside namespaces of its own, and what that needs of the machine and of who runs it."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
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
NOBODY = 65534
_AS_NOBODY = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")


def run_scenario(
    scenario: Path,
    folder: Path,
    program: Callable[[str, str], str],
    *choice: str,
    timeout_s: float,
    environ: Mapping[str, str] | None = None,
) -> "subprocess.CompletedProcess[str]":
    """Run a scenario file to its end; skip where the machine lacks or does not permit what it needs."""
    for name, package in NEEDED.items():
        program(name, package)
    if reason := why_not_permitted():
        pytest.skip(f"not permitted: network namespaces: {reason}")
    command = [*unshare_command(), *_pytest(sys.executable, scenario, folder), *choice]
    return _run(command, _environ() | dict(environ or {}), timeout_s)


def run_scenario_as_nobody(
    scenario: Path, folder: Path, program: Callable[[str, str], str], *choice: str, timeout_s: float
) -> "subprocess.CompletedProcess[str]":
    """The same as a user without privileges; ``folder`` is one that anybody may use."""
    if os.geteuid() != 0:
        pytest.skip("not permitted: the tests run without privileges already")
    for name, package in (NEEDED | {"setpriv": "util-linux"}).items():
        program(name, package)
    command = _nobody_command(folder)
    environ = _environ() | {"USER": "tester", "LOGNAME": "tester", "HOME": str(folder)}
    python = _readable_python(command, scenario, environ)
    return _run([*command, *_pytest(python, scenario, folder), *choice], environ, timeout_s)


def _pytest(python: str, scenario: Path, folder: Path) -> list[str]:
    options = ("-q", "-s", "--durations=20", "-p", "no:cacheprovider", f"--basetemp={folder}/t", f"--rootdir={ROOT}")
    return [python, "-m", "pytest", *options, str(scenario)]


def _environ() -> dict[str, str]:
    searched = [str(ROOT), *sys.path[1:], *filter(None, [os.environ.get("PYTHONPATH")])]
    return os.environ | {"PYTHONPATH": os.pathsep.join(searched), "PYTHONDONTWRITEBYTECODE": "1"}


def _run(command: Sequence[str], environ: Mapping[str, str], timeout_s: float) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=timeout_s, check=False)


def _nobody_command(folder: Path) -> list[str]:
    """Run a command as nobody, in namespaces in which that account is one that sshd lets in."""
    (folder / "passwd").write_text(f"tester:x:{NOBODY}:{NOBODY}::{folder}:/bin/sh\n")
    (folder / "shadow").write_text("tester:*:19000:0:99999:7:::\n")
    for name in ("passwd", "shadow"):
        (folder / name).chmod(0o644)
    mounts = f"mount --bind {folder}/passwd /etc/passwd && mount --bind {folder}/shadow /etc/shadow"
    namespaces = ["unshare", "-U", "--map-current-user", "--keep-caps", *unshare_command()[1:]]
    return [*_AS_NOBODY, *namespaces, "sh", "-c", f'{mounts} && exec "$@"', "sh"]


def _readable_python(command: Sequence[str], scenario: Path, environ: Mapping[str, str]) -> str:
    """Return a Python of this version that nobody may run, with all that it needs; skip where there is none.

    Root's own may lie where only root may go, and so may pytest, what it needs, and this tree.
    """
    system = f"/usr/bin/python{sys.version_info.major}.{sys.version_info.minor}"
    reads = f"import pytest, msgspec, httpx, psutil, console; open({str(scenario)!r}).close()"
    said = ""
    for python in (sys.executable, system):
        tried = _run([*command, python, "-c", reads], environ, 60)
        if tried.returncode == 0:
            return python
        said = (tried.stderr.strip().splitlines() or ["no reason given"])[-1]
    pytest.skip(f"not permitted: nobody has no user namespace, or may not read Python and this tree: {said}")
