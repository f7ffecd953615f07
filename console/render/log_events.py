"""What happens beside a log, in words: the lines of our own that stand among the log's."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, tzinfo

from console.model.job import Job
from console.render.figures import duration
from console.render.glyphs import Glyphs


def lost_words(at: float, reason: str, zone: tzinfo | None) -> str:
    """Return that the link was lost, when (Unix seconds) and why."""
    return f"link lost {datetime.fromtimestamp(at, zone):%H:%M:%S}: {reason}"


def back_words(after_s: float, glyphs: Glyphs, *, complete: bool) -> str:
    """Return that the link is back, and what that means for the lines around it."""
    missing = "nothing missing" if complete else "some lines may be missing or doubled"
    return f"link back after {duration(after_s, glyphs)}, {missing}"


def copy_words(kept_at: float, job: Job, zone: tzinfo | None) -> str:
    """Return of when a kept copy is, and how its job stood then."""
    return f"kept copy of {datetime.fromtimestamp(kept_at, zone):%d %b %H:%M:%S}, the job was {job.status.lower()}"


def bound_words(jobs: Iterable[Job], most_lines: int) -> str:
    """Return how to see more of these jobs' logs than is kept on screen."""
    most, ids = f"{most_lines:,}".replace(",", " "), " ".join(job.id for job in jobs)
    return f"no more than {most} lines are kept here; raydeck logs {ids} --lines N prints more"
