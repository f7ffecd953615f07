"""Kept copies of logs that were read: the end of each, in the state folder, readable when its cluster is gone.

``logs/<id>.log`` holds bytes as they came, ``logs/<id>.about.json`` the job as it was seen last. A copy is at most
4 MiB, all together at most 200 MiB: the ones that were written longest ago go first.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress

import msgspec

from console.errors import RaydeckError
from console.model.job import Job
from console.services.state_folder import StateFolder

COPY_BYTES = 4 * 1024 * 1024
ALL_BYTES = 200 * 1024 * 1024
_FOLDER = "logs"
_SEAM_BYTES = 512
_GAP = b"[lines may be missing here: they were not read]\n"


class KeptLog(msgspec.Struct, frozen=True):
    """Whose copy it is, how the job stood, and when it was written (Unix seconds)."""

    job: Job
    kept_at: float


class LogCopies:
    """The kept copies of one state folder."""

    def __init__(self, state: StateFolder, clock: Callable[[], float] = time.time) -> None:
        self._state = state
        self._clock = clock

    def find(self, job_id: str) -> tuple[KeptLog, bytes] | None:
        """Return the copy of a job's log, None where there is none that can be read."""
        try:
            about = self._state.read(_FOLDER, f"{job_id}.about.json")
            content = self._state.read(_FOLDER, f"{job_id}.log")
            return None if about is None or content is None else (msgspec.json.decode(about, type=KeptLog), content)
        except (OSError, ValueError):  # no plain name for a file, or not what we wrote
            return None

    def keep(self, job: Job, read: bytes) -> None:
        """Keep what was read of a job's log, behind what is kept of it already. A full disk is no reason to stop."""
        if not read or job.submission_id is None:
            return
        before = self.find(job.id)
        content = joined(before[1], read) if before is not None and _is_same(before[0].job, job) else read
        with suppress(OSError, ValueError, RaydeckError):
            self._state.write(_whole_lines(content), _FOLDER, f"{job.id}.log")
            self._state.write(msgspec.json.encode(KeptLog(job, self._clock())), _FOLDER, f"{job.id}.about.json")
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        paths = sorted(self._state.at(_FOLDER).glob("*.log"), key=lambda path: -path.stat().st_mtime)
        total = 0
        for path in paths:
            total += path.stat().st_size
            if total > ALL_BYTES:
                path.unlink(missing_ok=True)
                path.with_suffix(".about.json").unlink(missing_ok=True)


class LogCopy:
    """Gathers what is read of one log, its last 4 MiB."""

    def __init__(self) -> None:
        self._chunks: list[bytes] = []
        self._bytes = 0

    def add(self, chunk: bytes) -> None:
        """Take the next bytes."""
        self._chunks.append(chunk)
        self._bytes += len(chunk)
        if self._bytes > 2 * COPY_BYTES:
            self._chunks = [b"".join(self._chunks)[-COPY_BYTES:]]
            self._bytes = COPY_BYTES

    def content(self) -> bytes:
        """Return what was gathered."""
        return b"".join(self._chunks)[-COPY_BYTES:]


def joined(before: bytes, read: bytes) -> bytes:
    """Return one log from a copy and what was read later: where the later one begins in the copy, it goes on.

    What begins nowhere in it comes behind a line that says that something may be missing.
    """
    seam = before.rfind(read[:_SEAM_BYTES])
    if seam >= 0:
        return before[:seam] + read if len(before) - seam <= len(read) else before
    if before in read:
        return read
    ends = [at + 1 for at in range(min(_SEAM_BYTES, len(read))) if read[at : at + 1] == b"\n"]
    overlap = next((end for end in reversed(ends) if before.endswith(read[:end])), 0)
    return before + read[overlap:] if overlap else before.rstrip(b"\n") + b"\n" + _GAP + read


def _whole_lines(content: bytes) -> bytes:
    if len(content) <= COPY_BYTES:
        return content
    end = content[-COPY_BYTES:]
    return end[end.find(b"\n") + 1 :]


def _is_same(one: Job, other: Job) -> bool:
    return one.cluster == other.cluster and one.start_time == other.start_time
