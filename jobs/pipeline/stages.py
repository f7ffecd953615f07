"""The stages that run on a cluster: providers compute, preprocess tasks feed them, collectors make the summaries.

Only plain values and references of the cluster that is connected pass through here, so that each cluster of a driver
can run its own stages. Classes and functions are plain; they become Ray's at the place that starts them.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Sequence
from typing import Any

import ray

from pipeline.files import Figures, File, cut
from pipeline.summaries import Batch, Collected, collected
from pipeline.waiting import first_finished

GIB = 2**30
ONE_CPU: dict[str, Any] = {"num_cpus": 1, "memory": GIB // 5}
FILES_PER_CALL = 5_000  # an actor call carries many batches: a call costs far more than a batch
CALLS_IN_FLIGHT = 2  # one is computed while the next one travels


class Provider:
    """The actor that computes. It keeps nothing, so a call may be repeated on a new one."""

    def __init__(self) -> None:
        from pipeline.figures import batches_figures  # noqa: PLC0415 -- NumPy takes a while, and is needed only here

        self._compute = batches_figures

    def figures(self, batches: Sequence[Sequence[File]]) -> list[tuple[tuple[int, ...], Figures]]:
        """Return the seeds and the figures of each batch, in order."""
        figures = self._compute(batches)
        return [(tuple(file[0] for file in batch), found) for batch, found in zip(batches, figures, strict=True)]


def start_providers(actors: int) -> list[Any]:
    """Have the providers started, without waiting. Ray ends each one when nothing holds its handle any more."""
    provider = ray.remote(Provider).options(**ONE_CPU, max_restarts=2, max_task_retries=2)
    return [provider.remote() for _ in range(actors)]


def start_preprocessing(
    lists: Sequence[Sequence[File]], providers: Sequence[Any], tuple_batch: int, batches_before: Sequence[int] = ()
) -> list[Any]:
    """Start one preprocess task per list; return the tasks' references, in the order of the lists.

    ``batches_before`` counts each worker's earlier batches: the new ones are numbered on from there.
    """
    actors = len(providers)
    task = ray.remote(preprocess).options(**ONE_CPU)
    places = [(worker, worker % actors, before) for worker, before in enumerate(batches_before or [0] * len(lists))]
    return [
        task.remote(ray.put(lists[worker]), (worker + 1, actor + 1, before), providers[actor], tuple_batch)
        for worker, actor, before in places
    ]


def preprocess(files: Sequence[File], place: tuple[int, int, int], provider: Any, tuple_batch: int) -> list[Batch]:
    """Cut ``files`` in batches and have ``provider`` compute each; a task, one per worker.

    ``place`` is the number of the worker, that of its actor, and how many batches the worker has had before.
    """
    figures: list[tuple[tuple[int, ...], Figures]] = []
    calls: deque[Any] = deque()
    for batches in cut(cut(files, tuple_batch), max(1, FILES_PER_CALL // tuple_batch)):
        if len(calls) == CALLS_IN_FLIGHT:
            figures += ray.get(calls.popleft())
        calls.append(provider.figures.remote(batches))
    for call in calls:
        figures += ray.get(call)
    worker, actor, before = place
    return [Batch(worker, actor, number, *found) for number, found in enumerate(figures, start=before + 1)]


def collect(
    preprocessed: Sequence[Any], stats_batch: int, collectors_before: int = 0, timeout_s: float = math.inf
) -> Collected:
    """Give each preprocess task's batches to a collector as it finishes; return all that they made, in that order.

    Raise TimeoutError when that is not done after ``timeout_s``.
    """
    give_up_at = time.monotonic() + timeout_s
    collector = ray.remote(collected).options(**ONE_CPU)
    pending = list(preprocessed)
    collectors: list[Any] = []
    while pending:
        finished = _next(pending, give_up_at, timeout_s)
        pending.remove(finished)
        collectors.append(collector.remote(collectors_before + len(collectors) + 1, finished, stats_batch))
    found: list[Collected] = [ray.get(_next([reference], give_up_at, timeout_s)) for reference in collectors]
    return Collected(
        [summary for each in found for summary in each.summaries], [seed for each in found for seed in each.seeds]
    )


def _next(pending: Sequence[Any], give_up_at: float, timeout_s: float) -> Any:
    finished = first_finished(pending, give_up_at - time.monotonic())
    if finished is None:
        raise TimeoutError(f"not done after {timeout_s:g} s")
    return finished
