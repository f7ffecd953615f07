"""The work over several clusters without Ray: clusters that are well, slow, absent, lost or the same one twice."""

import random
import threading
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pipeline.balancing import balanced, descending, load_of
from pipeline.clustering_parameters import ClusteringParameters
from pipeline.completeness import check_complete
from pipeline.distribution import Distribution, connected
from pipeline.errors import JobError
from pipeline.figures import batch_figures
from pipeline.files import FIELDS, cut, generated_files
from pipeline.members import Member
from pipeline.share import Facts
from pipeline.summaries import Batch, collected, merged

EXTENSIONS = ["txt", "py", "md"]
PRIORITY = {"txt": 1, "md": 2, "py": 3}


class SmallCluster:
    """A cluster that works on its shares in this process; it is lost with its share number ``fails_at`` (from 1).

    ``wait`` is called before each share is worked on.
    """

    def __init__(self, given, number, cpus=2, fails_at=None, pause_s=0.0, wait=None):
        self.given, self.number, self.cpus, self.fails_at, self.pause_s = given, number, cpus, fails_at, pause_s
        self.wait = wait
        self.shares = 0
        self.closed = threading.Event()

    def connect(self):
        if self.fails_at == 0:
            raise JobError("cannot be reached: Connection refused")
        return Facts({"CPU": self.cpus, "RAM": 0, "GPU": 0}, [f"node-{self.number}"], "2.60.0")

    def carry_out(self, share):
        self.shares += 1
        if self.wait is not None:
            self.wait()
        for _ in range(sum(map(len, share.hands)) if self.pause_s else 0):
            time.sleep(self.pause_s)
        if self.shares == self.fails_at:
            raise ConnectionError("the connection was lost")
        found = [self._worker(worker, share) for worker in range(len(share.hands))]
        random.Random(self.number).shuffle(found)
        return merged(found)

    def _worker(self, worker, share):
        batches = [
            Batch(worker + 1, 1, number, [file[0] for file in files], batch_figures(files))
            for number, files in enumerate(
                cut(share.hands[worker], self.given.tuple_batch), start=share.batches_before[worker] + 1
            )
        ]
        return collected(share.collectors_before + worker + 1, batches, self.given.stats_batch)

    def close(self):
        self.closed.set()


def parameters(amount=60, **changes):
    values = {
        "workers": 2,
        "actors": 2,
        "amount": amount,
        "lengths": (2, 3, 4),
        "extensions": EXTENSIONS,
        "priority": PRIORITY,
        "tuple_batch": 4,
        "stats_batch": 2,
        "cluster_urls": (),
        "resource_weights": {"CPU": 1},
    }
    return ClusteringParameters(**(values | changes))


def members_of(given, *clusters):
    return [
        Member(number=n, url=f"ray://{n}:1", cluster=SmallCluster(given, n, **how), batches=[0] * given.workers)
        for n, how in enumerate(clusters)
    ]


def run(given, members, connecting_s=30):
    files = descending(generated_files(given.amount, given.lengths, given.extensions, given.priority))
    Distribution(connected(members, connecting_s), given).work_off(files)
    check_complete(given.amount, [result.seeds for member in members for result in member.results])


def keyed(members):
    """The summaries as the set that the same weights always give, without the ids that follow completion."""
    return {
        (member.number, tuple(row["workers"]), tuple(row["batches"])): {**row, "id": None}
        for member in members
        for row in member.outcome()[1]
    }


def test_shares_follow_the_weights_and_ids_are_unique():
    given = parameters(amount=300)
    members = members_of(given, {"cpus": 4}, {"cpus": 2}, {"cpus": 0})
    run(given, members)
    assert [member.weight for member in members] == [pytest.approx(2 / 3), pytest.approx(1 / 3), 0.0]
    assert [member.outcome()[0]["files"] for member in members][2] == 0
    assert members[0].load == pytest.approx(2 * members[1].load, abs=8)
    for member in members:
        ids = [row["id"] for row in member.outcome()[1]]
        assert len(set(ids)) == len(ids)


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.tuples(st.integers(0, 4), st.sampled_from([None, None, 0, 1, 2])), min_size=1, max_size=4),
    st.integers(1, 90),
)
def test_whoever_is_lost_and_whenever_nothing_is_lost_or_doubled(others, amount):
    given = parameters(amount=amount)
    members = members_of(given, {}, *({"cpus": cpus, "fails_at": fails_at} for cpus, fails_at in others))
    run(given, members)  # checks that every seed is there once
    for member in members:
        about, rows = member.outcome()
        pairs = [pair for row in rows for pair in zip(row["workers"], row["batches"], strict=True)]
        numbers = {worker: sorted(batch for w, batch in pairs if w == worker) for worker, _ in pairs}
        assert all(found == list(range(1, len(found) + 1)) for found in numbers.values())
        if about["error"] is not None:
            assert (about["files"], rows) == (0, [])


