"""METRICS: one line per figure of a node or its GPUs, with its unit, its names in Prometheus and its thresholds.

To add one: a line here, and the place in clients/ that reads it from the dashboard. Names are those of Ray 2.9 to
2.60 (read in Ray's sources and on a 2.60 head); ``ray_component_rss_mb`` became ``_bytes`` on the way.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from msgspec import Struct

Unit = Literal["percent", "cores", "bytes", "bytes_per_s", "watts", "celsius"]
Per = Literal["host", "raylet", "gpu"]
Fold = Literal["sum", "mean", "max", "mean_by_cores"]

MIB = 1024**2
_DUMMY_DISK_BYTES = 1.0  # inside a pod Ray writes used 0 and free 1
HYSTERESIS_PERCENT = 5.0  # a crossed threshold counts as left only this far below it


class Exported(Struct, frozen=True):
    """One series of Ray's under all of its names, the newest first, each with the factor to our unit.

    ``component`` is the value of the label ``Component`` where a name stands for several programs.
    """

    names: tuple[tuple[str, float], ...]
    component: str = ""


class Metric(Struct, frozen=True):
    """A figure that a node has. ``warn_percent`` and ``bad_percent`` are of the figure itself or of its total.

    ``exported`` are the series whose sum it is, ``per`` what has one value of it: containers of one host all tell the
    host's. ``fold`` is what a cluster's figure is of those of its hosts, raylets or GPUs, each of them counted once.
    ``since`` is the first Ray that exports it, if not all do. ``total`` names the metric that it is a part of.
    """

    name: str
    title: str
    unit: Unit
    warn_percent: float | None = None
    bad_percent: float | None = None
    exported: tuple[Exported, ...] = ()
    per: Per = "host"
    fold: Fold = "sum"
    since: tuple[int, int] | None = None
    total: str | None = None


def _one(name: str, scale: float = 1.0) -> Exported:
    return Exported(((name, scale),))


_GRAM_USED, _GRAM_FREE = _one("ray_node_gram_used", MIB), _one("ray_node_gram_available", MIB)
_DISK_USED, _DISK_FREE = _one("ray_node_disk_usage"), _one("ray_node_disk_free")
_STORE_USED, _STORE_FREE = _one("ray_object_store_used_memory"), _one("ray_object_store_available_memory")
_RSS = Exported((("ray_component_rss_bytes", 1.0), ("ray_component_rss_mb", 1e6)), component="raylet")
_MEMORY, _GRAM, _DISK, _STORE = "memory_total_bytes", "gram_total_bytes", "disk_total_bytes", "object_store_total_bytes"

METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("cpu_percent", "CPU", "percent", exported=(_one("ray_node_cpu_utilization"),), fold="mean_by_cores"),
        Metric("cpu_cores", "CPU cores", "cores", exported=(_one("ray_node_cpu_count"),)),
        Metric("gpu_percent", "GPU", "percent", exported=(_one("ray_node_gpus_utilization"),), per="gpu", fold="mean"),
        Metric("gram_used_bytes", "GPU memory used", "bytes", 85, 95, (_GRAM_USED,), "gpu", total=_GRAM),
        Metric("gram_total_bytes", "GPU memory", "bytes", exported=(_GRAM_USED, _GRAM_FREE), per="gpu"),
        Metric("gpu_power_watts", "GPU power", "watts", None, None,
               (_one("ray_node_gpu_power_milliwatts", 1e-3),), "gpu", since=(2, 55)),
        Metric("gpu_temperature_celsius", "GPU temperature", "celsius", None, None,
               (_one("ray_node_gpu_temperature_celsius"),), "gpu", "max", since=(2, 55)),
        Metric("memory_used_bytes", "memory used", "bytes", 80, 92, (_one("ray_node_mem_used"),), total=_MEMORY),
        Metric("memory_total_bytes", "memory", "bytes", exported=(_one("ray_node_mem_total"),)),
        Metric("disk_used_bytes", "disk used", "bytes", 85, 95, (_DISK_USED,), total=_DISK),
        Metric("disk_total_bytes", "disk", "bytes", exported=(_DISK_USED, _DISK_FREE)),
        Metric("network_receive_bytes_per_s", "network in", "bytes_per_s",
               exported=(_one("ray_node_network_receive_speed"),)),
        Metric("network_send_bytes_per_s", "network out", "bytes_per_s",
               exported=(_one("ray_node_network_send_speed"),)),
        Metric("object_store_used_bytes", "object store used", "bytes", 80, 95, (_STORE_USED,), "raylet", total=_STORE),
        Metric("object_store_total_bytes", "object store", "bytes", exported=(_STORE_USED, _STORE_FREE), per="raylet"),
        Metric("raylet_memory_bytes", "memory of the raylet", "bytes", exported=(_RSS,), per="raylet"),
    )
}  # fmt: skip


OVERVIEW = (
    "cpu_percent", "cpu_cores", "gpu_percent", "gram_used_bytes", "gram_total_bytes", "memory_used_bytes",
    "memory_total_bytes",
)  # fmt: skip
"""What the overview of all clusters shows, and so what is aggregated for every one of them at every refresh."""


def folded(per: Per, fold: Fold) -> tuple[str, ...]:
    """Return the metrics of the overview of which this has one value, and which make up a cluster's in this way."""
    return tuple(name for name in OVERVIEW if (METRICS[name].per, METRICS[name].fold) == (per, fold))


def exported_names(*metrics: str) -> tuple[str, ...]:
    """Return all names in Prometheus of these metrics, of all without any, sorted."""
    wanted = [METRICS[name] for name in metrics] or list(METRICS.values())
    return tuple(sorted({name for metric in wanted for part in metric.exported for name, _ in part.names}))


def is_dummy_disk(total_bytes: float | None) -> bool:
    """Return whether a disk of this size is none: what Ray writes where it cannot see one."""
    return total_bytes is not None and total_bytes <= _DUMMY_DISK_BYTES


def components() -> Iterator[str]:
    """Yield the values of the label ``Component`` that metrics ask for."""
    yield from sorted({part.component for metric in METRICS.values() for part in metric.exported if part.component})
