"""Lines of several logs, each behind the name of its cluster in a colour of its own."""

from __future__ import annotations

from collections.abc import Sequence

from console.model.job import Job
from console.services.merged_lines import MergedLine

_COLOURS = (36, 33, 35, 32, 34, 31, 96, 93, 95, 92)


def tags(jobs: Sequence[Job]) -> list[str]:
    """Return a name for each job, equally wide: its cluster, with the end of its id where a cluster has several."""
    clusters = [job.cluster for job in jobs]
    names = [job.cluster if clusters.count(job.cluster) == 1 else f"{job.cluster} {job.id[-4:]}" for job in jobs]
    width = max(map(len, names), default=0)
    return [name.ljust(width) for name in names]


def tagged(piece: MergedLine, names: Sequence[str]) -> bytes:
    """Return a line behind its job's name; the colour is an SGR sequence, which a log view and a terminal know."""
    colour = _COLOURS[piece.number % len(_COLOURS)]
    return f"\x1b[{colour}m{names[piece.number]}\x1b[0m ".encode("utf-8", "replace") + piece.line
