"""Kept outputs on disk: each with whose it is, what it was computed from, its times and a checksum; and what spoilt."""

from __future__ import annotations

import hashlib
import json
import shlex
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from console.errors import NotFoundError
from console.model.job import Job
from console.model.kept import KeptOutput, Source, SpoiltOutput
from console.model.output import JobOutput, parse_output
from console.services.output_fetch import Fetched, SpoiltError
from console.services.state_folder import StateFolder

_FOLDER = "outputs"


Described = TypeVar("Described", KeptOutput, SpoiltOutput)


class OutputShelf:
    """The kept outputs: ``<id>.json`` is the document unchanged, ``<id>.about.json`` a KeptOutput.

    ``<id>.spoilt`` is what was kept aside, ``<id>.spoilt.json`` a SpoiltOutput.
    """

    def __init__(self, state: StateFolder, clock: Callable[[], float] = time.time) -> None:
        self._state = state
        self._clock = clock

    def keep(self, job: Job, document: bytes, source: Source, total: int | None = None) -> KeptOutput:
        """Keep a document that parses; the description is written last, so half a pair is never found."""
        parse_output(document)
        return self.keep_fetched(job, Fetched(document, source, total))

    def keep_fetched(self, job: Job, fetched: Fetched) -> KeptOutput:
        """Keep what was fetched, and therefore was parsed already. Raise NotFoundError for an id that names no file."""
        self._refuse_unnameable(job)
        kept = KeptOutput(
            job.id,
            job.bundle,
            job.cluster,
            self._clock(),
            fetched.source,
            hashlib.sha256(fetched.document).hexdigest(),
            parameters_of(job.entrypoint),
            job.start_time,
            job.end_time,
            fetched.total,
        )
        self._state.write(fetched.document, _FOLDER, f"{job.id}.json")
        self._state.write(msgspec.json.encode(kept), _FOLDER, f"{job.id}.about.json")
        return kept

    def note_end(self, job: Job) -> None:
        """Write down when a job ended whose output is kept: that was mostly fetched while the job still served it."""
        kept = self.find(job.id)
        if kept is not None and kept.ended_at is None and job.end_time is not None:
            whole = msgspec.structs.replace(kept, started_at=job.start_time, ended_at=job.end_time)
            self._state.write(msgspec.json.encode(whole), _FOLDER, f"{job.id}.about.json")

    def keep_aside(self, job: Job, error: SpoiltError) -> Path:
        """Keep what is no output where it can be looked at; return where."""
        self._refuse_unnameable(job)
        spoilt = SpoiltOutput(
            job.id, job.bundle, job.cluster, self._clock(), error.source, len(error.received), error.what
        )
        path = self._state.write(error.received, _FOLDER, f"{job.id}.spoilt")
        self._state.write(msgspec.json.encode(spoilt), _FOLDER, f"{job.id}.spoilt.json")
        return path

    def kept(self) -> tuple[KeptOutput, ...]:
        """Return all kept outputs, the newest first; a description that does not parse is passed over."""
        return self._read("*.about.json", KeptOutput)

    def spoilt(self) -> tuple[SpoiltOutput, ...]:
        """Return what was kept aside and no whole output has replaced since, the newest first."""
        whole = {kept.submission_id for kept in self.kept()}
        return tuple(one for one in self._read("*.spoilt.json", SpoiltOutput) if one.submission_id not in whole)

    def find(self, submission_id: str) -> KeptOutput | None:
        """Return the kept output of a job, None when there is none."""
        return next((kept for kept in self.kept() if kept.submission_id == submission_id), None)

    def path(self, kept: KeptOutput) -> Path:
        """Return where the document is kept."""
        return self._state.at(_FOLDER, f"{kept.submission_id}.json")

    def spoilt_path(self, submission_id: str) -> Path:
        """Return where what came in place of a job's output is kept."""
        return self._state.at(_FOLDER, f"{submission_id}.spoilt")

    def document(self, kept: KeptOutput) -> bytes:
        """Return the document; raise NotFoundError when it is gone or is not what was kept."""
        path = self.path(kept)
        try:
            document = path.read_bytes()
        except OSError as error:
            raise NotFoundError(str(path), f"cannot be read: {error.strerror}") from error
        if hashlib.sha256(document).hexdigest() != kept.sha256:
            raise NotFoundError(str(path), "is not what was kept: its checksum differs")
        return document

    def parsed(self, kept: KeptOutput) -> JobOutput:
        """Return the document's summaries."""
        return parse_output(self.document(kept))

    def _refuse_unnameable(self, job: Job) -> None:
        try:
            self._state.at(_FOLDER, f"{job.id}.json")
        except ValueError as error:
            raise NotFoundError(job.cluster, f"the id {job.id!r} is no name for a file, so nothing is kept") from error

    def _read(self, pattern: str, kind: type[Described]) -> tuple[Described, ...]:
        found = []
        for path in self._state.at(_FOLDER).glob(pattern):
            try:
                described = msgspec.json.decode(path.read_bytes(), type=kind)
            except (OSError, msgspec.DecodeError):
                continue
            if path.name == f"{described.submission_id}{pattern.removeprefix('*')}":
                found.append(described)
        return tuple(sorted(found, key=lambda each: -each.kept_at))


def parameters_of(entrypoint: str) -> dict[str, Any] | None:
    """Return the JSON object that a bundled job's entrypoint ends with, None for any other entrypoint."""
    try:
        found = json.loads(shlex.split(entrypoint)[-1])
    except (ValueError, IndexError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


class ReadyWatch:
    """Watches a log for the words with which a bundle says that its output can be had; says so once."""

    def __init__(self, marker: str) -> None:
        self._marker = marker.encode()
        self._tail = b""
        self._seen = False

    def saw(self, chunk: bytes) -> bool:
        """Take the next bytes; return True for the first ones that complete the words, wherever chunks are cut."""
        if self._seen:
            return False
        self._seen = self._marker in self._tail + chunk
        self._tail = (self._tail + chunk)[-len(self._marker) :]
        return self._seen
