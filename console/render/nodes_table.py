"""The nodes table: the nodes of one cluster, or of several with the cluster's name before them."""

from __future__ import annotations

from collections.abc import Sequence

from console.metrics import METRICS
from console.model.address import address_order
from console.model.cluster import Node
from console.model.hosts import with_host_cpu
from console.model.metrics import stale_limit_s
from console.model.usage import node_sources, sampled_at, usage_of
from console.render.bars import trend
from console.render.cells import Cell, Column, Row, cell, unknown
from console.render.figures import rates
from console.render.glyphs import Glyphs
from console.render.load_cells import (
    BAR_WIDTH,
    PAIR_WIDTH,
    SHARE_WIDTH,
    gpu_cells,
    percent_cell,
    share_cell,
    source_cell,
    used_cell,
)
from console.render.staleness import age_cell, is_forgotten, is_stale

TREND_COLUMNS = 10
NODE_COLUMNS = (
    Column("state", "", 1, right=False),
    Column("node", "NODE", 15, right=False, flex=True, width_most=28),
    Column("role", "ROLE", 6, right=False, drop=3),
    Column("cpu", "CPU", BAR_WIDTH, right=False),
    Column("trend", "5 MIN", TREND_COLUMNS, right=False, drop=10),
    Column("gpu", "GPU", BAR_WIDTH, right=False, drop=2),
    Column("gram", "GRAM", PAIR_WIDTH, drop=7),
    Column("memory", "MEM", PAIR_WIDTH, drop=1),
    Column("disk", "DISK", SHARE_WIDTH, drop=8),
    Column("network", "NET IN/OUT", 12, drop=9),
    Column("source", "FROM", 4, right=False, drop=11),
    Column("age", "AGE", 5),
)


def node_name(node: Node) -> str:
    """Return what a node is called: its address, else its host, else the beginning of its id."""
    return node.ip or node.hostname or node.node_id[:12]


def node_row(
    node: Node,
    cpu_trend: Sequence[float | None],
    now: float,
    stale_after_s: float,
    glyphs: Glyphs,
    mates: tuple[Node, ...] = (),
) -> Row:
    """Return the row of a node; of a dead one only what it was and since when. ``mates``: others on its host."""
    stale_after_s = stale_limit_s(stale_after_s, node.scrape_interval_s)
    at = sampled_at((node,)) if node.alive else node.died_at
    age_s = None if at is None else max(0.0, now - at)
    state = "up" if node.alive else "down"
    tone = "ok" if node.alive else "bad"
    known = node.alive and age_s is not None and not is_forgotten(age_s, stale_after_s)
    cells = (
        Cell(((glyphs.state(state), tone),), state, fresh=True),
        cell(node_name(node), sort=address_order(node_name(node))),
        cell(node.role, "dim"),
        *(
            _figures(with_host_cpu(node, mates), cpu_trend, glyphs, of_host=bool(mates))
            if known
            else (unknown(glyphs),) * 7
        ),
        source_cell(node_sources(node) if known else ()),
        age_cell(age_s, stale_after_s if node.alive else float("inf"), glyphs),
    )
    return Row(cells, stale=not node.alive or is_stale(age_s, stale_after_s))


def _figures(node: Node, cpu_trend: Sequence[float | None], glyphs: Glyphs, *, of_host: bool) -> tuple[Cell, ...]:
    use = usage_of((node,))
    gpu, gram = gpu_cells(use.gpu_count, use.gpu_percent, (use.gram_used_bytes, use.gram_total_bytes), glyphs)
    received, sent = node.value("network_receive_bytes_per_s"), node.value("network_send_bytes_per_s")
    return (
        percent_cell(use.cpu_percent, METRICS["cpu_percent"], glyphs, of_host=of_host),
        Cell(trend(cpu_trend, TREND_COLUMNS, glyphs)),
        gpu,
        gram,
        used_cell(use.memory_used_bytes, use.memory_total_bytes, METRICS["memory_used_bytes"], glyphs),
        share_cell(node.value("disk_used_bytes"), node.value("disk_total_bytes"), METRICS["disk_used_bytes"], glyphs),
        cell(rates(received, sent, glyphs), "", received),
    )
