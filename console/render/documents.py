"""The JSON documents of the command line, in the shapes of the contract. What is not known is null, never 0."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import msgspec

from console.metrics import METRICS
from console.model.cluster import ClusterSnapshot, Fault, Node
from console.model.hosts import host_mates, with_host_cpu
from console.model.job import Job, JobCounts
from console.model.kept import KeptOutput, SpoiltOutput
from console.model.serve import ServeFigures, ServeState
from console.model.usage import cluster_source, cluster_usage
from console.render.clusters_table import data_age_s

Document = dict[str, Any]


class OutputPlaces(Protocol):
    """What knows where outputs are kept."""

    def path(self, kept: KeptOutput) -> Path:
        """Return the path of a kept output."""

    def spoilt_path(self, submission_id: str) -> Path:
        """Return the path of what came instead of one."""


def iso_utc(at: float | None) -> str | None:
    """Return Unix seconds as ISO-8601 in UTC."""
    return None if at is None else datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")


def status_document(snapshots: Iterable[ClusterSnapshot], taken_at: float) -> Document:
    """Return the document of ``raydeck status --json``."""
    return {"taken_at": iso_utc(taken_at), "clusters": [_cluster(snapshot, taken_at) for snapshot in snapshots]}


def _cluster(snapshot: ClusterSnapshot, now: float) -> Document:
    spec, identity, asked = snapshot.spec, snapshot.identity, snapshot.identity is not None
    use = cluster_usage(snapshot)
    alive = len(snapshot.alive_nodes)
    figures = cluster_source(snapshot) is not None
    return {
        "name": spec.name,
        "kind": spec.kind,
        "state": str(snapshot.state),
        "ray_version": identity.ray_version if identity else None,
        "session_name": identity.session_name if identity else None,
        "nodes": {
            "alive": alive if asked and snapshot.nodes else None,
            "dead": len(snapshot.nodes) - alive if asked and snapshot.nodes else None,
        },
        "cpu": {"used_percent": use.cpu_percent, "cores": use.cores},
        "memory": {"used_bytes": use.memory_used_bytes, "total_bytes": use.memory_total_bytes},
        "gpu": {
            "count": use.gpu_count if figures else None,
            "used_percent": use.gpu_percent,
            "memory_used_bytes": use.gram_used_bytes,
            "memory_total_bytes": use.gram_total_bytes,
        },
        "jobs": _job_counts(snapshot.job_counts),
        "tunnel": _tunnel(snapshot),
        "source": cluster_source(snapshot) or "none",
        "age_s": _rounded(data_age_s(snapshot, now)),
        "faults": [_fault(fault) for fault in snapshot.faults],
    }


def _tunnel(snapshot: ClusterSnapshot) -> Document:
    found = snapshot.tunnel
    if found is None:
        return {"ok": None, "total": None if snapshot.spec.tunnel is None else 5, "first_broken": None}
    return {"ok": found.ok, "total": found.total, "first_broken": found.first_broken}


def _job_counts(counts: JobCounts | None) -> Document:
    return {name: None if counts is None else getattr(counts, name) for name in JobCounts.__struct_fields__}


def _fault(fault: Fault) -> Document:
    return {"source": fault.source, "message": fault.message, "hint": fault.hint, "since": iso_utc(fault.since)}


def nodes_document(snapshots: Iterable[ClusterSnapshot], taken_at: float) -> Document:
    """Return the document of ``raydeck nodes --json``: every figure with its unit, source and age."""
    nodes = [
        _node(snapshot, node, mates.get(node.node_id, ()), taken_at)
        for snapshot in snapshots
        for mates in (host_mates(snapshot),)
        for node in snapshot.nodes
    ]
    return {"taken_at": iso_utc(taken_at), "nodes": nodes}


def _node(snapshot: ClusterSnapshot, node: Node, mates: tuple[Node, ...], now: float) -> Document:
    """Return a node's document; nodes of one host (``mates``) have its one CPU figure, as in the tables."""
    told = with_host_cpu(node, mates)
    return {
        "cluster": snapshot.spec.name,
        "node_id": node.node_id,
        "ip": node.ip,
        "role": node.role,
        "state": "alive" if node.alive else "dead",
        "metrics": {
            name: {
                "value": sample.value,
                "unit": METRICS[name].unit,
                "source": sample.source,
                "age_s": _rounded(now - sample.sampled_at),
            }
            for name, sample in told.samples.items()
        },
        "gpus": [
            {
                "index": gpu.index,
                "uuid": gpu.uuid,
                "name": gpu.name,
                "used_percent": gpu.used_percent,
                "memory_used_bytes": gpu.memory_used_bytes,
                "memory_total_bytes": gpu.memory_total_bytes,
            }
            for gpu in node.gpus
        ],
    }


