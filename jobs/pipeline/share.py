"""What a cluster is given to do, and what it gives back. Plain values, because they travel between processes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from pipeline.files import File, deal

SHORT = 500  # files: the stages are through with so many sooner than another process of Ray's has started


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
    first_worker: int = 1


def share_of(files: Sequence[File], batches_before: Sequence[int], collectors_before: int) -> Share:
    """Deal ``files`` round robin to as many workers as ``batches_before`` tells of."""
    return Share(deal(files, len(batches_before)), batches_before, collectors_before)


def in_parts(share: Share) -> list[Share]:
    """Return the share in parts, each of which is to begin when the one before it is done.

    Of short lists the first goes ahead: for tasks that wait Ray starts processes, each of which costs more than the
    work does, while the process of the first list is there for the others when it is done.
    """
    hands, before, collectors, worker = share
    if len(hands) == 1 or len(hands[0]) > SHORT:
        return [share]
    return [
        Share(hands[:1], before[:1], collectors, worker),
        Share(hands[1:], before[1:], collectors + 1, worker + 1),
    ]


def batches_after(share: Share, tuple_batch: int) -> list[int]:
    """Return how many batches each worker has had once the share is done."""
    pairs = zip(share.batches_before, share.hands, strict=True)
    return [before - (-len(files) // tuple_batch) for before, files in pairs]
