"""What a cluster is given to do, and what it gives back. Plain values, because they travel between processes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from pipeline.files import File, deal


class Facts(NamedTuple):
    """What a connected cluster said: living nodes, and what is free by the names of RESOURCES, memory in bytes."""

    free: Mapping[str, float]
    node_ids: Sequence[str]
    ray_version: str


class Share(NamedTuple):
    """Files for one cluster, dealt to its workers, and what these and its collectors have been given before."""

    hands: Sequence[Sequence[File]]
    batches_before: Sequence[int]
    collectors_before: int


def share_of(files: Sequence[File], batches_before: Sequence[int], collectors_before: int) -> Share:
    """Deal ``files`` round robin to as many workers as ``batches_before`` tells of."""
    return Share(deal(files, len(batches_before)), batches_before, collectors_before)


def batches_after(share: Share, tuple_batch: int) -> list[int]:
    """Return how many batches each worker has had once the share is done."""
    pairs = zip(share.batches_before, share.hands, strict=True)
    return [before - (-len(files) // tuple_batch) for before, files in pairs]
