"""Kept copies of logs that were read: the end of each, in the state folder, readable when its cluster is gone.

``logs/<id>.log`` holds bytes as they came, ``logs/<id>.about.json`` the job as it was seen last. A copy is at most
4 MiB, all together at most 200 MiB and 2000: the ones that were written longest ago go first. All of it is file work:
an event loop calls it in a thread.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from contextlib import suppress

import msgspec

from console.errors import RaydeckError
from console.model.job import Job
from console.services.state_folder import StateFolder

COPY_BYTES = 4 * 1024 * 1024
ALL_BYTES = 200 * 1024 * 1024
MOST_COPIES = 2000
_FOLDER = "logs"
_SEAM_BYTES, _SEAMS_TRIED = 512, 64
_REST_S = 5.0
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

    def listed(self) -> list[KeptLog]:
        """Return whose logs are kept, those that were written last first."""
        found = []
        with suppress(OSError):
            for path in self._state.at(_FOLDER).glob("*.about.json"):
                with suppress(OSError, ValueError):
                    found.append(msgspec.json.decode(path.read_bytes(), type=KeptLog))
        return sorted(found, key=lambda each: -each.kept_at)

    def content_of(self, job: Job) -> bytes:
        """Return what is kept of this very job's log, nothing where it is another's with the same id."""
        kept = self.find(job.id)
        return kept[1] if kept is not None and _is_same(kept[0].job, job) else b""

    def keep(self, job: Job, read: bytes) -> None:
        """Keep what was read of a job's log, behind what is kept of it already."""
        if read:
            self.write(job, joined(self.content_of(job), read))

    def write(self, job: Job, content: bytes) -> None:
        """Keep this as the copy of a job's log. A full disk is no reason to stop."""
        if job.submission_id is None:
            return
        with suppress(OSError, ValueError, RaydeckError):
            self._state.write(_whole_lines(content), _FOLDER, f"{job.id}.log")
            self._state.write(msgspec.json.encode(KeptLog(job, self._clock())), _FOLDER, f"{job.id}.about.json")
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        paths = sorted(self._state.at(_FOLDER).glob("*.log"), key=lambda path: -path.stat().st_mtime)
        total = 0
        for number, path in enumerate(paths):
            total += path.stat().st_size
            if total > ALL_BYTES or number >= MOST_COPIES:
                path.unlink(missing_ok=True)
                path.with_suffix(".about.json").unlink(missing_ok=True)


class LogCopy:
    """Gathers what is read of one log, its last 4 MiB, and keeps it behind what was kept before it was opened."""

    def __init__(self, copies: LogCopies, job: Job) -> None:
        self._copies = copies
        self._job = job
        self._before: bytes | None = None
        self._chunks: list[bytes] = []
        self._bytes = 0
        self._is_kept = True
        self._writing = threading.Lock()

    def add(self, chunk: bytes) -> None:
        """Take the next bytes."""
        self._is_kept = False
        self._chunks.append(chunk)
        self._bytes += len(chunk)
        if self._bytes > 2 * COPY_BYTES:
            self._chunks = [self.content()]
            self._bytes = len(self._chunks[0])

    def saw(self, job: Job) -> None:
        """Take note of how the job stands."""
        self._is_kept = False
        self._job = job

    def content(self) -> bytes:
        """Return what was gathered."""
        return _whole_lines(b"".join(tuple(self._chunks)))

    def keep(self) -> None:
        """Write what is new; called while one still writes, it waits, so that the newest is what stays."""
        with self._writing:
            if self._is_kept or not self._chunks:
                return
            self._is_kept = True
            if self._before is None:
                self._before = self._copies.content_of(self._job)
            self._copies.write(self._job, joined(self._before, self.content()))

    async def keep_now_and_then(self) -> None:
        """Write what is new every few seconds, without end: whoever is killed loses no more than that."""
        while True:
            await asyncio.sleep(_REST_S)
            await asyncio.to_thread(self.keep)


def joined(before: bytes, read: bytes) -> bytes:
    """Return one log from a copy and what was read later: where both say the same, it stands once.

    What begins nowhere in the copy comes behind a line that says that something may be missing.
    """
    if not before or before in read:
        return read
    seam = before.find(read[:_SEAM_BYTES])
    for _ in range(_SEAMS_TRIED):
        if seam < 0:
            break
        if before.startswith(read, seam):
            return before
        if read.startswith(before[seam:]):
            return before[:seam] + read
        seam = before.find(read[:_SEAM_BYTES], before.find(b"\n", seam) + 1 or len(before))
    unfinished = len(before) - before.rfind(b"\n") - 1
    ends = [at + 1 + unfinished for at in range(min(_SEAM_BYTES, len(read))) if read[at : at + 1] == b"\n"]
    overlap = next((end for end in reversed(ends) if before.endswith(read[:end])), 0)
    return before + read[overlap:] if overlap else before.rstrip(b"\n") + b"\n" + _GAP + read


def behind(copy: bytes, read: bytes) -> bytes:
    """Return what of a reading of a log is not in the copy that was given in its place."""
    if copy in read:
        return read[read.find(copy) + len(copy) :]
    whole = joined(copy, read)
    return whole[len(copy) :] if whole.startswith(copy) else _GAP + read


def _whole_lines(content: bytes) -> bytes:
    if len(content) <= COPY_BYTES:
        return content
    end = content[-COPY_BYTES:]
    return end[end.find(b"\n") + 1 :]


def _is_same(one: Job, other: Job) -> bool:
    return one.cluster == other.cluster and one.start_time == other.start_time
