"""The JSON documents: the contract's shapes, and null for whatever is not known, never 0."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from console.model.cluster import ClusterSnapshot, ClusterSpec, Fault, Gpu, Identity, Node, Sample, State, TunnelSpec
from console.model.job import Job, JobCounts
from console.render.documents import iso_utc, jobs_document, nodes_document, status_document, submission_document

NOW = 1_795_384_800.0
SPEC = ClusterSpec(name="one", kind="local", dashboard="http://127.0.0.1:1")
NODE = Node(
    node_id="a", ip="10.0.0.1", hostname="h", role="head", alive=True,
    samples={"cpu_percent": Sample(0.0, NOW - 2, "dashboard"), "cpu_cores": Sample(2.0, NOW - 2, "dashboard")},
    gpus=(Gpu(0, None, "H200", None, 1.0, None),),
)  # fmt: skip
JOB = Job(
    cluster="one", submission_id="raysubmit_1", job_id=None, type="SUBMISSION", status="PENDING", entrypoint="x",
    start_time=None, end_time=None,
)  # fmt: skip


def leaves(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [leaf for each in value.values() for leaf in leaves(each)]
    return [leaf for each in value for leaf in leaves(each)] if isinstance(value, list) else [value]


def test_times_are_iso_in_utc() -> None:
    assert iso_utc(NOW) == "2026-11-22T22:00:00.000+00:00"
    assert iso_utc(None) is None


def test_a_cluster_that_was_never_asked_has_nulls_and_no_zero() -> None:
    [cluster] = status_document([ClusterSnapshot(spec=SPEC, taken_at=NOW)], NOW)["clusters"]
    assert (cluster.pop("name"), cluster.pop("kind"), cluster.pop("state")) == ("one", "local", "unknown")
    assert (cluster.pop("source"), cluster.pop("faults")) == ("none", [])
    assert set(leaves(cluster)) == {None}


def test_status_has_the_contracts_shape() -> None:
    fault = Fault("dashboard", "gone", "look", NOW - 5)
    shot = ClusterSnapshot(
        spec=msgspec.structs.replace(SPEC, tunnel=TunnelSpec("v", 1)), taken_at=NOW, state=State.DEGRADED,
        answered_at=NOW, identity=Identity("2.60.0", "s"), nodes=(NODE,), job_counts=JobCounts(running=1),
        faults=(fault,),
    )  # fmt: skip
    document = status_document([shot], NOW)
    assert list(document) == ["taken_at", "clusters"]
    [cluster] = document["clusters"]
    assert list(cluster) == [
        "name", "kind", "state", "ray_version", "session_name", "nodes", "cpu", "memory", "gpu", "jobs", "tunnel",
        "source", "age_s", "faults",
    ]  # fmt: skip
    assert cluster["nodes"] == {"alive": 1, "dead": 0}
    assert cluster["cpu"] == {"used_percent": 0.0, "cores": 2.0}
    assert cluster["memory"] == {"used_bytes": None, "total_bytes": None}
    assert cluster["gpu"] == {"count": 1, "used_percent": None, "memory_used_bytes": 1.0, "memory_total_bytes": None}
    assert cluster["jobs"] == {"running": 1, "pending": 0, "failed": 0, "stopped": 0, "succeeded": 0}
    assert cluster["tunnel"] == {"ok": None, "total": 5, "first_broken": None}
    assert cluster["age_s"] == 2.0
    assert cluster["faults"] == [
        {"source": "dashboard", "message": "gone", "hint": "look", "since": "2026-11-22T21:59:55.000+00:00"}
    ]
    json.dumps(document)


def test_nodes_of_one_host_have_one_cpu_figure() -> None:
    older = Sample(10.0, NOW - 9, "dashboard")
    mate = msgspec.structs.replace(NODE, node_id="mate", samples={**NODE.samples, "cpu_percent": older})
    rows = nodes_document([ClusterSnapshot(spec=SPEC, taken_at=NOW, nodes=(NODE, mate))], NOW)["nodes"]
    assert rows[0]["metrics"]["cpu_percent"] == rows[1]["metrics"]["cpu_percent"]


def test_nodes_have_every_figure_with_unit_source_and_age() -> None:
    [node] = nodes_document([ClusterSnapshot(spec=SPEC, taken_at=NOW, nodes=(NODE,))], NOW)["nodes"]
    assert list(node) == ["cluster", "node_id", "ip", "role", "state", "metrics", "gpus"]
    assert node["metrics"]["cpu_percent"] == {"value": 0.0, "unit": "percent", "source": "dashboard", "age_s": 2.0}
    assert "memory_used_bytes" not in node["metrics"]
    assert list(node["gpus"][0]) == ["index", "uuid", "name", "used_percent", "memory_used_bytes", "memory_total_bytes"]
    assert node["gpus"][0]["used_percent"] is None


def test_jobs_and_submissions() -> None:
    [job] = jobs_document([JOB])["jobs"]
    assert list(job) == [
        "cluster", "submission_id", "job_id", "type", "status", "entrypoint", "start_time", "end_time", "message",
        "metadata",
    ]  # fmt: skip
    assert (job["job_id"], job["start_time"], job["end_time"]) == (None, None, None)
    assert submission_document(JOB, "parallel_processing", None) == {
        "cluster": "one", "job": "parallel_processing", "submission_id": "raysubmit_1", "status": "PENDING",
        "output": None,
    }  # fmt: skip
