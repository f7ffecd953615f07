"""What parallel_clustering does: all clusters connected and at work at the same time, one output of them all."""

from __future__ import annotations

from threading import Lock

from pipeline.background import in_background
from pipeline.balancing import descending
from pipeline.claim import Holding
from pipeline.clustering_parameters import ClusteringParameters
from pipeline.completeness import check_complete
from pipeline.distribution import Distribution, connected
from pipeline.far_cluster import FarCluster
from pipeline.files import generated_files
from pipeline.log import say
from pipeline.main_cluster import MainCluster
from pipeline.members import Member
from pipeline.output import Document, marked_line, of_several
from pipeline.serving import application, serve_output


def process(given: ClusteringParameters, holding: Holding) -> None:
    """Run the pipeline on all clusters and serve its output. Serve starts while they work."""
    members = _members(given)
    members[0].facts = members[0].cluster.connect()  # before Serve takes its part of what is free
    made = in_background(lambda: _made(members, given))
    with application(holding, given.serve_host, given.serve_port) as address:
        document = made.result()
        say(marked_line(document.whole()))
        serve_output(holding.claim, document, address, given.serve_s)
    say("Took the application down")


def _members(given: ClusteringParameters) -> list[Member]:
    """Return all clusters of the job, by their numbers: the place in the parameters plus 1, the driver's own is 0."""
    idle, turn = [0] * given.workers, Lock()
    main = Member(number=0, url="Main", cluster=MainCluster(given), batches=idle)
    return [main] + [
        Member(number=number, url=f"ray://{address}", cluster=FarCluster(address, given, turn), batches=idle)
        for number, address in enumerate(given.cluster_urls, start=1)
    ]


def _made(members: list[Member], given: ClusteringParameters) -> Document:
    """Connect, distribute, collect and check. The connections are closed at the end, whatever it is."""
    generated = in_background(lambda: _generated(given))
    try:
        joined = connected(members)
        Distribution(joined, given).work_off(generated.result())
    finally:
        for member in members:
            in_background(member.cluster.close)
    check_complete(given.amount, [result.seeds for member in members for result in member.results])
    outcomes = {str(member.number): member.outcome() for member in members}
    document = of_several(outcomes)
    say(f"Collected {document.total} summaries; each of the {given.amount} files is in exactly one batch of them")
    return document


def _generated(given: ClusteringParameters) -> list[tuple[int, str, int, int]]:
    files = descending(generated_files(given.amount, given.lengths, given.extensions, given.priority))
    say(f"Generated {len(files)} files")
    return files