def recomputed(given, cpus):
    """The rule in plain words, from the seeds to the figures: by cluster, worker and batches of a summary."""
    files = generated_files(given.amount, given.lengths, given.extensions, given.priority)
    raw = [each / max(cpus) if max(cpus) else 1 for each in cpus]
    weights, loads, shares = [each / sum(raw) for each in raw], [0] * len(cpus), [[] for _ in cpus]
    for file in sorted(files, key=lambda f: (f[2], f[3]), reverse=True):
        place = min((p for p, w in enumerate(weights) if w), key=lambda p: loads[p] / weights[p])
        shares[place].append(file)
        loads[place] += file[3]
    hands = {(p, w): share[w :: given.workers] for p, share in enumerate(shares) for w in range(given.workers)}
    tuples, group = given.tuple_batch, given.stats_batch
    found = {}
    for (place, worker), hand in hands.items():
        batches = [plain_figures(hand[start : start + tuples]) for start in range(0, len(hand), tuples)]
        for first in range(0, len(batches), group):
            theirs = batches[first : first + group]
            numbers = tuple(range(first + 1, first + len(theirs) + 1))
            found[place, (worker + 1,) * len(theirs), numbers] = list(map(list, zip(*theirs, strict=True)))
    return found


def plain_figures(files):
    columns = [f[0] for f in files], [ord(c) - 96 for f in files for c in f[1] if c.isalpha()]
    columns += [f[2] for f in files], [f[3] for f in files]
    return [figure for column in columns for figure in (float(np.mean(column)), float(np.var(column)))]


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.integers(0, 4), min_size=1, max_size=4),
    st.integers(1, 120),
    st.integers(1, 3),
    st.integers(1, 6),
    st.integers(1, 4),
)
def test_the_result_is_a_plain_recomputation_of_the_rule(cpus, amount, workers, tuple_batch, stats_batch):
    given = parameters(amount=amount, workers=workers, tuple_batch=tuple_batch, stats_batch=stats_batch)
    members = members_of(given, *({"cpus": each} for each in cpus))
    run(given, members)
    figures = {
        key: [row[field][kind] for field in FIELDS for kind in ("mean", "variance")]
        for key, row in keyed(members).items()
    }
    assert figures == recomputed(given, cpus)


def test_dealing_again_is_the_same_rule_over_those_that_remain():
    given = parameters(amount=90)
    members = members_of(given, {"cpus": 3}, {"cpus": 2, "fails_at": 1}, {"cpus": 1})
    run(given, members)
    files = descending(generated_files(90, given.lengths, EXTENSIONS, PRIORITY))
    first = balanced(files, [3, 2, 1], [0, 0, 0])
    again = balanced(first[1], [3, 1], [load_of(first[0]), load_of(first[2])])
    assert members[0].files == first[0] + again[0]
    assert members[2].files == first[2] + again[1]
    assert members[1].cluster.closed.wait(5)


def test_the_order_in_which_clusters_finish_changes_nothing():
    given = parameters(amount=120)
    made = []
    for pauses in [(0, 0.001), (0.001, 0)]:
        members = members_of(given, *({"pause_s": pause} for pause in pauses))
        run(given, members)
        made.append(keyed(members))
    assert made[0] == made[1]
    assert len(made[0]) > 10


def test_an_absent_cluster_is_said_and_left_out(capsys):
    given = parameters()
    members = members_of(given, {}, {"fails_at": 0}, {})
    run(given, members)
    assert "Cluster 1 (ray://1:1) is left out: cannot be reached: Connection refused" in capsys.readouterr().out
    assert members[1].outcome()[0] == {
        "url": "ray://1:1",
        "weight": None,
        "files": 0,
        "seconds": 0.0,
        "ray_version": None,
        "error": "cannot be reached: Connection refused",
    }
    assert len(members[0].files) + len(members[2].files) == given.amount


def test_two_addresses_of_one_cluster_are_used_once():
    given = parameters()
    members = members_of(given, {}, {}, {})
    members[2].cluster.number = 1
    run(given, members)
    assert members[2].error == "is the same cluster as cluster 1"
    assert len(members[0].files) + len(members[1].files) == given.amount


def test_when_nobody_is_left_the_job_says_so():
    given = parameters()
    members = members_of(given, {"fails_at": 1}, {"fails_at": 2})
    with pytest.raises(JobError, match="no cluster is left"):
        run(given, members)


def test_clusters_work_at_the_same_time():
    """Each waits until all three are at work; that they are faster together is shown by `make bench`."""
    given = parameters()
    together = threading.Barrier(3, timeout=30)
    members = members_of(given, *[{"wait": together.wait}] * 3)
    run(given, members)
    assert [member.error for member in members] == [None] * 3


def test_a_slow_cluster_does_not_hold_up_the_files_of_a_lost_one():
    given = parameters(amount=120)
    held = threading.Event()
    members = members_of(given, {}, {"fails_at": 1}, {"wait": lambda: held.wait(60)})
    work = threading.Thread(target=run, args=(given, members), daemon=True)
    work.start()
    give_up_at = time.monotonic() + 30
    while len(members[0].results) < 2 and time.monotonic() < give_up_at:
        time.sleep(0.01)
    assert len(members[0].results) == 2  # its own share, and its part of the lost one
    assert members[2].results == []
    held.set()
    work.join(30)
