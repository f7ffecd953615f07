"""The stages that run on a cluster: providers compute, preprocess tasks feed them, collectors make the summaries.

Only plain values and references of the cluster that is connected pass through here, so that each cluster of a driver
can run its own stages. Classes and functions are plain; they become Ray's at the place that starts them.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from typing import Any

import ray

from pipeline.files import Figures, File, cut
from pipeline.share import Share, in_parts
from pipeline.summaries import Batch, Collected, collected, merged
from pipeline.waiting import Deadline

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


def carry_out(
    share: Share, providers: Sequence[Any], tuple_batch: int, stats_batch: int, timeout_s: float = math.inf
) -> Collected:
    """Preprocess a share and collect what comes of it, one part after the other.

    Raise TimeoutError when that is not done after ``timeout_s``, and whatever a task raised; no task runs on then.
    """
    deadline, parts, done = Deadline(timeout_s), deque(in_parts(share)), list[Collected]()
    del share  # once a part's tasks hold its files nothing else has to
    while parts:
        collectors_before = parts[0].collectors_before
        tasks = _start_preprocessing(parts.popleft(), providers, tuple_batch)
        try:
            done += _collect(tasks, stats_batch, collectors_before, deadline)
        except Exception:
            for task in tasks:
                ray.cancel(task, force=True)
            raise
    return merged(done)


def _start_preprocessing(share: Share, providers: Sequence[Any], tuple_batch: int) -> list[Any]:
    """Start one preprocess task per list; return the tasks' references, in the order of the lists."""
    task = ray.remote(preprocess).options(**ONE_CPU)
    started = []
    for worker, (files, before) in enumerate(zip(share.hands, share.batches_before, strict=True), share.first_worker):
        actor = (worker - 1) % len(providers)
        started.append(task.remote(ray.put(files), (worker, actor + 1, before), providers[actor], tuple_batch))
    return started


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


def _collect(
    preprocessed: Sequence[Any], stats_batch: int, collectors_before: int, deadline: Deadline
) -> list[Collected]:
    """Give each preprocess task's batches to a collector as it finishes; return what each made, in that order."""
    collector = ray.remote(collected).options(**ONE_CPU)
    pending = list(preprocessed)
    collectors: list[Any] = []
    while pending:
        finished = deadline.first_finished(pending)
        pending.remove(finished)
        collectors.append(collector.remote(collectors_before + len(collectors) + 1, finished, stats_batch))
    return [ray.get(deadline.first_finished([reference])) for reference in collectors]
