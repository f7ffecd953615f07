"""A terminal that takes nothing stops nothing, and what an idle console costs a slow line."""

import pytest

from tests.benchmarks.scenes import configuration, console, fakes, full_repaints, stalled

pytestmark = pytest.mark.bench

STALL_S = 30.0
TYPED = "T" * 28  # the other theme is a whole frame: frames of what changed alone fit into what the kernel holds
GROWTH_MOST_BYTES = 4 * 1024**2
REPAINTS_MOST_BYTES = 120 * 36 * 12  # the backlog of a few frames, and one full repaint


@pytest.mark.parametrize("mode", ["1", "2"])
def test_a_stalled_terminal(tmp_path, figure, mode):
    with fakes(6) as heads:
        configuration(tmp_path, [head.url for head in heads])
        with console(tmp_path, size=(160, 50)) as terminal:
            terminal.wait_for(lambda text: text.count("●") >= 6, 20)
            terminal.write(mode)
            terminal.read_for(6)
            asked, grown, came = stalled(terminal, heads, STALL_S, TYPED)
            figure(
                f"stall of {STALL_S:g} s, mode {mode}",
                f"{asked} polls, memory {grown / 1024:+,.0f} KiB, then {len(came):,} bytes and "
                f"{full_repaints(came, 50)} full repaint",
            )
            assert asked >= 0.6 * 6 * STALL_S / 2
            assert grown < GROWTH_MOST_BYTES
            assert len(came) < REPAINTS_MOST_BYTES * 2
            assert full_repaints(came, 50) >= 1
            terminal.write("?")
            terminal.wait_for("ANYWHERE", 3)


def test_an_idle_console(tmp_path, figure):
    with fakes(2) as heads:
        configuration(tmp_path, [head.url for head in heads])
        with console(tmp_path) as terminal:
            terminal.wait_for(lambda text: text.count("●") >= 2, 20)
            terminal.read_for(6)
            usage = terminal.usage(30)
            figure("idle, 2 clusters, 120x36", usage)
            assert usage.written_bytes / usage.seconds < 600
            assert usage.rss_bytes < 120_000_000
