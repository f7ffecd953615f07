"""Short forms of two benchmarks, as ratios, so that a busy machine does not matter; the long ones are `make bench`."""

import sys

import pytest

from tests.benchmarks.scenes import (
    NOWHERE,
    configuration,
    console,
    fakes,
    polls,
    raydeck,
    seconds_of,
    seconds_to_table,
    stalled,
    surroundings,
)
from tests.benchmarks.terminal import Terminal

pytestmark = pytest.mark.live

STALL_S = 4.0


def test_a_cold_start_is_a_fraction_of_ray_job_list_and_small(tmp_path, embedded_cluster):
    configuration(tmp_path, [NOWHERE])
    token = f"RAY_AUTH_TOKEN_PATH={embedded_cluster.spec.auth_token_file}"
    ray = [sys.executable, "-P", "-m", "ray.scripts.scripts", "job", "list"]
    listing = ["env", "RAY_AUTH_MODE=token", token, *ray, "--address", embedded_cluster.spec.dashboard]
    seconds_to_table(tmp_path)
    pairs = [(seconds_to_table(tmp_path), seconds_of(listing, tmp_path)) for _ in range(5)]
    # The fastest of each: whatever else runs on the machine can only make them slower. `make bench` holds the medians
    # to a third, on a quiet machine; here, beside other tests, only a start that grew to the double is caught.
    assert min(ours for (ours, _), _ in pairs) <= min(theirs for _, theirs in pairs) * 0.6
    assert max(peak for (_, peak), _ in pairs) < 120_000_000


def test_a_terminal_that_stalls_stops_nothing(tmp_path):
    with fakes(3) as heads:
        configuration(tmp_path, [head.url for head in heads])
        with console(tmp_path) as terminal:
            terminal.wait_for(lambda text: text.count("●") >= 3, 30)
            terminal.read_for(4)
            before = polls(heads)
            terminal.read_for(STALL_S)
            usual = polls(heads) - before
            asked, grown, came = stalled(terminal, heads, STALL_S)
            assert asked >= usual / 3
            assert grown < 4 * 1024**2
            assert 0 < len(came) < 120 * 36 * 24
            terminal.write("?")
            terminal.wait_for("ANYWHERE", 10)


def test_an_exported_size_does_not_hold_against_the_terminal_s_own(tmp_path):
    command = raydeck("--config", str(configuration(tmp_path, [NOWHERE])))
    exported = surroundings(tmp_path) | {"COLUMNS": "80", "LINES": "24"}
    with Terminal(command, columns=120, lines=36, env=exported) as terminal:
        terminal.wait_for(lambda text: "q quit" in text.splitlines()[-1], 30)
        assert max(len(line.rstrip()) for line in terminal.text().splitlines()) == 120
