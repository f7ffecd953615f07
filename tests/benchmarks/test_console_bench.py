"""The console on a terminal over a synthetic fleet that a real Prometheus scrapes: bytes, CPU, memory, latencies."""

import time
from contextlib import contextmanager

import pytest

from tests.benchmarks.scenes import console
from tests.benchmarks.terminal import Terminal
from tests.benchmarks.test_fleet_bench import fleet_server
from tests.fakes.real_prometheus import RealPrometheus, Scrape

pytestmark = [pytest.mark.bench, pytest.mark.live]

SIZE = (160, 50)
STEADY_S = 60.0
BYTES_MOST, CPU_MOST_PERCENT = 800, 2.0


@contextmanager
def scraped_fleet(program, folder, clusters, nodes, gpus, interval="2s"):
    """Serve and scrape a fleet, and describe it in the folder's clusters.toml."""
    binary = program("prometheus", "prometheus")
    with fleet_server(clusters, nodes, gpus) as address:
        names = [f"bench-{n:02d}" for n in range(clusters)]
        scrapes = [Scrape(name, address, f"/{n}/metrics", interval=interval) for n, name in enumerate(names)]
        with RealPrometheus(binary, folder / "prometheus", scrapes) as prometheus:
            prometheus.until("ray_node_mem_used", clusters * nodes, 60)
            rows = [
                f'[[clusters]]\nname = "{name}"\nkind = "local"\ndashboard = "http://{address}/{n}"\n'
                f'prometheus = "bench"\nseries = {{ job = "{name}" }}\n'
                for n, name in enumerate(names)
            ]
            head = f'[console]\nrefresh_s = 2\n\n[prometheus.bench]\nurl = "{prometheus.url}"\n\n'
            (folder / "clusters.toml").write_text(head + "\n".join(rows))
            yield prometheus


def steady(terminal, warm_s=10.0):
    """Return what a command costs once its first screens are painted."""
    terminal.read_for(warm_s)
    return terminal.usage(STEADY_S)


def rate(usage):
    return usage.written_bytes / usage.seconds


def cpu_percent(usage):
    return 100 * usage.cpu_seconds / usage.seconds


@pytest.mark.parametrize("mode", ["1", "4"])
def test_four_clusters_of_two_nodes_in_steady_state(program, tmp_path, figure, mode):
    with scraped_fleet(program, tmp_path, 4, 2, 1), console(tmp_path, size=SIZE) as terminal:
        terminal.wait_for(lambda text: text.count("●") >= 4 and "prom" in text, 30)
        terminal.write(mode)
        usage = steady(terminal)
        figure(f"4 x 2 nodes, mode {mode}, 160x50, every row changing every 2 s", usage)
        if mode == "1":
            assert rate(usage) < BYTES_MOST
            assert cpu_percent(usage) < CPU_MOST_PERCENT


@pytest.mark.parametrize(("name", "words"), [("htop", ["-d", "20"]), ("glances", ["-t", "2"])])
def test_peers_on_the_same_harness(program, figure, name, words):
    binary = program(name, name)
    with Terminal([binary, *words], columns=SIZE[0], lines=SIZE[1]) as terminal:
        usage = steady(terminal)
        figure(f"{name} at 160x50, every 2 s", usage)
        assert usage.written_bytes > 0


def test_fifty_clusters_of_twenty_nodes_of_four_gpus_on_a_terminal(program, tmp_path, figure):
    with scraped_fleet(program, tmp_path, 50, 20, 4, interval="5s"), console(tmp_path, size=SIZE) as terminal:
        terminal.wait_for(lambda text: text.count("●") >= 25 and "prom" in text, 60)
        usage = steady(terminal)
        figure("50 x 20 nodes x 4 GPUs, clusters, every 2 s", usage)
        keys = terminal.key_latencies(["j", "k"] * 100, lambda seen: seen.column(0), pause_s=0.11)
        figure("50 x 20 nodes x 4 GPUs, j and k", keys)
        painted = sorted(_seconds_to_paint(terminal) for _ in range(7))
        figure("50 x 20 nodes x 4 GPUs, r to the last row painted", f"{1000 * painted[3]:.0f} ms (median of 7)")
        assert painted[3] < 0.5
        assert keys.lost == 0
        assert keys.percentile(0.99) < 50
        assert cpu_percent(usage) < 25
        assert usage.rss_bytes < 250e6


def _seconds_to_paint(terminal):
    """Return the time from `r` to the last change that it brought to the figures of the clusters, within 1.2 s."""
    terminal.read_for(0.7)
    start = time.perf_counter()
    before, last = terminal.text().split("\n")[4:30], start
    terminal.write("r")
    while (left := start + 1.2 - time.perf_counter()) > 0:
        came_at = terminal.read(left)
        now = [terminal.line(y) for y in range(4, 30)]
        if came_at is not None and [line[:140] for line in now] != [line[:140] for line in before]:
            before, last = now, came_at
    return last - start
