"""A Prometheus that answers the queries that raydeck makes, for clusters that a test describes. It holds no series."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs

from tests.fakes.prometheus import TroubledPrometheus, vector

GIB = 1024**3
Labelled = tuple[dict[str, str], str]


@dataclass
class ScrapedNode:
    """One node agent. ``gpus``: percent, used and free MiB of each; ``age_s`` is that of its samples."""

    job: str
    ip: str
    head: bool = True
    cpu: float = 20.0
    memory_gib: tuple[float, float] = (2.0, 8.0)
    gpus: tuple[tuple[float, float, float], ...] = ()
    age_s: float = 1.0

    def series(self) -> Iterator[Labelled]:
        labels = {"job": self.job, "ip": self.ip, "instance": f"{self.ip}:8500"}
        labels |= {"RayNodeType": "head" if self.head else "worker"}
        used, total = (gib * GIB for gib in self.memory_gib)
        figures = {"cpu_utilization": self.cpu, "cpu_count": 4.0, "mem_used": used, "mem_total": total}
        figures |= {"network_receive_speed": 2048.0, "network_send_speed": 9216.0}
        figures |= {"disk_usage": 41.0 * GIB, "disk_free": 59.0 * GIB}
        for name, value in figures.items():
            yield labels | {"__name__": f"ray_node_{name}"}, str(value)
        for index, (percent, gram_used, gram_free) in enumerate(self.gpus):
            card = {"GpuIndex": str(index), "GpuUuid": f"GPU-{self.ip}-{index}", "GpuDeviceName": "NVIDIA H200"}
            gpu = {"gpus_utilization": percent, "gram_used": gram_used, "gram_available": gram_free}
            for name, value in gpu.items():
                yield labels | card | {"__name__": f"ray_node_{name}"}, str(value)


@dataclass
class Course:
    """What a range query is answered with: a wave around a level, per metric."""

    level: float
    swing: float = 0.3

    def at(self, seconds: float, shift: float) -> float:
        return self.level * (1 + self.swing * math.sin(seconds / 90 + shift))


COURSES = {
    "cpu_percent": Course(45),
    "gpu_percent": Course(60),
    "gram_used_bytes": Course(9 * GIB, 0.1),
    "memory_used_bytes": Course(5 * GIB, 0.1),
    "network_receive_bytes_per_s": Course(40_000),
    "network_send_bytes_per_s": Course(9_000),
    "disk_used_bytes": Course(41 * GIB, 0.0),
    "object_store_used_bytes": Course(0.4 * GIB),
}


@dataclass
class _Asked:
    query: str = ""
    start: float = 0.0
    end: float = 0.0
    step: float = 1.0


class FigurePrometheus(TroubledPrometheus):
    """Answers for ``nodes``; ``now`` gives the time that their samples' ages are counted from."""

    def __init__(self, now: Callable[[], float], *nodes: ScrapedNode) -> None:
        super().__init__()
        self.now = now
        self.nodes = list(nodes)
        self._asked = _Asked()

    def take(self, request: BaseHTTPRequestHandler, query: str) -> None:
        asked = {name: values[0] for name, values in parse_qs(query).items()}
        times = {name: float(asked.get(name, 0)) for name in ("start", "end")}
        step = float(asked.get("step", "1"))
        self._asked = _Asked(asked.get("query", ""), **times, step=step)
        super().take(request, query)

    def add_target(self, job: str, instance: str, health: str = "up", error: str = "", **more: Any) -> None:
        self.targets.append(
            {
                "labels": {"job": job, "instance": instance},
                "health": health,
                "lastError": error,
                "lastScrape": "2026-11-22T21:59:57.5Z",
                "lastScrapeDuration": 0.012,
                "scrapeInterval": "5s",
            }
            | more
        )

    def _answer(self, path: str) -> tuple[int, str, bytes]:
        if path.endswith("query_range"):
            self.data = {"resultType": "matrix", "result": list(self._lines())}
        elif "Component" in self._asked.query:
            self.data = vector(*self._details())
        else:
            self.data = vector(*self._overview())
        return super()._answer(path)

    def _details(self) -> Iterator[Labelled]:
        for node in self.nodes:
            if f'"{node.job}"' in self._asked.query:
                yield from node.series()
                at = {"job": node.job, "ip": node.ip, "instance": f"{node.ip}:8500", "k": "at"}
                yield at, str(self.now() - node.age_s)

    def _overview(self) -> Iterator[Labelled]:
        for job in dict.fromkeys(node.job for node in self.nodes):
            nodes = [node for node in self.nodes if node.job == job]
            sums: dict[str, float] = {}
            for labels, value in (series for node in nodes for series in node.series()):
                sums[labels["__name__"]] = sums.get(labels["__name__"], 0.0) + float(value)
            for name in ("ray_node_cpu_count", "ray_node_mem_used", "ray_node_mem_total"):
                yield {"__name__": name, "job": job}, str(sums[name])
            yield {"job": job, "k": "cpu"}, str(sum(node.cpu for node in nodes) / len(nodes))
            yield {"job": job, "k": "at"}, str(self.now() - max(node.age_s for node in nodes))
            gpus = [gpu for node in nodes for gpu in node.gpus]
            if gpus:
                yield {"job": job, "k": "gpu_percent"}, str(sum(gpu[0] for gpu in gpus) / len(gpus))
                yield {"__name__": "ray_node_gpus_available", "job": job, "k": "gpu"}, str(len(gpus))
                for name in ("ray_node_gram_used", "ray_node_gram_available"):
                    yield {"__name__": name, "job": job, "k": "gpu"}, str(sums[name])

    def _lines(self) -> Iterator[dict[str, Any]]:
        asked = self._asked
        here = next((node for node in self.nodes if f'"{node.ip}"' in asked.query), None)
        of_job = [node for node in self.nodes if f'"{node.job}"' in asked.query]
        gpus = here.gpus if here is not None else of_job[0].gpus if of_job else ()
        any_gpus = bool(gpus) or any(node.gpus for node in of_job)
        for metric in re.findall(r'"k","(\w+)"', asked.query):
            if metric not in COURSES or (metric.startswith(("gpu", "gram")) and not any_gpus):
                continue
            if here is not None and metric.startswith(("gpu", "gram")):
                yield from (self._line(metric, {"GpuIndex": str(n)}, 1.3 * n) for n in range(len(here.gpus)))
            else:
                yield self._line(metric, {}, 0.0)

    def _line(self, metric: str, labels: dict[str, str], shift: float) -> dict[str, Any]:
        asked, course = self._asked, COURSES[metric]
        count = round((asked.end - asked.start) / asked.step) + 1
        times = [asked.start + n * asked.step for n in range(count)]
        return {"metric": {"k": metric} | labels, "values": [[at, str(course.at(at, shift))] for at in times]}
