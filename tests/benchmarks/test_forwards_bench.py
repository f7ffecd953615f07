"""A kept forward survives a hundred cuts of 1 to 10 s and moves to other addresses, and is back within 8 s of each.

A reverse one whose dead session still holds its port on the VM names that, and is back when that has been ended: by
sshd itself after a cut, by whoever follows the hint after a move.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp

import pytest

from tests.live.topology import unshare_command, why_not_permitted

ROOT = Path(__file__).parents[2]
BACK_WITHIN_S, GIVE_UP_S = 8.0, 60.0
pytestmark = [pytest.mark.bench, pytest.mark.timeout(600)]


@pytest.fixture
def short_folder() -> Iterator[Path]:
    folder = Path(mkdtemp(prefix="raydeck-cuts-", dir="/tmp"))
    yield folder
    shutil.rmtree(folder)


@pytest.mark.parametrize("direction", ["local", "reverse"])
def test_a_hundred_cuts_and_twenty_moves(short_folder: Path, direction: str) -> None:
    if reason := why_not_permitted():
        pytest.skip(f"not permitted: network namespaces: {reason}")
    command = [*unshare_command(), sys.executable, "-m", "tests.benchmarks.forwards_cuts", str(short_folder), direction]
    environ = os.environ | {"PYTHONPATH": str(ROOT)}
    ran = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=500, check=False)
    assert ran.returncode == 0, ran.stdout[-2000:] + ran.stderr[-4000:]
    found = json.loads(ran.stdout.splitlines()[-1])
    for what, count in (("cuts", 100), ("moves", 20)):
        times_s = sorted(back_s for back_s, _ in found[what])
        named_s = [back_s for back_s, is_named in found[what] if is_named]
        print(
            f"\n{count} {what} ({direction}): back after {statistics.median(times_s):.1f} s (median), "
            f"{times_s[int(count * 0.95)]:.1f} s (95 %), {times_s[-1]:.1f} s (worst); "
            f"a stale listener was named {len(named_s)} times"
        )
        assert len(times_s) == count
        assert times_s[-1] < GIVE_UP_S
        waited_for_sshd = named_s if (what, direction) == ("cuts", "reverse") else []
        assert max(set(times_s) - set(waited_for_sshd), default=0.0) <= BACK_WITHIN_S
