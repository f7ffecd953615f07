"""Batches grouped to the summaries that the output is made of. Pure."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Any, NamedTuple

from pipeline.files import FIELDS, Figures, cut

Summary = dict[str, Any]


class Batch(NamedTuple):
    """What is known of a batch: worker, actor, number within that worker, the seeds of its files, its figures."""

    worker: int
    actor: int
    number: int
    seeds: Sequence[int]
    figures: Figures


class Collected(NamedTuple):
    """Summaries, and the seeds of all files that are in them."""

    summaries: list[Summary]
    seeds: Sequence[int]


def collected(collector: int, batches: Sequence[Batch], stats_batch: int) -> Collected:
    """Return the summaries of one worker's batches, with the seeds that went into them."""
    return Collected(
        summaries(collector, batches, stats_batch), array("q", (seed for batch in batches for seed in batch.seeds))
    )


def merged(parts: Sequence[Collected]) -> Collected:
    """Return the parts as one, in their order."""
    return Collected(
        [summary for part in parts for summary in part.summaries], [seed for part in parts for seed in part.seeds]
    )


def summaries(collector: int, batches: Sequence[Batch], stats_batch: int) -> list[Summary]:
    """Return one summary per group of ``stats_batch`` batches of one worker, in order; the last may be short.

    ``collector`` counts the workers in the order in which they finished, from 1.
    """
    return [
        _summary(f"{collector}-{group[0].actor}-{number}", group)
        for number, group in enumerate(cut(batches, stats_batch), start=1)
    ]


def _summary(name: str, group: Sequence[Batch]) -> Summary:
    columns = list(zip(*(batch.figures for batch in group), strict=True))
    return {
        "id": name,
        "workers": [batch.worker for batch in group],
        "actors": [batch.actor for batch in group],
        "batches": [batch.number for batch in group],
    } | {
        field: {"mean": list(columns[2 * place]), "variance": list(columns[2 * place + 1])}
        for place, field in enumerate(FIELDS)
    }
