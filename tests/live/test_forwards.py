"""Kept forwards between hosts in network namespaces: cuts, moves, refusals, and nothing left running."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp

import pytest

from tests.live.unshared import run_scenario, run_scenario_as_nobody

pytestmark = [pytest.mark.live, pytest.mark.xdist_group("forwards"), pytest.mark.timeout(600)]
SCENARIO = Path(__file__).with_name("forwards_scenario.py")
PATIENCE_S = 550


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """A folder that anybody may use, whoever runs the tests."""
    folder = Path(mkdtemp(prefix="raydeck-forwards-", dir="/tmp"))
    folder.chmod(0o777)
    yield folder
    shutil.rmtree(folder)


def test_forwards_are_kept_open_and_given_up_and_leave_nothing(program, short_folder):
    ran = run_scenario(SCENARIO, short_folder, program, "-x", timeout_s=PATIENCE_S)
    assert ran.returncode == 0, ran.stdout[-6000:] + ran.stderr[-2000:]
    print(ran.stdout)
    assert "15 passed" in ran.stdout


def test_the_same_for_a_user_without_privileges(program, short_folder):
    """The tests run as root here: as anybody else the test above is this one."""
    few = ("-x", "-k", "killed_supervisor or taken_on_the_vm or 9")
    ran = run_scenario_as_nobody(SCENARIO, short_folder, program, *few, timeout_s=PATIENCE_S)
    assert ran.returncode == 0, ran.stdout[-6000:] + ran.stderr[-2000:]
    assert "3 passed" in ran.stdout
