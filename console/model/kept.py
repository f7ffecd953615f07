"""What is kept of outputs on this machine: whose each is, from where and when it came, and what came instead of one."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

Source = Literal["serve", "log"]


class KeptOutput(msgspec.Struct, frozen=True):
    """An output on disk: whose it is, when and from where it was had, and the SHA-256 of its bytes.

    Times are Unix seconds. ``parameters`` is the job's document, None where its entrypoint tells none. ``total``: how
    many summaries the job made, where only a sample of them is kept.
    """

    submission_id: str
    job: str
    cluster: str
    kept_at: float
    source: Source
    sha256: str
    parameters: dict[str, Any] | None = None
    started_at: float | None = None
    ended_at: float | None = None
    total: int | None = None


class SpoiltOutput(msgspec.Struct, frozen=True):
    """What came in place of an output, kept aside: a half, or something that cannot be read. ``why`` is a sentence."""

    submission_id: str
    job: str
    cluster: str
    kept_at: float
    source: Source
    received_bytes: int
    why: str
