"""A driver that runs the pipeline side by side with the tutorial's slow pattern, in alternating pairs.

Run beside a cluster: ``python job_patterns.py ADDRESS JOBS_FOLDER AMOUNT PAIRS``; prints one JSON document with the
seconds of each run and how many summaries were the same both ways, to the last bit; it fails where one was not. The
slow pattern is the baseline, as the tutorial has it: one object and one actor call a batch.
"""

import json
import sys
import time

import ray
from pipeline.completeness import check_complete
from pipeline.figures import batch_figures
from pipeline.files import ascending, cut, deal, generated_files
from pipeline.share import share_of
from pipeline.stages import ONE_CPU, carry_out, start_providers
from pipeline.summaries import Batch, summaries

LENGTHS, PRIORITY = [2, 3, 4, 5, 6, 7], {"txt": 1, "py": 2, "md": 3, "ipynb": 4, "yaml": 5, "sh": 6}
WORKERS, ACTORS, TUPLE_BATCH, STATS_BATCH = 2, 2, 5, 5


class SlowProvider:
    """Computes one batch a call."""

    def figures(self, batch):
        return batch_figures(batch)


def slow_preprocess(files, provider):
    return [provider.figures.remote(ray.put(batch)) for batch in cut(files, TUPLE_BATCH)]


def slow_collect(collector, worker, actor, references):
    figures = [ray.get(reference) for reference in references]
    batches = [Batch(worker, actor, number, (), figure) for number, figure in enumerate(figures, start=1)]
    return summaries(collector, batches, STATS_BATCH)


def slow_pattern(files):
    lists = deal(ascending(files()), WORKERS)
    providers = [ray.remote(SlowProvider).options(**ONE_CPU).remote() for _ in range(ACTORS)]
    preprocess, collector = (ray.remote(each).options(**ONE_CPU) for each in (slow_preprocess, slow_collect))
    pending = {
        preprocess.remote(ray.put(files), providers[worker % ACTORS]): worker for worker, files in enumerate(lists)
    }
    made = []
    while pending:
        (finished,), _ = ray.wait(list(pending), num_returns=1)
        worker = pending.pop(finished)
        made.append(collector.remote(len(made) + 1, worker + 1, worker % ACTORS + 1, finished))
    return [summary for each in ray.get(made) for summary in each]


def our_pattern(files):
    providers = start_providers(ACTORS)
    share = share_of(ascending(files()), [0] * WORKERS, 0)
    collected = carry_out(share, providers, TUPLE_BATCH, STATS_BATCH)
    check_complete(sum(map(len, share.hands)), [collected.seeds])
    return collected.summaries


def run(pattern, amount):
    """Return how long it takes from nothing to all summaries, and these as a set without their ids."""
    began_at = time.perf_counter()
    made = pattern(lambda: generated_files(amount, LENGTHS, list(PRIORITY), PRIORITY))
    seconds = time.perf_counter() - began_at
    return seconds, {(tuple(s["workers"]), tuple(s["batches"])): {**s, "id": None} for s in made}


def main():
    address, jobs_folder, amount, pairs = sys.argv[1:]
    environment = {"working_dir": jobs_folder, "excludes": ["__pycache__"]}
    ray.init(address, runtime_env=environment, log_to_driver=False, logging_level="ERROR")
    run(our_pattern, int(amount))  # the first one waits for the working dir, and for processes
    ours, slow = [], []
    for _ in range(int(pairs)):
        seconds, made = run(our_pattern, int(amount))
        ours.append(seconds)
        seconds, expected = run(slow_pattern, int(amount))
        slow.append(seconds)
        assert made == expected
    print(json.dumps({"amount": int(amount), "ours_s": ours, "slow_s": slow, "identical": len(made)}))


if __name__ == "__main__":
    main()
