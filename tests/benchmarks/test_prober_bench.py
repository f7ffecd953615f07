"""All probes of 25 tunnels, five of them hung: what it costs, and that hung ones delay nobody."""

from pathlib import Path

import pytest

from tests.live.unshared import run_scenario


@pytest.mark.bench
@pytest.mark.timeout(400)
def test_twenty_five_tunnels_of_which_five_hang(program, tmp_path):
    scenario = Path(__file__).with_name("prober_scenario.py")
    ran = run_scenario(scenario, tmp_path, program, timeout_s=300)
    figures = [line for line in ran.stdout.splitlines() if "of a core" in line]
    print("\n" + "\n".join(figures))
    assert ran.returncode == 0, ran.stdout[-6000:]
    assert figures
