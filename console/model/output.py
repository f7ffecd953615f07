"""The output document of a bundled job, and the log line that holds it when Serve is gone.

``{"output": [summary…]}`` is one cluster's; ``{"output": {"0": {"url", "data": [summary…], …}, …}}`` is several's.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import zlib
from collections.abc import Mapping

import msgspec
from msgspec import Struct

from console.errors import NotFoundError, RaydeckError

MAX_DOCUMENT_BYTES = 256 * 1024**2  # a megabyte of log may claim to be any size
_LINE = re.compile(rb"\s*raydeck-output 1 (?:sha256:([0-9a-f]{64}) ([A-Za-z0-9+/=]+)|too-large ([0-9]{1,20}))\s*")


class Statistic(Struct, frozen=True):
    """Mean and variance of each batch, in batch order."""

    mean: tuple[float, ...]
    variance: tuple[float, ...]


class Summary(Struct, frozen=True):
    """A group of batches; its lists are of one length. (``workers``, ``batches``) identifies it, ``id`` names it."""

    id: str
    workers: tuple[int, ...]
    actors: tuple[int, ...]
    batches: tuple[int, ...]
    seed: Statistic
    name: Statistic
    priority: Statistic
    length: Statistic

    def __post_init__(self) -> None:
        statistics = (self.seed, self.name, self.priority, self.length)
        lists = [self.workers, self.actors, *(s.mean for s in statistics), *(s.variance for s in statistics)]
        if any(len(each) != len(self.batches) for each in lists):
            msg = f"summary {self.id!r}: its lists differ in length"
            raise ValueError(msg)


class ClusterOutput(Struct, frozen=True):
    """What one cluster contributed; ``error`` says why it is empty. What a job did not say is None."""

    url: str
    data: tuple[Summary, ...]
    weight: float | None = None
    files: int | None = None
    seconds: float | None = None
    ray_version: str | None = None
    error: str | None = None


class JobOutput(Struct, frozen=True):
    """The output by the clusters' numbers; a job of one cluster has the number ``0`` alone."""

    clusters: Mapping[str, ClusterOutput]

    @property
    def summaries(self) -> tuple[Summary, ...]:
        """Return the summaries of all clusters, in the clusters' order."""
        return tuple(summary for cluster in self.clusters.values() for summary in cluster.data)


class _OfOne(Struct, frozen=True):
    output: tuple[Summary, ...]


class _OfSeveral(Struct, frozen=True):
    output: dict[str, ClusterOutput]


class _Either(Struct, frozen=True):
    output: msgspec.Raw


def parse_output(document: bytes) -> JobOutput:
    """Read an output document of either form. Raise NotFoundError when it is none."""
    try:
        if bytes(msgspec.json.decode(document, type=_Either).output).lstrip().startswith(b"["):
            return JobOutput({"0": ClusterOutput("", msgspec.json.decode(document, type=_OfOne).output)})
        return JobOutput(msgspec.json.decode(document, type=_OfSeveral).output)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise NotFoundError("output", f"is not a document of summaries: {error}") from error


def decode_marked_line(line: bytes) -> bytes | None:
    """Return the document that a log line holds, None for any other line.

    Raise NotFoundError when the job says that its output is too large for the log, RaydeckError when it is damaged.
    """
    match = _LINE.fullmatch(line)
    if match is None:
        return None
    digest, packed, document_bytes = match.groups()
    if document_bytes is not None:
        raise NotFoundError("output", f"its {int(document_bytes)} bytes are too large for the log")
    document = _unpacked(packed)
    if hashlib.sha256(document).hexdigest().encode() != digest:
        raise RaydeckError("output", "the log's line is damaged: its checksum differs")
    return document


def is_marked_line(line: bytes) -> bool:
    """Return whether a log line was meant to hold an output, whole or not."""
    return line.lstrip().startswith(b"raydeck-output 1 ")


def _unpacked(packed: bytes) -> bytes:
    try:
        unpacker = zlib.decompressobj()
        document = unpacker.decompress(base64.b64decode(packed, validate=True), MAX_DOCUMENT_BYTES)
    except (binascii.Error, zlib.error) as error:
        raise RaydeckError("output", f"the log's line is damaged: {error}") from error
    if not unpacker.eof:
        raise RaydeckError("output", "the log's line is cut off, or its document is beyond all measure")
    return document
