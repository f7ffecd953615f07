"""The body of ``/nodes?view=summary`` -> nodes; field names as Ray 2.9 to 2.60 write them, absent is unknown."""

from __future__ import annotations

import math
from collections.abc import Iterator

import msgspec

from console.errors import NotRayError
from console.metrics import is_dummy_disk
from console.model.address import address_order
from console.model.cluster import Gpu, Node, Sample

MIB = 1024**2


class _Gpu(msgspec.Struct, rename="camel"):
    """Memory is in MiB; utilisation is absent, None or -1 where the driver cannot measure it."""

    index: int = 0
    uuid: str | int | None = None
    name: str = ""
    utilization_gpu: float | None = None
    memory_used: float | None = None
    memory_total: float | None = None
    power_mw: float | None = None
    temperature_c: float | None = None


class _Disk(msgspec.Struct):
    used: float | None = None
    free: float | None = None


class _Raylet(msgspec.Struct, rename="camel"):
    node_id: str = ""
    node_manager_address: str = ""
    node_manager_hostname: str = ""
    state: str = ""
    state_message: str | None = None
    is_head_node: bool = False
    end_time_ms: str | int = 0
    object_store_used_memory: float | None = None
    object_store_available_memory: float | None = None
    resources_total: dict[str, float] = {}


class _Node(msgspec.Struct, rename="camel"):
    """``mem`` is total, available, percent, used; ``network_speed`` is out, in (bytes per second)."""

    raylet: _Raylet
    now: float | None = None
    hostname: str | None = None
    ip: str | None = None
    cpu: float | None = None
    cpus: list[float | None] | None = None
    mem: list[float | None] | None = None
    disk: dict[str, _Disk] | None = None
    network_speed: list[float | None] | None = None
    gpus: list[_Gpu] | None = None


class _Body(msgspec.Struct):
    summary: list[_Node]


class _Summary(msgspec.Struct):
    data: _Body


_DECODER = msgspec.json.Decoder(_Summary, strict=False)


def decode(body: bytes, cluster: str) -> tuple[Node, ...]:
    """Decode the reply; the head comes first, then the others by address. Raise NotRayError for anything else."""
    try:
        found = _DECODER.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise NotRayError(cluster, f"the list of nodes is not what Ray sends: {error}") from error
    nodes = [_node(reply) for reply in found.data.summary]
    return tuple(sorted(nodes, key=_place))


def _place(node: Node) -> tuple[bool, bool, str, str]:
    return (node.role != "head", not node.alive, address_order(node.ip), node.node_id)


def _node(reply: _Node) -> Node:
    raylet = reply.raylet
    ended_ms = float(raylet.end_time_ms or 0)
    return Node(
        node_id=raylet.node_id,
        ip=reply.ip or raylet.node_manager_address,
        hostname=reply.hostname or raylet.node_manager_hostname,
        role="head" if raylet.is_head_node else "worker",
        alive=raylet.state == "ALIVE",
        samples=dict(_samples(reply)),
        gpus=tuple(_gpu(gpu, reply.now) for gpu in reply.gpus or ()),
        logical_gpus=raylet.resources_total.get("GPU", 0.0),
        died_at=ended_ms / 1000 if ended_ms else None,
        death_message=raylet.state_message or "",
    )


def _samples(reply: _Node) -> Iterator[tuple[str, Sample]]:
    if reply.now is None:
        return  # a node that has not reported yet has no figures, only resources
    for name, value in _figures(reply):
        if value is not None and math.isfinite(value):
            yield name, Sample(float(value), reply.now, "dashboard")


def _figures(reply: _Node) -> Iterator[tuple[str, float | None]]:
    raylet = reply.raylet
    yield "cpu_percent", reply.cpu
    yield "cpu_cores", _at(reply.cpus, 0)
    yield "memory_total_bytes", _at(reply.mem, 0)
    yield "memory_used_bytes", _at(reply.mem, 3)
    root = (reply.disk or {}).get("/")
    if root is not None:
        # As Ray's own percentage: without what only root may use.
        total = root.used + root.free if root.used is not None and root.free is not None else None
        if not is_dummy_disk(total):
            yield "disk_used_bytes", root.used
            yield "disk_total_bytes", total
    yield "network_send_bytes_per_s", _at(reply.network_speed, 0)
    yield "network_receive_bytes_per_s", _at(reply.network_speed, 1)
    used, available = raylet.object_store_used_memory, raylet.object_store_available_memory
    if used is not None and available is not None and used + available > 0:  # 0 of 0: the head has not asked yet
        yield "object_store_used_bytes", used
        yield "object_store_total_bytes", used + available


def _at(values: list[float | None] | None, index: int) -> float | None:
    return values[index] if values is not None and len(values) > index else None


def _gpu(gpu: _Gpu, sampled_at: float | None) -> Gpu:
    percent = gpu.utilization_gpu
    return Gpu(
        index=gpu.index,
        uuid=str(gpu.uuid) if gpu.uuid else None,
        name=gpu.name,
        used_percent=percent if percent is not None and percent >= 0 else None,
        memory_used_bytes=None if gpu.memory_used is None else gpu.memory_used * MIB,
        memory_total_bytes=None if gpu.memory_total is None else gpu.memory_total * MIB,
        power_watts=None if gpu.power_mw is None else gpu.power_mw / 1000,
        temperature_celsius=gpu.temperature_c,
        sampled_at=sampled_at,
    )
