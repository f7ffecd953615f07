"""Kept copies of logs as a table: whose they are, how the job stood, and when they were written."""

from __future__ import annotations

from datetime import datetime, tzinfo

from console.model.job import Job
from console.render.cells import Cell, Column, cell
from console.render.glyphs import Glyphs
from console.render.jobs_table import JOB_COLUMNS, job_row

COPY_COLUMNS = (Column("kept", "KEPT", 12, right=False), *JOB_COLUMNS[1:5])  # status to submission id


def copy_row(job: Job, kept_at: float, now: float, zone: tzinfo | None, glyphs: Glyphs) -> tuple[Cell, ...]:
    """Return the cells of a copy that was written at ``kept_at``."""
    when = datetime.fromtimestamp(kept_at, zone)
    return (cell(f"{when:%d %b %H:%M}"), *job_row(job, now, zone, glyphs).cells[1:5])
