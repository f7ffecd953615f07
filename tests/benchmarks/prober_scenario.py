"""What test_prober_bench.py runs in namespaces: 25 tunnels, 5 of them hung, walked for ever, with ssh to their VM."""

import asyncio
import os
import sys
import time
from collections import defaultdict
from itertools import pairwise

import psutil
import pytest

from console.model.portplan import SLOTS
from console.services.core import Core, Options
from tests.benchmarks.many_heads import HUNG
from tests.live.hops_lab import HopsLab

HEAD = '[ssh.vm]\nhost = "vm"\nprivate_ip = "{vm}"\nfloating_ip = "{vm}"\n'
ROW = (
    '[[clusters]]\nname = "local-{n}"\nkind = "local"\nreach = "forward"\ntunnel = {{ via = "vm", slot = {n} }}\n'
    'client = "local-{n}:1"\n'
)
SETTLED_S, MEASURED_S = 12.0, float(os.environ.get("RAYDECK_MEASURED_S", "40"))


@pytest.fixture(scope="module")
def console(tmp_path_factory):
    folder = tmp_path_factory.mktemp("p")
    lab = HopsLab(folder)
    lab.end_way_back()
    for number in (1, 2):  # the VM's own ports would lead elsewhere than the operator's, and that would be told
        lab.end_tunnel(number)
    lab.start("heads", "operator", sys.executable, "-m", "tests.benchmarks.many_heads")
    lab.listens("127.0.0.1:8325", True, "operator")
    rows = "".join(ROW.format(n=number) for number in range(1, SLOTS + 1))
    lab.config("many").write_text(HEAD.format(vm=lab.vm) + rows)
    core = Core(Options(lab.config("many"), False, {"XDG_STATE_HOME": str(folder / "state")}, folder))
    core.load()
    return core, lab


def seconds_of_processor(process):
    used = process.cpu_times()
    return used.user + used.system + used.children_user + used.children_system


def test_twenty_five_tunnels(console):
    core, lab = console
    rounds = defaultdict(list)

    async def measure():
        await core.begin()
        core.prober.listen(lambda checks: rounds[checks.cluster].append((time.monotonic(), checks.checked_at)))
        core.prober.begin()
        await asyncio.sleep(SETTLED_S)
        process, began = psutil.Process(), time.monotonic()
        used = seconds_of_processor(process)
        await asyncio.sleep(MEASURED_S)
        share = (seconds_of_processor(process) - used) / (time.monotonic() - began)
        lines = lab.lan.run("operator", "ss", "-Htn", "state", "established", "( dport = :22 )").stdout.splitlines()
        assert len(lines) == 1, lines  # all that is asked on the VM shares one connection
        states = {checks.cluster: (checks.ok, checks.total, checks.first_broken) for checks in core.prober.clusters}
        await core.close()
        return began, share, states

    began, share, states = asyncio.run(measure())
    hung = {f"local-{number}" for number in HUNG}
    gaps = {name: longest_gap(times, began) for name, times in rounds.items()}
    whole_s, hung_s = (max(gap for name, gap in gaps.items() if (name in hung) is wanted) for wanted in (False, True))
    print(
        f"25 tunnels, 5 hung: {share:.1%} of a core; longest between rounds: whole {whole_s:.2f} s, hung {hung_s:.2f} s"
    )
    assert {name for name, (ok, total, broken) in states.items() if broken is None and ok == total == 5} == {
        f"local-{number}" for number in range(1, SLOTS + 1)
    } - hung
    assert share < 0.10
    assert whole_s < 1.9  # 1.5 s of rest, and the walk itself on a busy machine
    assert hung_s < 4.9  # a walk of 3 s before it


def longest_gap(times, began):
    walked = sorted({checked_at for at, checked_at in times if at >= began})
    return max(later - earlier for earlier, later in pairwise(walked))
