"""Which cluster gets which file: the heaviest first, each to the cluster with the least load for its weight. Pure."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence

from pipeline.files import File


def descending(files: Iterable[File]) -> list[File]:
    """Sort by (priority, length), the greatest first, ties in the order of the seeds."""
    return sorted(files, key=lambda file: (-file[2], -file[3], file[0]))


def load_of(files: Iterable[File]) -> int:
    """Return the load that files make: the sum of their lengths."""
    return sum(file[3] for file in files)


def balanced(files: Iterable[File], weights: Sequence[float], loads: Sequence[int]) -> list[list[File]]:
    """Deal files, in the order given, to clusters that have these loads already; return each one's new files.

    A file goes where load divided by weight is least, to the first one on a tie. Weight 0 gets nothing, unless all
    have weight 0: then they count as equal.
    """
    if not any(weights):
        weights = [1.0] * len(weights)
    carried = list(loads)
    dealt: list[list[File]] = [[] for _ in weights]
    heap = [(load / weight, place) for place, (load, weight) in enumerate(zip(loads, weights, strict=True)) if weight]
    heapq.heapify(heap)
    for file in files:
        _, place = heap[0]
        dealt[place].append(file)
        carried[place] += file[3]
        heapq.heapreplace(heap, (carried[place] / weights[place], place))
    return dealt
