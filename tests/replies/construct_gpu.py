"""Writes the constructed GPU replies: what Ray's own exporter and dashboard say of GPUs that no machine here has.

``python -m tests.replies.construct_gpu`` writes them for the Ray that is installed. The figures of the GPUs are made
up, in the shapes that Ray's gpu_providers.py returns; names, labels and rounding are Ray's own code.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import ray
from ray.dashboard.modules.reporter.reporter_agent import ReporterAgent
from ray.dashboard.utils import to_google_style

HERE = Path(__file__).parent
SOURCE = "ray/dashboard/modules/reporter/reporter_agent.py, ReporterAgent._to_records, and gpu_providers.py"
SESSION = "session_2026-11-22_21-32-54_934793_3354"
DISK = {"/": SimpleNamespace(total=270553174016, used=13435265024, free=84358029312, percent=13.7)}


def gpu(index: int, name: str, uuid: str, used: int, total: int, **more: Any) -> dict[str, Any]:
    """A GPU as a provider returns it: memory in MiB; -1 is a utilisation that the driver does not tell."""
    told = {"utilization_gpu": 0, "processes_pids": {}, "power_mw": None, "temperature_c": None}
    return told | {"index": index, "name": name, "uuid": uuid, "memory_used": used, "memory_total": total} | more


CASES = {
    "several": [
        gpu(0, "NVIDIA A100-SXM4-40GB", "GPU-00000000-0000-0000-0000-000000000000", 30000, 40960,
            utilization_gpu=97, power_mw=387000, temperature_c=61),
        gpu(1, "NVIDIA A100-SXM4-40GB", "GPU-00000000-0000-0000-0000-000000000001", 512, 40960,
            utilization_gpu=3, power_mw=61000, temperature_c=33),
        gpu(2, "NVIDIA A100-SXM4-40GB", "GPU-00000000-0000-0000-0000-000000000002", 0, 40960,
            utilization_gpu=0, power_mw=52000, temperature_c=30),
        gpu(3, "NVIDIA A100-SXM4-40GB", "GPU-00000000-0000-0000-0000-000000000003", 40000, 40960,
            utilization_gpu=0, power_mw=88000, temperature_c=45),
    ],
    "mig": [  # the slice's utilisation cannot be asked for; index = gpu * 1000 + slice
        gpu(0, "NVIDIA H100 80GB HBM3 MIG 1g.10gb", "MIG-00000000-0000-0000-0000-000000000010", 4096, 9856,
            utilization_gpu=-1),
        gpu(1, "NVIDIA H100 80GB HBM3 MIG 2g.20gb", "MIG-00000000-0000-0000-0000-000000000011", 0, 19968,
            utilization_gpu=-1),
    ],
    "laptop": [gpu(0, "NVIDIA GeForce RTX 4070 Laptop GPU", "GPU-00000000-0000-0000-0000-000000000020", 2048, 8188,
                   utilization_gpu=None, power_mw=31000)],
    "amd": [gpu(0, "AMD Instinct MI300X", "GPU-00000000000000a0", 98304, 196288, utilization_gpu=42, power_mw=540000),
            gpu(1, "AMD Instinct MI300X", "GPU-00000000000000a1", 283, 196288, utilization_gpu=0, power_mw=131000)],
}  # fmt: skip


def stats(gpus: list[dict[str, Any]]) -> dict[str, Any]:
    """What an agent collects of its node."""
    return {
        "now": 1795383954.931493, "hostname": "gpu-node", "ip": "192.0.2.7", "cpu": 12.5, "cpus": (32, 16),
        "mem": (135089598464, 101317198848, 25.0, 33772399616), "host_mem": (33772399616, 135089598464),
        "cgroup_mem": None, "swap": None, "shm": 9093120, "gpus": gpus, "tpus": [], "disk": DISK,
        "disk_io": (1, 2, 3, 4), "disk_io_speed": (0.0, 0.0, 0.0, 0.0), "network": (554882, 423374515),
        "network_speed": (52.59, 42.04), "gcs": None, "raylet": None, "workers": [], "agent": None,
    }  # fmt: skip


def page(found: dict[str, Any]) -> str:
    """The exporter's page, in Ray's own names and labels."""
    agent = ReporterAgent.__new__(ReporterAgent)
    agent._is_head_node = False
    agent._latest_worker_proc_names, agent._latest_gpu_worker_proc_names = set(), set()
    common = {"SessionName": SESSION, "Version": ray.__version__}
    lines = [f"# constructed with Ray {ray.__version__} from {SOURCE}"]
    for record in agent._to_records(found, {}):
        labels = ",".join(f'{key}="{value}"' for key, value in (record.tags | common).items())
        lines.append(f"ray_{record.gauge.name}{{{labels}}} {record.value}")
    return "\n".join(lines) + "\n"


def summary(found: dict[str, Any]) -> dict[str, Any]:
    """The reply of ``/nodes?view=summary``, with what the head adds about the raylet."""
    raylet = {
        "nodeId": "7" * 56, "nodeManagerAddress": "192.0.2.7", "nodeManagerHostname": "gpu-node", "state": "ALIVE",
        "isHeadNode": False, "endTimeMs": "0", "resourcesTotal": {"CPU": 32.0, "GPU": float(len(found["gpus"]))},
        "objectStoreUsedMemory": 0, "objectStoreAvailableMemory": 7434301440,
    }  # fmt: skip
    told = found | {"disk": {path: vars(disk) for path, disk in found["disk"].items()}}
    node = to_google_style(json.loads(json.dumps(told))) | {"raylet": raylet}
    return {"_constructed": f"Ray {ray.__version__}, {SOURCE}", "data": {"summary": [node]}}


def main() -> None:
    """Write all cases."""
    folder = HERE / ray.__version__
    folder.mkdir(exist_ok=True)
    for name, gpus in CASES.items():
        found = stats(gpus)
        (folder / f"constructed-gpu-{name}.prom").write_text(page(found))
        (folder / f"constructed-gpu-{name}.json").write_text(json.dumps(summary(found), indent=1) + "\n")
    print(f"written at {time.strftime('%F %T')} to {folder}")  # noqa: T201 -- what a script is for


if __name__ == "__main__":
    main()
