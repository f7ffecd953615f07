"""The jobs table: all jobs of all clusters, the newest first. Everything textual in it comes from outside."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, tzinfo

import msgspec

from console.model.job import Job
from console.render.cells import Cell, Column, Row, cell, unknown
from console.render.figures import duration
from console.render.glyphs import Glyphs, state_tone
from console.services.log_end import own_lines

JOB_COLUMNS = (
    Column("state", "", 1, right=False),
    Column("status", "STATUS", 9, right=False, drop=6),
    Column("cluster", "CLUSTER", 11, right=False),
    Column("job", "JOB", 19, right=False, drop=1),
    Column("id", "SUBMISSION ID", 26, right=False, drop=4),
    Column("start", "START", 8, right=False, drop=2),
    Column("duration", "DURATION", 9),
    Column("message", "MESSAGE", 23, right=False, flex=True, width_most=100, drop=3),
    Column("entrypoint", "ENTRYPOINT", 44, right=False, drop=9),
)

_LONGEST = 300  # characters of a text that could fit into any cell; a message can have 20 000
_FAILED = re.compile(r"Job entrypoint command failed with (exit code -?\d+)")


def columns_with_zone(now: float, zone: tzinfo | None) -> tuple[Column, ...]:
    """Return the columns with the name of the times' zone, for a table that has no clock above it."""
    name = datetime.fromtimestamp(now, zone).astimezone(zone).tzname() or ""
    return tuple(
        msgspec.structs.replace(column, title=f"{column.title} {name}".strip()) if column.key == "start" else column
        for column in JOB_COLUMNS
    )


def job_key(job: Job) -> str:
    """Return the key of a job's row."""
    return f"{job.cluster}/{job.id}"


def job_row(job: Job, now: float, zone: tzinfo | None, glyphs: Glyphs) -> Row:
    """Return the row of a job; ``zone`` None is this machine's local time."""
    cells = (
        Cell(((glyphs.state(job.status), state_tone(job.status)),), job.status, fresh=True),
        cell(job.status.lower(), state_tone(job.status)),
        cell(job.cluster),
        cell(job.bundle or job.metadata.get("job_name", "") or _program(job)),
        cell(job.id, "dim"),
        _start(job, now, zone, glyphs),
        _duration(job, now, glyphs),
        cell(short_message(job.message) or _remark(job), "dim"),
        cell(job.entrypoint[:_LONGEST], "dim"),
    )
    return Row(cells)


def short_message(message: str) -> str:
    """Return what a message says in one line; of a failed entrypoint the last line of its log and its exit code."""
    found = _FAILED.match(message)
    if found is None:
        return message[:_LONGEST].strip()
    last = (own_lines(message.partition("\n")[2]) or [""])[-1][-_LONGEST:].strip()
    return f"{last} ({found[1]})" if last else found[1]


def stop_question(jobs: Sequence[Job]) -> str:
    """Return what is asked before jobs are stopped; it names the clusters."""
    if len(jobs) == 1:
        return f"stop {jobs[0].id} on {jobs[0].cluster}?"
    return f"stop {len(jobs)} jobs on {', '.join(dict.fromkeys(job.cluster for job in jobs))}?"


def _remark(job: Job) -> str:
    """Return what cannot be done with a driver that was not submitted."""
    return "not submitted: no log, no stop, no rerun" if job.submission_id is None else ""


def _program(job: Job) -> str:
    """Return the script that an entrypoint runs, else its first word."""
    if job.submission_id is None:
        return "driver"
    words = job.entrypoint[:200].split()
    return next((word for word in words if word.endswith(".py")), words[0] if words else "")


def _start(job: Job, now: float, zone: tzinfo | None, glyphs: Glyphs) -> Cell:
    if job.start_time is None:
        return unknown(glyphs)
    started = datetime.fromtimestamp(job.start_time, zone)
    today = started.date() == datetime.fromtimestamp(now, zone).date()
    return cell(started.strftime("%H:%M:%S" if today else "%d %b"), "", job.start_time)


def _duration(job: Job, now: float, glyphs: Glyphs) -> Cell:
    if job.start_time is None:
        return unknown(glyphs)
    seconds = max(0.0, (job.end_time or now) - job.start_time)
    # Whole seconds while it runs: tenths would change at every repaint and say nothing.
    return cell(duration(seconds if job.end_time or seconds >= 10 else int(seconds), glyphs), "", seconds)
