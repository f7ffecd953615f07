"""What raydeck tells of running clusters, held against what their Prometheus answers for the same instant."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path

import httpx
import pytest

from console.clients.grouping import matchers
from console.metrics import METRICS
from console.model.cluster import ClusterSnapshot, Sample
from console.render.clusters_table import CLUSTER_COLUMNS, cluster_row
from console.render.glyphs import UNICODE
from console.services.core import Core, Options

OF_CLUSTER = ("cpu_percent", "cpu_cores", "memory_used_bytes", "memory_total_bytes")
OF_NODE = (*OF_CLUSTER, "disk_used_bytes", "network_receive_bytes_per_s", "object_store_used_bytes")


def check_figures(environ: Mapping[str, str], folder: Path, names: tuple[str, ...]) -> None:
    """Fail unless every figure of these clusters and their nodes is the server's, in the table, too."""
    snapshots, url = asyncio.run(_told(environ, folder, names))
    for snapshot in snapshots:
        for metric in OF_CLUSTER:
            _check(url, snapshot, metric, snapshot.figures[metric])
        (node,) = snapshot.nodes
        for metric in OF_NODE:
            _check(url, snapshot, metric, node.samples[metric])
        cells = cluster_row(snapshot, (), time.time(), 15.0, UNICODE).cells
        shown = {column.key: cell for column, cell in zip(CLUSTER_COLUMNS, cells, strict=True)}
        assert shown["cpu"].sort == snapshot.figures["cpu_percent"].value
        assert shown["memory"].sort == snapshot.figures["memory_used_bytes"].value
        assert shown["source"].text == "prom"


async def _told(
    environ: Mapping[str, str], folder: Path, names: tuple[str, ...]
) -> tuple[tuple[ClusterSnapshot, ...], str]:
    """Return what the console's own core knows once Prometheus has told of all of them, and the server's address."""
    core = Core(Options(None, False, environ, folder))
    core.load()
    await core.begin()
    try:
        core.fleet.look_at(*names)
        give_up_at = time.monotonic() + 60
        while True:
            snapshots = await core.fleet.ask(names)
            if all(_is_told(snapshot) for snapshot in snapshots):
                break
            assert time.monotonic() < give_up_at, snapshots
            await asyncio.sleep(0.5)
        metrics = core.fleet.metrics
        assert metrics is not None
        return snapshots, metrics.servers[0].url
    finally:
        await core.close()


def _is_told(snapshot: ClusterSnapshot) -> bool:
    samples = [node.samples.get(metric) for node in snapshot.nodes for metric in OF_NODE]
    is_whole = all(sample is not None and sample.source == "prometheus" for sample in samples)
    return is_whole and set(OF_CLUSTER) <= set(snapshot.figures)


def _check(url: str, snapshot: ClusterSnapshot, metric: str, sample: Sample) -> None:
    """Ask the server past all code of ours for the moment at which the figure was measured."""
    (part,) = METRICS[metric].exported
    ((name, factor),) = part.names
    asked = {"query": f"{name}{{{matchers(snapshot.spec.series)}}}", "time": f"{sample.sampled_at + 0.001:.3f}"}
    document = httpx.get(f"{url}/api/v1/query", params=asked, timeout=10).raise_for_status().json()
    (found,) = document["data"]["result"]
    assert sample.value == pytest.approx(float(found["value"][1]) * factor), (snapshot.spec.name, metric)
