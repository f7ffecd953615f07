"""Asking a head why one of its jobs waits or failed. A question that fails leaves its part of the evidence unknown."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from console.errors import NotFoundError, SourceError
from console.model.diagnosis import DeadNode, Diagnosis, Evidence
from console.model.job import Job
from console.services.core import Core
from console.services.diagnosis import diagnose

_LOG_LINES = 200
Answer = TypeVar("Answer")


async def why(core: Core, job: Job) -> Diagnosis:
    """Ask for the job anew and for what bears on it; raise SourceError only when the head does not answer at all."""
    dashboard = core.fleet.dashboard(job.cluster)
    job = job if job.submission_id is None else await dashboard.job(job.id)
    resources, waiting, log = await asyncio.gather(
        _known(dashboard.resources()),
        _known(dashboard.waiting_tasks(job.job_id)) if job.job_id and not job.ended else _nothing(),
        _known(dashboard.log_tail(job, _LOG_LINES)) if job.status == "FAILED" else _nothing(),
    )
    nodes = core.fleet.poller(job.cluster).last.nodes or await _known(dashboard.nodes()) or ()
    dead = tuple(DeadNode(node.node_id, node.ip, node.died_at, node.death_message) for node in nodes if not node.alive)
    return diagnose(
        Evidence(
            job=job,
            usage=resources.usage if resources else None,
            largest=resources.largest if resources else None,
            demand=resources.demand if resources and not job.ended else None,
            waiting=waiting,
            log=None if log is None else log.decode("utf-8", "replace"),
            dead_nodes=dead,
        )
    )


async def _known(asked: Awaitable[Answer]) -> Answer | None:
    try:
        return await asked
    except (SourceError, NotFoundError):
        return None


async def _nothing() -> None:
    return None
