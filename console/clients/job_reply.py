"""A job as the Jobs API tells of it, decoded without what must never be shown or kept."""

from __future__ import annotations

import msgspec

from console.model.job import Job


class JobReply(msgspec.Struct):
    """One job as the API has it; ``runtime_env`` is left out on purpose: it holds secrets in clear."""

    type: str
    status: str
    entrypoint: str
    submission_id: str | None = None
    job_id: str | None = None
    message: str | None = None
    start_time: int | None = None
    end_time: int | None = None
    metadata: dict[str, str] | None = None
    driver_node_id: str | None = None
    driver_exit_code: int | None = None
    error_type: str | None = None

    def job(self, cluster: str) -> Job:
        """Return it as a job of this cluster."""
        return Job(
            cluster=cluster,
            submission_id=self.submission_id,
            job_id=self.job_id,
            type=self.type,
            status=self.status,
            entrypoint=self.entrypoint,
            start_time=_seconds(self.start_time),
            end_time=_seconds(self.end_time),
            message=self.message or "",
            metadata=self.metadata or {},
            driver_node_id=self.driver_node_id,
            driver_exit_code=self.driver_exit_code,
            error_type=self.error_type or "",
        )


def _seconds(milliseconds: int | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000
