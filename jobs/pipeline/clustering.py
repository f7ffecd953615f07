"""What parallel_clustering does: all clusters connected and at work at the same time, one output of them all."""

from __future__ import annotations

from functools import partial

from pipeline.background import in_background
from pipeline.balancing import descending
from pipeline.claim import Holding
from pipeline.clustering_parameters import ClusteringParameters
from pipeline.completeness import check_complete
from pipeline.distribution import Distribution, connected
from pipeline.far_cluster import TURN_S, FarCluster, connecting_s
from pipeline.files import File, generated_files
from pipeline.log import say
from pipeline.main_cluster import MainCluster
from pipeline.members import Member
from pipeline.output import Document, of_several
from pipeline.side_by_side import serve_made
from pipeline.turn import Turn


def process(given: ClusteringParameters, holding: Holding) -> None:
    """Run the pipeline on all clusters and serve its output."""
    members = [_main(given), *_others(given)]
    serve_made(given, holding, partial(_made, members, given))


def _main(given: ClusteringParameters) -> Member:
    """Return the driver's own cluster, which cannot turn out to be another's double, and so may start at once."""
    cluster = MainCluster(given)
    facts = cluster.connect()  # before the providers and Serve take their part of what is free
    cluster.start()
    return Member(number=0, url="Main", cluster=cluster, batches=[0] * given.workers, facts=facts)


def _others(given: ClusteringParameters) -> list[Member]:
    """Return the other clusters by their numbers: the place in the parameters plus 1."""
    idle, turn = [0] * given.workers, Turn(TURN_S)
    return [
        Member(number=number, url=f"ray://{address}", cluster=FarCluster(address, given, turn), batches=idle)
        for number, address in enumerate(given.cluster_urls, start=1)
    ]


def _made(members: list[Member], given: ClusteringParameters) -> Document:
    """Connect, distribute, collect and check. The connections are closed at the end, whatever it is."""
    generated = in_background(partial(_generated, given))
    try:
        joined = connected(members, connecting_s(given))
        Distribution(joined, given).work_off(generated.result())
    finally:
        for member in members:
            in_background(member.cluster.close)
    check_complete(given.amount, [result.seeds for member in members for result in member.results])
    outcomes = {str(member.number): member.outcome() for member in members}
    document = of_several(outcomes)
    say(f"Collected {document.total} summaries; each of the {given.amount} files is in exactly one batch of them")
    return document


def _generated(given: ClusteringParameters) -> list[File]:
    files = descending(generated_files(given.amount, given.lengths, given.extensions, given.priority))
    say(f"Generated {len(files)} files")
    return files
