"""The output document, whole or in pages, and the marked log line by which it outlives the Serve application.

The line is ``raydeck-output 1 sha256:<hex> <base64>``: the checksum of the document's bytes, then the document
compressed with zlib. One that would exceed a megabyte is replaced by ``raydeck-output 1 too-large <document bytes>``.
"""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

MARK = "raydeck-output 1"
MAX_LINE_BYTES = 1_000_000


class Document(NamedTuple):
    """An output, encoded once. ``rows`` holds each cluster's encoded summaries, ``frame`` what stands around them.

    So a page is the same document with fewer summaries, cut without decoding anything.
    """

    frame: Sequence[bytes]
    rows: Sequence[Sequence[bytes]]

    @property
    def total(self) -> int:
        """Return how many summaries there are."""
        return sum(map(len, self.rows))

    def whole(self) -> bytes:
        """Return the bytes of the document ``{"output": …}``; floats keep every bit."""
        return self.page(0, self.total)

    def page(self, first: int, count: int) -> bytes:
        """Return the document with ``count`` summaries from ``first`` (from 0) on, counted through all clusters."""
        pieces = [self.frame[0]]
        for rows, after in zip(self.rows, self.frame[1:], strict=True):
            taken = rows[max(0, first) : max(0, first + count)]
            pieces += [b",".join(taken), after]
            first -= len(rows)
        return b"".join(pieces)


def of_one(summaries: Sequence[Mapping[str, Any]]) -> Document:
    """Return the document of a job on one cluster: a list of summaries."""
    return Document([b'{"output":[', b"]}"], [[_encoded(summary) for summary in summaries]])


def of_several(clusters: Mapping[str, tuple[Mapping[str, Any], Sequence[Mapping[str, Any]]]]) -> Document:
    """Return the document of a job on several clusters: by their numbers, what is known of each and its summaries."""
    heads = [
        _encoded(number) + b":" + _encoded({**about, "data": []}).removesuffix(b"]}")
        for number, (about, _) in clusters.items()
    ]
    frame = [b'{"output":{' + heads[0], *(b"]}," + head for head in heads[1:]), b"]}}}"]
    return Document(frame, [[_encoded(summary) for summary in summaries] for _, summaries in clusters.values()])


def marked_line(document: bytes) -> str:
    """Return the log line of a document, without a line end."""
    packed = _packed(document)
    if packed is None:
        return f"{MARK} too-large {len(document)}"
    return f"{MARK} sha256:{hashlib.sha256(document).hexdigest()} {base64.b64encode(packed).decode('ascii')}"


def _packed(document: bytes) -> bytes | None:
    """Compress, but no further than fits a line: a large document would take seconds for nothing."""
    room = (MAX_LINE_BYTES - len(MARK) - 73) // 4 * 3  # the checksum and two spaces; base64 makes 4 of 3
    compressor = zlib.compressobj()
    packed = bytearray()
    for start in range(0, len(document), 2**20):
        packed += compressor.compress(document[start : start + 2**20])
        if len(packed) > room:
            return None
    packed += compressor.flush()
    return bytes(packed) if len(packed) <= room else None


def _encoded(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), allow_nan=False).encode("ascii")
