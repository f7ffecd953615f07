"""The work of one job over its clusters: connected side by side, dealt by weight, and dealt again when one is lost."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from functools import partial
from threading import Lock

from pipeline.background import in_background
from pipeline.balancing import balanced, descending
from pipeline.clustering_parameters import ClusteringParameters
from pipeline.driver import cause
from pipeline.errors import JobError
from pipeline.files import File
from pipeline.log import say
from pipeline.members import Member
from pipeline.share import Facts, Share
from pipeline.summaries import Collected
from pipeline.weights import cluster_weights

GIB = 2**30
GRACE_S = 1.0  # for a cluster to say itself what it waited for


def connected(members: Sequence[Member], timeout_s: float) -> list[Member]:
    """Connect all clusters that are not connected yet, at the same time; return those that are by ``timeout_s``.

    The others are closed at once, so that none of them keeps anything busy.
    """
    answers = {in_background(member.cluster.connect): member for member in members if member.facts is None}
    done, _ = wait(answers, timeout_s + GRACE_S)
    for future, member in answers.items():
        member.error = _trouble(future) if future in done else f"not connected after {timeout_s:g} s"
        member.facts = future.result() if member.error is None else None
    _leave_out_doubles(members)
    for member in members:
        say(f"Cluster {member.number} ({member.url}) {_standing(member)}")
        if member.error is not None:
            in_background(member.cluster.close)
    return [member for member in members if member.error is None]


def _leave_out_doubles(members: Sequence[Member]) -> None:
    """Work on no cluster twice: two addresses may lead to one, and the driver's own may be among them."""
    owners: dict[str, int] = {}
    for member in members:
        node_ids = member.facts.node_ids if member.facts else ()
        owner = next((owners[node_id] for node_id in node_ids if node_id in owners), None)
        if owner is not None:
            member.error, member.facts = f"is the same cluster as cluster {owner}", None
        owners.update(dict.fromkeys(node_ids, member.number))


def _standing(member: Member) -> str:
    if member.facts is None:
        return f"is left out: {member.error}"
    free, nodes = member.facts.free, len(member.facts.node_ids)
    return f"has {free['CPU']:g} CPUs, {free['RAM'] / GIB:.1f} GiB, {free['GPU']:g} GPUs free; living nodes: {nodes}"


def _trouble(future: Future[Facts] | Future[Collected]) -> str | None:
    error = future.exception()
    return cause(error) if isinstance(error, Exception) else None


class Distribution:
    """Files given to clusters, and given to others when a cluster is lost.

    A cluster works on one share after another; the clusters do not wait for one another.
    """

    def __init__(self, members: list[Member], given: ClusteringParameters) -> None:
        self._members, self._given = members, given
        self._under_way: dict[Future[Collected], Member] = {}
        self._turns = {member.number: Lock() for member in members}
        weights = cluster_weights([m.facts.free for m in members if m.facts], given.resource_weights)
        for member, weight in zip(members, weights, strict=True):
            member.weight = weight

    def work_off(self, files: Sequence[File]) -> None:
        """Have every file worked on by one of the clusters. Raise JobError when none is left."""
        self._give(files)
        while self._under_way:
            for future in wait(self._under_way, return_when=FIRST_COMPLETED).done:
                if future in self._under_way:  # not that of a cluster which was lost a moment ago
                    self._settle(future)

    def _settle(self, future: Future[Collected]) -> None:
        member = self._under_way.pop(future)
        trouble = _trouble(future)
        if trouble is None:
            member.results.append(future.result())
            say(f"Cluster {member.number} is done after {member.seconds:.1f} s with {len(member.files)} files")
        else:
            self._lose(member, trouble)

    def _lose(self, member: Member, trouble: str) -> None:
        self._members.remove(member)
        self._under_way = {future: m for future, m in self._under_way.items() if m is not member}
        lost = member.fail(trouble)
        in_background(member.cluster.close)
        say(f"Cluster {member.number} is lost: {trouble}")
        if not self._members:
            raise JobError("no cluster is left to work on the files")
        say(f"Dealing its {len(lost)} files again")
        self._give(descending(lost))

    def _give(self, files: Sequence[File]) -> None:
        """Give files, in descending order, to the clusters that remain."""
        weights = [member.weight or 0.0 for member in self._members]
        shares = balanced(files, weights, [member.load for member in self._members])
        for member, theirs in zip(list(self._members), shares, strict=True):
            if theirs:
                say(f"Cluster {member.number} gets {len(theirs)} files, for its weight of {member.weight:.3f}")
                share = member.take(theirs, self._given.tuple_batch)
                self._under_way[in_background(partial(self._carried_out, member, share))] = member

    def _carried_out(self, member: Member, share: Share) -> Collected:
        with self._turns[member.number]:
            began_at = time.monotonic()
            try:
                return member.cluster.carry_out(share)
            finally:
                member.seconds += time.monotonic() - began_at
