"""Every break of a path twenty times: how many verdicts are wrong, and how long one takes.

``RAYDECK_ROUNDS`` makes it fewer at a time, for a machine that others need, too.
"""

import os
import re
from pathlib import Path

import pytest

from tests.live.unshared import run_scenario

ROUNDS = int(os.environ.get("RAYDECK_ROUNDS", "20"))
SCENARIO = Path(__file__).parents[1] / "live" / "hops_scenario.py"
_LINE = re.compile(r"^\.?F?(?P<name>[^:\n]+): (?P<verdict>right|WRONG), (?P<asked_s>[\d.]+) s", re.MULTILINE)


@pytest.mark.bench
@pytest.mark.timeout(7200)
def test_twenty_rounds_of_every_break(program, tmp_path):
    ran = run_scenario(
        SCENARIO, tmp_path, program, timeout_s=7000, environ={"RAYDECK_ROUNDS": str(ROUNDS), "RAYDECK_SEEN_S": "5"}
    )
    print(ran.stdout)
    found = _LINE.findall(ran.stdout)
    wrong = [name for name, verdict, _ in found if verdict == "WRONG"]
    slowest = max(((float(asked_s), name) for name, _, asked_s in found), default=(0.0, "none"))
    print(f"\n{len(found)} verdicts, {len(wrong)} wrong {wrong}; the slowest took {slowest[0]} s: {slowest[1]}")
    seen = [float(each) for each in re.findall(r"seen after ([\d.]+) s", ran.stdout)]
    mended = [float(each) for each in re.findall(r"repair after ([\d.]+) s", ran.stdout)]
    print(f"breaks on the row after at most {max(seen)} s, repairs after at most {max(mended)} s")
    assert ran.returncode == 0, ran.stdout[-6000:]
    assert len(found) >= 25 * ROUNDS
    assert not wrong
