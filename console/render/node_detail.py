"""Every figure of one node as a table: value, unit, source, age, and why one is not there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import cast

from console.metrics import METRICS, Metric
from console.model.cluster import ClusterSnapshot, Gpu, Node, Sample
from console.model.hosts import CPU, with_host_cpu
from console.render.cells import Cell, Column, Row, cell, unknown
from console.render.figures import percent, size
from console.render.glyphs import Glyphs
from console.render.metric_tables import figure
from console.render.nodes_table import node_name
from console.render.staleness import age_cell, is_forgotten, is_stale
from console.services.metric_names import why_missing

DETAIL_COLUMNS = (
    Column("metric", "METRIC", 20, right=False),
    Column("value", "VALUE", 7),
    Column("unit", "UNIT", 5, right=False),
    Column("source", "SOURCE", 10, right=False),
    Column("age", "AGE", 5),
    Column("note", "", 26, right=False, flex=True, width_most=90),
)
_UNITS = {"percent": "%", "bytes": "B", "bytes_per_s": "B/s", "watts": "W", "celsius": "C", "cores": "cores"}
_GPU_FIELDS = {
    "gpu_percent": "used_percent",
    "gram_used_bytes": "memory_used_bytes",
    "gram_total_bytes": "memory_total_bytes",
    "gpu_power_watts": "power_watts",
    "gpu_temperature_celsius": "temperature_celsius",
}
_GPU_TITLES = {
    "gpu_percent": "use",
    "gram_used_bytes": "memory used",
    "gram_total_bytes": "memory",
    "gpu_power_watts": "power",
    "gpu_temperature_celsius": "temperature",
}


def detail_rows(
    snapshot: ClusterSnapshot,
    node: Node,
    mates: tuple[Node, ...],
    times: tuple[float, float],
    glyphs: Glyphs,
) -> Mapping[str, Row]:
    """Return a row per figure by its name. ``times``: now, and from what age on a figure is stale.

    A GPU's figures have a row each per GPU; where there is none, one row says so.
    """
    told = with_host_cpu(node, mates)
    rows: dict[str, Row] = {}
    for metric in METRICS.values():
        absent = why_missing(snapshot, node, metric.name) or ""
        if metric.per == "gpu" and node.gpus:
            rows |= {f"{metric.name} {gpu.index}": _gpu_row(metric, gpu, absent, times, glyphs) for gpu in node.gpus}
            continue
        note = " ".join(_notes(metric, told, mates)) if metric.name in told.samples else absent
        rows[metric.name] = _row(metric.title, metric, told.samples.get(metric.name), note, times, glyphs)
    return rows


def _gpu_row(
    metric: Metric, gpu: Gpu, absent: str, times: tuple[float, float], glyphs: Glyphs
) -> Row:  # fmt: skip
    value = cast("float | None", getattr(gpu, _GPU_FIELDS[metric.name]))
    at = gpu.sampled_at
    sample = None if value is None or at is None else Sample(value, at, gpu.source)
    note = gpu.name if metric.name == "gpu_percent" else ""
    if metric.name == "gpu_percent" and value is None:
        note = f"n/a: the driver does not measure it; {gpu.name}"
    elif value is None:
        note = absent or "not measured by the driver"
    elif metric.name == "gram_used_bytes" and gpu.memory_total_bytes:
        note = f"{percent(100 * value / gpu.memory_total_bytes, glyphs)} of {size(gpu.memory_total_bytes, glyphs)}"
    return _row(f"GPU {gpu.index} {_GPU_TITLES[metric.name]}", metric, sample, note, times, glyphs)


def _notes(metric: Metric, node: Node, mates: tuple[Node, ...]) -> Iterator[str]:
    value, total = node.value(metric.name), node.value(metric.total or "")
    if value is not None and total:
        yield f"{percent(100 * value / total)} of {size(total)}"
    if metric.name == CPU and mates:
        yield f"the host's, which {', '.join(node_name(mate) for mate in mates)} shares"


def _row(
    title: str, metric: Metric, sample: Sample | None, note: str, times: tuple[float, float], glyphs: Glyphs
) -> Row:  # fmt: skip
    now, limit_s = times
    if sample is None:
        nothing = unknown(glyphs)
        return Row((cell(title), nothing, Cell(), Cell(), nothing, cell(note, "dim")))
    age_s = max(0.0, now - sample.sampled_at)
    value, unit = _parted(sample.value, metric, glyphs)
    shown = unknown(glyphs) if is_forgotten(age_s, limit_s) else cell(value, "", sample.value)
    return Row(
        (cell(title), shown, cell(unit, "dim"), cell(sample.source, "dim"), age_cell(age_s, limit_s, glyphs),
         cell(note, "dim")),
        stale=is_stale(age_s, limit_s),
    )  # fmt: skip


def _parted(value: float, metric: Metric, glyphs: Glyphs) -> tuple[str, str]:
    """Return ``1.3`` and ``GiB``: bytes are binary throughout."""
    text, _, unit = figure(value, metric.unit, glyphs).partition(" ")
    whole = _UNITS[metric.unit]
    prefix = unit.removesuffix("/s")
    return text, f"{prefix.upper()}i{whole}" if whole.startswith("B") and prefix not in {"", "B"} else whole
