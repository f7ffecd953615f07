"""The console on a terminal over a synthetic fleet that a real Prometheus scrapes: bytes, CPU, memory, latencies."""

import itertools
import re
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

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
def test_four_clusters_of_two_nodes_beside_htop_and_glances(program, tmp_path, figure, mode):
    """The peers run at the same time on terminals of their own, so that all meet the same machine."""
    peers = {"htop": [program("htop", "htop"), "-d", "20"], "glances": [program("glances", "glances"), "-t", "2"]}
    with ExitStack() as stack:
        stack.enter_context(scraped_fleet(program, tmp_path, 4, 2, 1))
        ours = stack.enter_context(console(tmp_path, size=SIZE))
        ours.wait_for(lambda text: text.count("●") >= 4 and "prom" in text, 30)
        ours.write(mode)
        others = {name: stack.enter_context(Terminal(words, columns=SIZE[0], lines=SIZE[1]))
                  for name, words in peers.items()}  # fmt: skip
        used = dict(zip(("raydeck", *others), together((ours, *others.values())), strict=True))
    for name, usage in used.items():
        figure(f"4 x 2 nodes, mode {mode}, 160x50, every row changing every 2 s: {name}", usage)
    for name in others:
        share = rate(used["raydeck"]) / rate(used[name])
        work = cpu_percent(used["raydeck"]) / max(0.01, cpu_percent(used[name]))
        figure(f"raydeck to {name}", f"{share:.2f} of the bytes, {work:.2f} of the CPU")
        assert used[name].written_bytes > 0
    below = rate(used["raydeck"]) < rate(used["htop"])
    figure("aim, bytes below htop's", "holds" if below else "does not hold")
    if mode == "1":
        assert rate(used["raydeck"]) < BYTES_MOST
        assert cpu_percent(used["raydeck"]) < CPU_MOST_PERCENT


def together(terminals, warm_s=10.0):
    """Return what several commands cost in the same minute; each is read in a thread of its own."""
    with ThreadPoolExecutor(len(terminals)) as threads:
        return list(threads.map(lambda terminal: steady(terminal, warm_s), terminals))


@pytest.mark.parametrize("mode", ["1", "4"])
def test_fifty_clusters_of_twenty_nodes_of_four_gpus_on_a_terminal(program, tmp_path, figure, mode):
    named = f"50 x 20 nodes x 4 GPUs, mode {mode}"
    with scraped_fleet(program, tmp_path, 50, 20, 4, interval="5s"), console(tmp_path, size=SIZE) as terminal:
        terminal.wait_for(lambda text: text.count("●") >= 25 and "prom" in text, 60)
        terminal.write(mode)
        usage = steady(terminal)
        figure(f"{named}, every 2 s", usage)
        keys = terminal.key_latencies(["j", "k"] * 100, lambda seen: seen.column(0), pause_s=0.11)
        figure(f"{named}, j and k", keys)
        painted = sorted(seconds_to_paint(terminal, 7))
        figure(f"{named}, r to the last row painted", f"{1000 * painted[3]:.0f} ms (median of 7)")
        assert painted[3] < 0.5
        assert keys.lost == 0
        assert keys.percentile(0.99) < 50
        assert cpu_percent(usage) < 25
        assert usage.rss_bytes < 250e6


def seconds_to_paint(terminal, count):
    """Return how long `r` took so often; one that brought no new figures is no measurement and is tried again."""
    tries = (_seconds_to_paint(terminal) for _ in range(5 * count))
    found = list(itertools.islice((seconds for seconds in tries if seconds is not None), count))
    assert len(found) == count, "r brings no new figures"
    return found


def _seconds_to_paint(terminal):
    """Return the time from `r` to the last change that it brought to the figures within 1.2 s, None without any."""
    terminal.read_for(0.7)
    start, last = time.perf_counter(), None
    before = [figures_on(terminal, y) for y in range(4, 30)]
    terminal.write("r")
    while (left := start + 1.2 - time.perf_counter()) > 0:
        came_at = terminal.read(left)
        now = [figures_on(terminal, y) for y in range(4, 30)]
        if came_at is not None and now != before:
            before, last = now, came_at
    return None if last is None else last - start


def figures_on(terminal, y):
    """Return a line without the ages on it, which change by themselves."""
    return re.sub(r"\d+(\.\d+)? (ms|s|m)\b", "", terminal.line(y))
