"""What parallel_processing does: all workers on the cluster of the driver, one output."""

from __future__ import annotations

from functools import partial

import ray

from pipeline.claim import Holding
from pipeline.completeness import check_complete
from pipeline.files import ascending, generated_files
from pipeline.log import say
from pipeline.output import Document, of_one
from pipeline.parameters import Parameters
from pipeline.share import Share, share_of
from pipeline.side_by_side import serve_made
from pipeline.stages import carry_out, start_providers


def process(given: Parameters, holding: Holding) -> None:
    """Run the pipeline and serve its output."""
    _say_shortage(given.actors + 2)
    serve_made(given, holding, partial(_made, given))


def _made(given: Parameters) -> Document:
    """Generate, distribute, collect and check."""
    providers = start_providers(given.actors)  # these take longest to start
    collected = carry_out(_dealt(given), providers, given.tuple_batch, given.stats_batch)
    check_complete(given.amount, [collected.seeds])
    say(f"Collected {len(collected.summaries)} summaries of up to {given.stats_batch} batches")
    return of_one(collected.summaries)


def _dealt(given: Parameters) -> Share:
    files = generated_files(given.amount, given.lengths, given.extensions, given.priority)
    say(f"Generated {len(files)} files, dealing them to {given.workers} workers")
    say(f"Preprocessing in batches of {given.tuple_batch} with {given.actors} actors")
    return share_of(ascending(files), [0] * given.workers, 0)


def _say_shortage(cpus: int) -> None:
    total = ray.cluster_resources().get("CPU", 0)  # type: ignore[no-untyped-call]  # Ray leaves it untyped
    if total < cpus:
        say(f"This cluster has {total:g} CPUs in all and the job wants {cpus}: it may wait for more")
