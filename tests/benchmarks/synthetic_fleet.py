"""A synthetic fleet of any size: pages as node agents export them, and the dashboard replies of the same nodes.

Figures follow from the names of cluster, node and GPU and from ``tick``, so both sources tell the same and a test knows
what is right; they move from tick to tick. ``churn`` loses nodes and restarts heads, as a fleet that scales does.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

MIB = 1024**2
GIB = 1024**3
VERSION = "2.60.0"


@dataclass
class SyntheticFleet:
    """``clusters`` of ``nodes`` with ``gpus`` each; nodes of one cluster have addresses of their own."""

    clusters: int
    nodes: int
    gpus: int
    tick: int = 0
    restarts: dict[int, int] = field(default_factory=dict)
    lost: set[tuple[int, int]] = field(default_factory=set)
    returns: dict[tuple[int, int], int] = field(default_factory=dict)

    def name(self, cluster: int) -> str:
        return f"bench-{cluster:02d}"

    def session(self, cluster: int) -> str:
        started = 1_767_225_600 + self.restarts.get(cluster, 0)
        return f"session_{datetime.fromtimestamp(started, UTC):%Y-%m-%d_%H-%M-%S}_000001_{cluster}"

    def restart(self, cluster: int) -> None:
        """Give a cluster another session, a later one."""
        self.restarts[cluster] = self.restarts.get(cluster, 0) + 1

    def churn(self) -> None:
        """Lose a node and have the one before back as another; at every tenth tick a head is restarted, too."""
        cluster, node = self.tick % self.clusters, 1 + self.tick // self.clusters % max(1, self.nodes - 1)
        for back in self.lost:
            self.returns[back] = self.returns.get(back, 0) + 1
        self.lost = {(cluster, node)} if self.nodes > 1 else set()
        if self.tick % 10 == 0:
            self.restart((self.tick // 10) % self.clusters)

    def node_id(self, cluster: int, node: int) -> str:
        times = self.restarts.get(cluster, 0), self.returns.get((cluster, node), 0)
        return f"{cluster:010x}{times[0]:09x}{times[1]:09x}{node:028x}"

    def ip(self, cluster: int, node: int) -> str:
        return f"10.{cluster // 250}.{cluster % 250}.{node + 1}"

    def present(self, cluster: int) -> list[int]:
        return [node for node in range(self.nodes) if (cluster, node) not in self.lost]

    def cpu_percent(self, cluster: int, node: int) -> float:
        return round((cluster * 7 + node * 13 + self.tick * 3.7) % 100, 1)

    def memory_used_bytes(self, cluster: int, node: int) -> int:
        return 4 * GIB + ((cluster * 31 + node * 17 + self.tick * 11) % 1000) * 8 * MIB

    def gpu_percent(self, cluster: int, node: int, gpu: int) -> int:
        return (cluster * 11 + node * 5 + gpu * 29 + self.tick * 7) % 101

    def gram_used_mib(self, cluster: int, node: int, gpu: int) -> int:
        return 1000 + (cluster * 101 + node * 37 + gpu * 503 + self.tick * 19) % 20000

    def node_figures(self, cluster: int, node: int) -> dict[str, float]:
        disk = 100 * GIB + node * GIB
        return {
            "ray_node_cpu_utilization": self.cpu_percent(cluster, node),
            "ray_node_cpu_count": 8 if node else 4,
            "ray_node_mem_used": self.memory_used_bytes(cluster, node),
            "ray_node_mem_total": 64 * GIB,
            "ray_node_disk_usage": disk,
            "ray_node_disk_free": 400 * GIB - disk,
            "ray_node_network_receive_speed": (self.tick * 1000 + node) % 90000,
            "ray_node_network_send_speed": (self.tick * 500 + node) % 90000,
        }

    def page(self, cluster: int) -> str:
        """Return the series of all nodes of a cluster, as one page: what tells nodes apart is ``ip``."""
        common = f'SessionName="{self.session(cluster)}",Version="{VERSION}"'
        lines = []
        for node in self.present(cluster):
            role = "worker" if node else "head"
            tags = f'ip="{self.ip(cluster, node)}",RayNodeType="{role}",IsHeadNode="{str(not node).lower()}",{common}'
            lines += [f"{name}{{{tags}}} {value}" for name, value in self.node_figures(cluster, node).items()]
            store = f'NodeAddress="{self.ip(cluster, node)}",Component="raylet",{common}'
            lines.append(f"ray_object_store_used_memory{{{store}}} {node * MIB}")
            lines.append(f"ray_object_store_available_memory{{{store}}} {8 * GIB - node * MIB}")
            for gpu in range(self.gpus):
                lines += self._gpu_lines(cluster, node, gpu, tags)
        return "\n".join(lines) + "\n"

    def _gpu_lines(self, cluster: int, node: int, gpu: int, tags: str) -> list[str]:
        uuid = self.uuid(cluster, node, gpu)
        tags = f'{tags},GpuIndex="{gpu}",GpuDeviceName="NVIDIA A100-SXM4-40GB",GpuUuid="{uuid}"'
        used = self.gram_used_mib(cluster, node, gpu)
        figures = {
            "ray_node_gpus_available": 1,
            "ray_node_gpus_utilization": self.gpu_percent(cluster, node, gpu),
            "ray_node_gram_used": used,
            "ray_node_gram_available": 40960 - used,
            "ray_node_gpu_power_milliwatts": 60000 + used,
            "ray_node_gpu_temperature_celsius": 30 + used % 50,
        }
        return [f"{name}{{{tags}}} {value}" for name, value in figures.items()]

    def uuid(self, cluster: int, node: int, gpu: int) -> str:
        return f"GPU-{cluster:08x}-{node:04x}-{gpu:04x}-0000-000000000000"

    def version(self, cluster: int) -> dict[str, Any]:
        """Return the reply of ``/api/version``."""
        return {"ray_version": VERSION, "session_name": self.session(cluster), "version": "4"}

    def summary(self, cluster: int, now: float) -> dict[str, Any]:
        """Return the reply of ``/nodes?view=summary``."""
        nodes = [self._summary_of(cluster, node, now) for node in self.present(cluster)]
        return {"result": True, "msg": "", "data": {"summary": nodes}}

    def _summary_of(self, cluster: int, node: int, now: float) -> dict[str, Any]:
        told = self.node_figures(cluster, node)
        used, total = told["ray_node_mem_used"], told["ray_node_mem_total"]
        disk = {"used": told["ray_node_disk_usage"], "free": told["ray_node_disk_free"]}
        return {
            "now": now,
            "hostname": f"{self.name(cluster)}-{node}",
            "ip": self.ip(cluster, node),
            "cpu": told["ray_node_cpu_utilization"],
            "cpus": [told["ray_node_cpu_count"], told["ray_node_cpu_count"]],
            "mem": [total, total - used, 100 * used / total, used],
            "disk": {"/": disk},
            "networkSpeed": [told["ray_node_network_send_speed"], told["ray_node_network_receive_speed"]],
            "gpus": [self._summary_gpu(cluster, node, gpu) for gpu in range(self.gpus)],
            "raylet": {
                "nodeId": self.node_id(cluster, node),
                "nodeManagerAddress": self.ip(cluster, node),
                "state": "ALIVE",
                "isHeadNode": node == 0,
                "endTimeMs": "0",
                "objectStoreUsedMemory": node * MIB,
                "objectStoreAvailableMemory": 8 * GIB - node * MIB,
                "resourcesTotal": {"CPU": 8.0, "GPU": float(self.gpus)},
                # What a raylet also tells of its workers; it makes up most of the 13 KB of a node.
                "coreWorkersStats": [{"workerId": f"{n:056x}", "ipAddress": self.ip(cluster, node)} for n in range(80)],
            },
        }

    def _summary_gpu(self, cluster: int, node: int, gpu: int) -> dict[str, Any]:
        return {
            "index": gpu,
            "uuid": self.uuid(cluster, node, gpu),
            "name": "NVIDIA A100-SXM4-40GB",
            "utilizationGpu": self.gpu_percent(cluster, node, gpu),
            "memoryUsed": self.gram_used_mib(cluster, node, gpu),
            "memoryTotal": 40960,
        }