def jobs_document(jobs: Sequence[Job]) -> Document:
    """Return the document of ``raydeck jobs --json``; environment variables are not in a Job at all."""
    return {"jobs": [_job(job) for job in jobs]}


def _job(job: Job) -> Document:
    return {
        "cluster": job.cluster,
        "submission_id": job.submission_id,
        "job_id": job.job_id,
        "type": job.type,
        "status": job.status,
        "entrypoint": job.entrypoint,
        "start_time": iso_utc(job.start_time),
        "end_time": iso_utc(job.end_time),
        "message": job.message,
        "metadata": dict(job.metadata),
    }


def results_document(kept: Iterable[KeptOutput], spoilt: Iterable[SpoiltOutput], place: OutputPlaces) -> Document:
    """Return the document of ``raydeck results --json``."""
    return {
        "results": [_kept(each, str(place.path(each))) for each in kept],
        "aside": [_spoilt(each, str(place.spoilt_path(each.submission_id))) for each in spoilt],
    }


def _kept(kept: KeptOutput, path: str) -> Document:
    return {
        "cluster": kept.cluster,
        "job": kept.job,
        "submission_id": kept.submission_id,
        "parameters": kept.parameters,
        "start_time": iso_utc(kept.started_at),
        "end_time": iso_utc(kept.ended_at),
        "kept_at": iso_utc(kept.kept_at),
        "source": kept.source,
        "sha256": kept.sha256,
        "summaries_in_all": kept.total,
        "path": path,
    }


def _spoilt(spoilt: SpoiltOutput, path: str) -> Document:
    return {
        "cluster": spoilt.cluster,
        "job": spoilt.job,
        "submission_id": spoilt.submission_id,
        "kept_at": iso_utc(spoilt.kept_at),
        "source": spoilt.source,
        "received_bytes": spoilt.received_bytes,
        "why": spoilt.why,
        "path": path,
    }


def serve_document(states: Iterable[ServeState]) -> Document:
    """Return the document of ``raydeck serve --json``."""
    return {"clusters": [_serving(state) for state in states]}


def _serving(state: ServeState) -> Document:
    applications = None if state.trouble else [_application(state, name) for name in state.applications]
    return {
        "cluster": state.cluster,
        "address": state.address,
        "port": state.port,
        "applications": applications,
        "error": state.trouble or None,
        "figures_error": state.figures_trouble or None,
    }


def _application(state: ServeState, name: str) -> Document:
    app = state.applications[name]
    return {
        "name": name,
        "status": app.status,
        "route_prefix": app.route_prefix,
        "message": app.message,
        "routes": [{"method": route.method, "path": route.path} for route in state.routes.get(name, ())],
        "deployments": [
            {
                "name": each.name,
                "status": each.status,
                "message": each.message,
                "target_replicas": each.target_num_replicas,
                "replicas": [
                    {"id": replica.replica_id, "state": replica.state, "node_ip": replica.node_ip}
                    for replica in each.replicas
                ],
                **msgspec.to_builtins(state.figures.get((name, each.name), ServeFigures())),
            }
            for each in app.deployments.values()
        ],
    }


def submission_document(job: Job, name: str, output: str | None) -> Document:
    """Return the document of one submission; ``output`` is the path where its output is kept."""
    return {
        "cluster": job.cluster,
        "job": name,
        "submission_id": job.submission_id,
        "status": job.status,
        "output": output,
    }


def _rounded(age_s: float | None) -> float | None:
    return None if age_s is None else round(max(0.0, age_s), 3)
