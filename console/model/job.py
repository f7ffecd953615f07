"""Jobs as the Jobs API tells of them, without what must never be shown or kept (environment variables)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct

FINAL: frozenset[str] = frozenset({"STOPPED", "SUCCEEDED", "FAILED"})


class Job(Struct, frozen=True, kw_only=True):
    """One job or driver; times are Unix seconds.

    ``submission_id`` is None for a driver that was not submitted, ``job_id`` for a submission whose driver has not
    started. Everything textual comes from outside and is hostile until it is drawn.
    """

    cluster: str
    submission_id: str | None
    job_id: str | None
    type: str
    status: str
    entrypoint: str
    start_time: float | None
    end_time: float | None
    message: str = ""
    metadata: Mapping[str, str] = {}
    driver_node_id: str | None = None
    driver_exit_code: int | None = None
    error_type: str = ""

    @property
    def id(self) -> str:
        """Return what an operator calls it: the submission id, else the job id."""
        return self.submission_id or self.job_id or "?"

    @property
    def ended(self) -> bool:
        """Return whether its status cannot change any more."""
        return self.status in FINAL

    @property
    def bundle(self) -> str:
        """Return the bundle's name that our submissions carry in their metadata, empty for other jobs."""
        return self.metadata.get("raydeck_job", "")


class JobCounts(Struct, frozen=True):
    """How many jobs of a cluster have which status."""

    running: int = 0
    pending: int = 0
    failed: int = 0
    stopped: int = 0
    succeeded: int = 0


def count_jobs(jobs: Iterable[Job]) -> JobCounts:
    """Count jobs by status; a status that this version does not know is counted nowhere."""
    counts: dict[str, int] = {}
    for job in jobs:
        name = job.status.lower()
        if name in JobCounts.__struct_fields__:
            counts[name] = counts.get(name, 0) + 1
    return JobCounts(**counts)
