"""The clusters of one job: what is known of each, what it was given, what it gave back, and why it is out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from pipeline.balancing import load_of
from pipeline.files import File
from pipeline.share import Facts, Share, batches_after, share_of
from pipeline.summaries import Collected, Summary


class Cluster(Protocol):
    """A way to work on a cluster; every call may block and may raise."""

    def connect(self) -> Facts:
        """Connect and return what is free."""

    def carry_out(self, share: Share) -> Collected:
        """Work on a share."""

    def close(self) -> None:
        """Disconnect."""


@dataclass(kw_only=True, eq=False)
class Member:
    """One cluster in this job. ``error`` says why it is out; ``files`` are all that it was given."""

    number: int
    url: str
    cluster: Cluster
    batches: list[int]  # of each worker
    facts: Facts | None = None
    weight: float | None = None
    error: str | None = None
    files: list[File] = field(default_factory=list)
    collectors: int = 0
    seconds: float = 0.0
    results: list[Collected] = field(default_factory=list)

    @property
    def load(self) -> int:
        """Return the sum of the lengths of its files."""
        return load_of(self.files)

    def take(self, files: Sequence[File], tuple_batch: int) -> Share:
        """Note that these files are given to this cluster; return its share, numbered on from what it had."""
        share = share_of(files, self.batches, self.collectors)
        self.files += files
        self.batches = batches_after(share, tuple_batch)
        self.collectors += len(self.batches)
        return share

    def fail(self, error: str) -> list[File]:
        """Put this cluster out; return the files that are to be dealt again. What it gave back does not count."""
        lost, self.files, self.results, self.error = self.files, [], [], error
        return lost

    def outcome(self) -> tuple[dict[str, Any], list[Summary]]:
        """Return what the output says of this cluster, and its summaries."""
        about = {
            "url": self.url,
            "weight": self.weight,
            "files": len(self.files),
            "seconds": round(self.seconds, 3),
            "ray_version": self.facts.ray_version if self.facts else None,
            "error": self.error,
        }
        return about, [summary for result in self.results for summary in result.summaries]
