"""Each way in which a path breaks, provoked for real between hosts in namespaces: the right hop and the right hint."""

import re
from pathlib import Path

import pytest

from tests.live.unshared import run_scenario

pytestmark = [pytest.mark.live, pytest.mark.xdist_group("hops")]
LEAST_SCENARIOS = 25
MOST_UNSETTLED = 6  # verdicts that a busy machine may delay, of all scenarios


@pytest.mark.timeout(900)
def test_every_break_is_named_with_what_mends_it(program, tmp_path):
    scenario = Path(__file__).with_name("hops_scenario.py")
    ran = run_scenario(scenario, tmp_path, program, timeout_s=850, environ={})
    assert ran.returncode == 0, ran.stdout[-8000:] + ran.stderr[-2000:]
    at_once, later = (len(re.findall(each, ran.stdout)) for each in (r": right, ", r": right at attempt \d, "))
    print(ran.stdout)
    assert at_once + later >= LEAST_SCENARIOS, ran.stdout[-4000:]
    assert later <= MOST_UNSETTLED, ran.stdout[-4000:]
    assert ": WRONG, " not in ran.stdout
