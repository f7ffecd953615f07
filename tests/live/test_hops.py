"""Each way in which a path breaks, provoked for real between hosts in namespaces: the right hop and the right hint."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp

import pytest

from tests.live.unshared import run_scenario, run_scenario_as_nobody

pytestmark = [pytest.mark.live, pytest.mark.xdist_group("hops")]
SCENARIO = Path(__file__).with_name("hops_scenario.py")
LEAST_SCENARIOS = 25
MOST_UNSETTLED = 6  # verdicts that a busy machine may delay, of all scenarios


@pytest.mark.timeout(900)
def test_every_break_is_named_with_what_mends_it(program, tmp_path):
    ran = run_scenario(SCENARIO, tmp_path, program, timeout_s=850)
    assert ran.returncode == 0, ran.stdout[-8000:] + ran.stderr[-2000:]
    at_once, later = (len(re.findall(each, ran.stdout)) for each in (r": right, ", r": right at attempt \d, "))
    print(ran.stdout)
    assert at_once + later >= LEAST_SCENARIOS, ran.stdout[-4000:]
    assert later <= MOST_UNSETTLED, ran.stdout[-4000:]
    assert ": WRONG, " not in ran.stdout


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """A folder that anybody may use, whoever runs the tests."""
    folder = Path(mkdtemp(prefix="raydeck-hops-", dir="/tmp"))
    folder.chmod(0o777)
    yield folder
    shutil.rmtree(folder)


@pytest.mark.timeout(300)
def test_a_few_of_them_for_a_user_without_privileges(program, short_folder):
    """The tests run as root here: as anybody else the test above is this one."""
    few = "first_broken and (whole or (tunnel and down) or (GatewayPorts and no))"
    ran = run_scenario_as_nobody(SCENARIO, short_folder, program, "-k", few, timeout_s=250)
    assert ran.returncode == 0, ran.stdout[-8000:] + ran.stderr[-2000:]
    assert "3 passed" in ran.stdout
