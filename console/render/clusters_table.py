"""The clusters table: one snapshot -> one row. Columns as data, each cell from a pure function."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from console.metrics import METRICS
from console.model.cluster import ClusterSnapshot
from console.model.job import JobCounts
from console.model.metrics import stale_limit_s
from console.model.usage import cluster_sampled_at, cluster_sources, cluster_usage
from console.render.bars import trend
from console.render.cells import BLANK, Cell, Column, Row, cell, unknown
from console.render.glyphs import Glyphs, state_tone
from console.render.load_cells import BAR_WIDTH, PAIR_WIDTH, gpu_cells, percent_cell, source_cell, used_cell
from console.render.staleness import age_cell, is_forgotten, is_stale

TREND_COLUMNS = 10
CLUSTER_COLUMNS = (
    Column("state", "", 1, right=False),
    Column("cluster", "CLUSTER", 11, right=False, flex=True, width_most=24),
    Column("kind", "KIND", 5, right=False, drop=9),
    Column("ray", "RAY", 7, right=False, drop=8),
    Column("nodes", "NODES", 5, drop=6),
    Column("cpu", "CPU", BAR_WIDTH, right=False),
    Column("trend", "5 MIN", TREND_COLUMNS, right=False, drop=10),
    Column("gpu", "GPU", BAR_WIDTH, right=False, drop=3),
    Column("gram", "GRAM", PAIR_WIDTH, drop=7),
    Column("memory", "MEM", PAIR_WIDTH, drop=1),
    Column("jobs", "JOBS", 8, right=False, drop=2),
    Column("tunnel", "TUNNEL", 10, drop=4),
    Column("source", "FROM", 4, right=False, drop=11),
    Column("age", "AGE", 5),
)


GPU_COLUMNS = frozenset({"gpu", "gram"})


def inapplicable_columns(snapshots: Iterable[ClusterSnapshot]) -> frozenset[str]:
    """Return the keys of the columns that apply to no cluster: GPUs while none is seen, tunnels while none is set."""
    hidden = {*GPU_COLUMNS, "tunnel"}
    for snapshot in snapshots:
        if snapshot.spec.tunnel is not None:
            hidden.discard("tunnel")
        if "gpu_count" in snapshot.figures or any(node.gpus for node in snapshot.nodes):
            hidden -= GPU_COLUMNS
    return frozenset(hidden)


def data_age_s(snapshot: ClusterSnapshot, now: float) -> float | None:
    """Return how old the oldest figure of the row is; without figures, how long ago the cluster last answered."""
    at = cluster_sampled_at(snapshot) or snapshot.answered_at
    return None if at is None else max(0.0, now - at)


def cluster_row(
    snapshot: ClusterSnapshot, cpu_trend: Sequence[float | None], now: float, stale_after_s: float, glyphs: Glyphs
) -> Row:
    """Return the row of a cluster; figures that are too old are unknown, older ones dim."""
    age_s = data_age_s(snapshot, now)
    stale_after_s = stale_limit_s(stale_after_s, snapshot.scrape_interval_s)
    spec = snapshot.spec
    identity = snapshot.identity
    figures = _no_figures(glyphs) if is_forgotten(age_s, stale_after_s) or age_s is None else _figures(snapshot, glyphs)
    cpu, gpu, gram, memory = figures
    cells = (
        Cell(((glyphs.state(snapshot.state), state_tone(snapshot.state)),), snapshot.state, fresh=True),
        cell(spec.name),
        cell(spec.kind, "dim"),
        cell(identity.ray_version, "dim") if identity else unknown(glyphs),
        _nodes(snapshot, glyphs),
        cpu,
        Cell(trend(cpu_trend, TREND_COLUMNS, glyphs)),
        gpu,
        gram,
        memory,
        jobs_cell(snapshot.job_counts, glyphs),
        tunnel_cell(snapshot, glyphs),
        source_cell(cluster_sources(snapshot)),
        age_cell(age_s, stale_after_s, glyphs),
    )
    return Row(cells, stale=is_stale(age_s, stale_after_s))


def _figures(snapshot: ClusterSnapshot, glyphs: Glyphs) -> tuple[Cell, Cell, Cell, Cell]:
    use = cluster_usage(snapshot)
    gpu, gram = gpu_cells(use.gpu_count, use.gpu_percent, (use.gram_used_bytes, use.gram_total_bytes), glyphs)
    memory = used_cell(use.memory_used_bytes, use.memory_total_bytes, METRICS["memory_used_bytes"], glyphs)
    return percent_cell(use.cpu_percent, METRICS["cpu_percent"], glyphs), gpu, gram, memory


def _no_figures(glyphs: Glyphs) -> tuple[Cell, Cell, Cell, Cell]:
    nothing = unknown(glyphs)
    return nothing, nothing, nothing, nothing


def _nodes(snapshot: ClusterSnapshot, glyphs: Glyphs) -> Cell:
    """Return ``2``, or ``2/3`` in yellow when fewer are alive than are expected."""
    if snapshot.identity is None:
        return unknown(glyphs)
    alive, expected = len(snapshot.alive_nodes), snapshot.spec.expected_nodes
    if expected is not None and alive < expected:
        return cell(f"{alive}/{expected}", "warn", alive)
    return cell(str(alive), "", alive)


def tunnel_cell(snapshot: ClusterSnapshot, glyphs: Glyphs) -> Cell:
    """Return ``5/5``: the services that answer of those that have to; the first broken hop where the way is."""
    tunnel = snapshot.tunnel
    if tunnel is None:
        return BLANK if snapshot.spec.tunnel is None else unknown(glyphs)
    if tunnel.first_broken is not None and tunnel.ok == 0:
        return Cell(((f"{glyphs.failed} ", "bad"), (tunnel.first_broken, "bad")), 0.0, fresh=True)
    whole = tunnel.ok == tunnel.total and tunnel.first_broken is None
    return Cell(
        ((f"{tunnel.ok}/{tunnel.total}", "ok" if whole else "warn"),), tunnel.ok / max(1, tunnel.total), fresh=True
    )


def jobs_cell(counts: JobCounts | None, glyphs: Glyphs) -> Cell:
    """Return ``1▶ 2✗``: what failed is never left out, then what runs, waits, and what ended well."""
    if counts is None:
        return unknown(glyphs)
    ordered = ("running", "pending", "failed", "succeeded", "stopped")
    weighty = [name for name in ("failed", *ordered[:2], *ordered[3:]) if getattr(counts, name)][:2]
    shown = [(getattr(counts, name), name) for name in ordered if name in weighty]
    if not shown:
        return cell("0", "dim", 0)
    pieces = tuple(
        (f"{' ' if at else ''}{count}{glyphs.state(name)}", state_tone(name)) for at, (count, name) in enumerate(shown)
    )
    return Cell(pieces, counts.running * 1e6 + counts.pending * 1e3 + counts.failed)
