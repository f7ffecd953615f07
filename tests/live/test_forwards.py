"""Kept forwards between hosts in network namespaces: cuts, moves, refusals, and nothing left running."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp

import pytest

from tests.live.topology import unshare_command, why_not_permitted

pytestmark = [pytest.mark.live, pytest.mark.xdist_group("forwards")]
SCENARIO = Path(__file__).with_name("forwards_scenario.py")
NEEDED = {"ip": "iproute2", "unshare": "util-linux", "ssh": "openssh-client", "/usr/sbin/sshd": "openssh-server"}
NOBODY = 65534
AS_NOBODY = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """A folder that anybody may use, whoever runs the tests."""
    folder = Path(mkdtemp(prefix="raydeck-forwards-", dir="/tmp"))
    folder.chmod(0o777)
    yield folder
    shutil.rmtree(folder)


def run_scenario(
    command: list[str], folder: Path, *choice: str, python: str = sys.executable
) -> subprocess.CompletedProcess[str]:
    options = (
        "-q",
        "-x",
        "--durations=20",
        "-p",
        "no:cacheprovider",
        f"--basetemp={folder}/t",
        f"--rootdir={SCENARIO.parents[2]}",
    )
    searched = [str(SCENARIO.parents[2]), *sys.path[1:]]
    environ = os.environ | {"PYTHONPATH": os.pathsep.join(searched), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [*command, python, "-m", "pytest", *options, str(SCENARIO), *choice],
        env=environ, capture_output=True, text=True, timeout=290, check=False,
    )  # fmt: skip


def test_forwards_are_kept_open_and_given_up_and_leave_nothing(program, short_folder):
    for name, package in NEEDED.items():
        program(name, package)
    if reason := why_not_permitted():
        pytest.skip(f"not permitted: network namespaces: {reason}")
    ran = run_scenario(unshare_command(), short_folder)
    assert ran.returncode == 0, ran.stdout[-6000:] + ran.stderr[-2000:]
    assert "14 passed" in ran.stdout


def nobody_command(folder: Path) -> list[str]:
    """Run a command as nobody, in namespaces in which that account is one that sshd lets in."""
    (folder / "passwd").write_text(f"tester:x:{NOBODY}:{NOBODY}::{folder}:/bin/sh\n")
    (folder / "shadow").write_text("tester:*:19000:0:99999:7:::\n")
    for name in ("passwd", "shadow"):
        (folder / name).chmod(0o644)
    mounts = f"mount --bind {folder}/passwd /etc/passwd && mount --bind {folder}/shadow /etc/shadow"
    namespaces = ["unshare", "-U", "--map-current-user", "--keep-caps", *unshare_command()[1:]]
    return [*AS_NOBODY, *namespaces, "sh", "-c", f'{mounts} && exec "$@"', "sh"]


def readable_python(command: list[str]) -> str | None:
    """The path of a Python of this version that nobody may run: root's own may lie where only root may go."""
    system = f"/usr/bin/python{sys.version_info.major}.{sys.version_info.minor}"
    for python in (sys.executable, system):
        tried = subprocess.run([*command, python, "-c", ""], capture_output=True, timeout=60, check=False)
        if tried.returncode == 0:
            return python
    return None


def test_the_same_for_a_user_without_privileges(program, short_folder):
    """The tests run as root here: as anybody else the test above is this one."""
    if os.geteuid() != 0:
        pytest.skip("not permitted: the tests run without privileges already")
    program("setpriv", "util-linux")
    command = nobody_command(short_folder)
    python = readable_python(command)
    if python is None:
        pytest.skip("not permitted: no user namespace for nobody, or no Python that nobody may run")
    ran = run_scenario(command, short_folder, "-k", "killed_supervisor or taken_on_the_vm or 9", python=python)
    assert ran.returncode == 0, ran.stdout[-6000:] + ran.stderr[-2000:]
    assert "3 passed" in ran.stdout
