"""What a large fleet costs the headless half: a real Prometheus and a dashboard a cluster, all figures moving."""

import json
import subprocess
import sys
from contextlib import contextmanager

import pytest

from tests.fakes.real_prometheus import RealPrometheus, Scrape

pytestmark = [pytest.mark.bench, pytest.mark.live]

CLUSTERS, NODES, GPUS = 50, 20, 4
SECONDS = 30


@contextmanager
def fleet_server(clusters, nodes, gpus):
    """A synthetic fleet in a process of its own; yields its address."""
    command = [sys.executable, "-m", "tests.benchmarks.fleet_server", *map(str, (clusters, nodes, gpus))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            yield f"127.0.0.1:{server.stdout.readline().strip()}"
        finally:
            server.terminate()


def measured(program, folder, clusters, nodes, gpus):
    binary = program("prometheus", "prometheus")
    with fleet_server(clusters, nodes, gpus) as address:
        scrapes = [Scrape(f"bench-{n:02d}", address, f"/{n}/metrics", interval="5s") for n in range(clusters)]
        with RealPrometheus(binary, folder, scrapes) as prometheus:
            prometheus.until("ray_node_mem_used", clusters * nodes, 60)
            run = [sys.executable, "-m", "tests.benchmarks.headless_fleet", str(SECONDS), str(clusters)]
            done = subprocess.run(
                [*run, f"http://{address}", prometheus.url], check=True, capture_output=True, text=True, timeout=120
            )
    return json.loads(done.stdout)


def test_fifty_clusters_of_twenty_nodes_of_four_gpus(program, tmp_path, capsys):
    found = measured(program, tmp_path, CLUSTERS, NODES, GPUS)
    overview = found["overview_sent"] + found["overview_received"]
    each_node = found["on_screen_bytes"] / NODES
    with capsys.disabled():
        print(
            f"\n{CLUSTERS} x {NODES} nodes x {GPUS} GPUs, headless, every 2 s: refresh {found['refresh_ms']:.0f} ms"
            f" (most {found['refresh_ms_most']:.0f}, a plain sum of the same series {found['peer_ms']:.0f}),"
            f" CPU {found['cpu_percent']:.1f} % of a core, {found['rss_mb']:.0f} MB;"
            f" overview {overview:.0f} B ({found['overview_sent']:.0f} sent), most {found['overview_most']} B,"
            f" {each_node:.0f} B a node on screen, {found['queries_most']} queries"
        )
    assert (found["up"], found["faults"]) == (CLUSTERS, [])
    assert found["nodes_on_screen"] == NODES
    assert found["queries_most"] == 2
    assert found["refreshes"] >= SECONDS / 2 / 2
    # A busy machine makes both slow: then the plainest query over the same series is the measure.
    assert found["refresh_ms"] < max(500, 3 * found["peer_ms"])
    assert overview < 10_000
    assert each_node < 2_000
    assert found["cpu_percent"] < 25
    assert found["rss_mb"] < 250
