"""The proof that nothing was lost and nothing counted twice: every seed is in exactly one batch of the result. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from pipeline.errors import JobError


def check_complete(amount: int, collected: Iterable[Iterable[int]]) -> None:
    """Raise JobError unless the seeds of all batches are 0..amount-1, each once."""
    seen = bytearray(amount)  # a set of small numbers, a byte each
    for seeds in collected:
        for seed in seeds:
            if not 0 <= seed < amount or seen[seed]:
                raise JobError(f"the file with the seed {seed} is in more batches than it may be; this is a fault")
            seen[seed] = 1
    missing = seen.count(0)
    if missing:
        raise JobError(f"{missing} of {amount} files are in no batch, first the one with the seed {seen.index(0)}")
