"""The rule by which clusters get files: weights, balancing, dealing again; and the proof that nothing was lost."""

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pipeline.balancing import balanced, descending, load_of
from pipeline.completeness import check_complete
from pipeline.errors import JobError
from pipeline.files import cut, deal, generated_files
from pipeline.members import Member
from pipeline.share import SHORT, batches_after, in_parts, share_of
from pipeline.weights import RESOURCES, cluster_weights

EXTENSIONS = ["txt", "py", "md", "ipynb", "yaml", "sh"]
PRIORITY = {"txt": 1, "sh": 2, "md": 3, "yaml": 4, "py": 5, "ipynb": 6}
AMOUNTS = st.fixed_dictionaries({name: st.integers(0, 10**12) for name in RESOURCES})
FACTORS = st.dictionaries(st.sampled_from(RESOURCES), st.floats(0, 1000))
FILES = st.lists(st.tuples(st.integers(0, 999), st.just("a.md"), st.integers(1, 6), st.integers(2, 7)), max_size=80)
WEIGHTS = st.lists(st.integers(0, 9), min_size=1, max_size=6).map(lambda w: [x / sum(w) if any(w) else 0.0 for x in w])


def published(amount=400):
    return descending(generated_files(amount, [2, 3, 4, 5, 6, 7], EXTENSIONS, PRIORITY))


def free(cpus, ram=0, gpus=0):
    return {"CPU": cpus, "RAM": ram, "GPU": gpus}


def recomputed(files, weights, loads):
    """The rule in its own words: each to the cluster with the least load divided by weight, the first on a tie."""
    loads, dealt = list(loads), [[] for _ in weights]
    able = [place for place, weight in enumerate(weights) if weight] or range(len(weights))
    for file in files:
        place = min(able, key=lambda p: loads[p] / (weights[p] if any(weights) else 1))
        dealt[place].append(file)
        loads[place] += file[3]
    return dealt


def test_weights_follow_the_largest_of_each_resource():
    weights = cluster_weights([free(4, 8, 0), free(2, 8, 1)], {"CPU": 0.6, "RAM": 0.2, "GPU": 0.2})
    assert weights == [pytest.approx(0.8 / 1.5), pytest.approx(0.7 / 1.5)]


def test_a_resource_that_nobody_has_counts_nothing():
    without = cluster_weights([free(3, 1), free(1, 1)], {"CPU": 1, "RAM": 1})
    assert cluster_weights([free(3, 1), free(1, 1)], {"CPU": 1, "RAM": 1, "GPU": 99}) == without


@pytest.mark.parametrize("factors", [{}, {"CPU": 0, "RAM": 0, "GPU": 0}, {"GPU": 1}])
def test_where_nothing_counts_all_weigh_the_same(factors):
    assert cluster_weights([free(3), free(1), free(0)], factors) == [1 / 3] * 3


def test_a_cluster_with_nothing_free_weighs_nothing():
    assert cluster_weights([free(4), free(0)], {"CPU": 0.6}) == [1.0, 0.0]


@given(st.lists(AMOUNTS, min_size=1, max_size=6), FACTORS)
def test_weights_are_normalised_shares(amounts, factors):
    weights = cluster_weights(amounts, factors)
    assert all(0 <= weight <= 1 for weight in weights)
    assert math.isclose(sum(weights), 1)


def test_descending_is_stable_with_ties_in_seed_order():
    files = published()
    assert files == sorted(sorted(files), key=lambda f: (f[2], f[3]), reverse=True)
    assert files[0][2:] == (6, 7)


@given(FILES, WEIGHTS, st.data())
def test_balancing_is_the_rule_and_loses_nothing(files, weights, data):
    loads = data.draw(st.lists(st.integers(0, 300), min_size=len(weights), max_size=len(weights)))
    dealt = balanced(files, weights, loads)
    assert dealt == recomputed(files, weights, loads)
    assert sorted(file for share in dealt for file in share) == sorted(files)
    for share in dealt:  # a share keeps the order
        remaining = iter(files)
        assert all(file in remaining for file in share)
    if any(weights):
        assert not [share for share, weight in zip(dealt, weights, strict=True) if share and not weight]


@given(FILES, st.lists(st.integers(1, 9), min_size=1, max_size=6))
def test_no_load_exceeds_its_share_by_more_than_the_longest(files, parts):
    dealt = balanced(files, [part / sum(parts) for part in parts], [0] * len(parts))
    longest = max((file[3] for file in files), default=0)
    for share, part in zip(dealt, parts, strict=True):
        assert load_of(share) <= Fraction(part, sum(parts)) * load_of(files) + longest


@given(FILES, st.lists(st.integers(1, 9), min_size=2, max_size=6), st.data())
def test_dealt_again_every_file_is_with_one_of_those_that_remain(files, parts, data):
    files = descending(files)
    lost = data.draw(st.integers(0, len(parts) - 1))
    first = balanced(files, parts, [0] * len(parts))
    left = [place for place in range(len(parts)) if place != lost]
    weights = [parts[place] for place in left]
    again = balanced(first[lost], weights, [load_of(first[place]) for place in left])
    final = [first[place] + more for place, more in zip(left, again, strict=True)]
    assert sorted(file for share in final for file in share) == sorted(files)
    longest = max((file[3] for file in files), default=0)
    for share, weight in zip(final, weights, strict=True):
        assert load_of(share) <= Fraction(weight, sum(weights)) * load_of(files) + longest


def test_all_weights_zero_means_equal_shares():
    dealt = balanced(published(), [0.0, 0.0], [0, 0])
    assert abs(load_of(dealt[0]) - load_of(dealt[1])) <= 7


@given(st.lists(st.integers(0, 40), min_size=1, max_size=5), st.integers(1, 4), st.integers(1, 7))
def test_batches_of_later_shares_count_on_in_every_worker(sizes, workers, tuple_batch):
    member = Member(number=1, url="ray://x:1", cluster=None, batches=[0] * workers)
    numbers = [[] for _ in range(workers)]
    for place, size in enumerate(sizes):
        files = published(size)
        share = member.take(files, tuple_batch)
        assert share.collectors_before == place * workers
        assert list(share.hands) == deal(files, workers)
        for worker, hand in enumerate(share.hands):
            before = share.batches_before[worker]
            numbers[worker] += [before + n for n, _ in enumerate(cut(hand, tuple_batch), start=1)]
    assert all(found == list(range(1, len(found) + 1)) for found in numbers)
    assert member.batches == [len(found) for found in numbers]
    assert len(member.files) == sum(sizes)


def test_a_lost_member_gives_all_its_files_back_and_keeps_no_result():
    member = Member(number=2, url="ray://x:1", cluster=None, batches=[0, 0])
    files = published(30)
    member.take(files[:20], 5)
    member.results.append(object())
    member.take(files[20:], 5)
    assert member.fail("gone") == files
    about, rows = member.outcome()
    assert (about["files"], about["error"], rows) == (0, "gone", [])


@given(st.integers(0, 3 * SHORT), st.integers(1, 5), st.integers(0, 9))
def test_the_parts_of_a_share_are_the_share(files, workers, collectors_before):
    share = share_of(list(range(files)), list(range(workers)), collectors_before)
    parts = in_parts(share)
    numbers = [number for part in parts for number in range(part.first_worker, part.first_worker + len(part.hands))]
    assert numbers == list(range(1, workers + 1))
    assert [hand for part in parts for hand in part.hands] == list(share.hands)
    assert [before for part in parts for before in part.batches_before] == list(share.batches_before)
    assert [part.collectors_before for part in parts] == [collectors_before, collectors_before + 1][: len(parts)]


def test_only_a_short_list_goes_ahead_of_the_others():
    assert len(in_parts(share_of(list(range(2 * SHORT)), [0, 0], 0))) == 2
    assert len(in_parts(share_of(list(range(2 * SHORT + 1)), [0, 0], 0))) == 1
    assert len(in_parts(share_of([1], [0], 0))) == 1


def test_share_and_batches_after():
    share = share_of(list(range(11)), [3, 0], 4)
    assert share.hands == [[0, 2, 4, 6, 8, 10], [1, 3, 5, 7, 9]]
    assert batches_after(share, 5) == [5, 1]


@given(st.permutations(range(20)), st.integers(0, 20))
def test_complete_is_every_seed_once_however_they_are_spread(seeds, cut_at):
    check_complete(20, [seeds[:cut_at], seeds[cut_at:]])


@pytest.mark.parametrize(
    ("seeds", "words"),
    [
        ([[0, 1], [3]], r"1 of 4 files are in no batch, first the one with the seed 2"),
        ([[0, 1, 2], [3, 1]], r"the seed 1 is in more batches"),
        ([[0, 1, 2, 3, 4]], r"the seed 4 is in more batches"),
        ([[0, 1, 2, -1]], r"the seed -1 is in more batches"),
        ([], r"4 of 4 files"),
    ],
)
def test_what_is_not_complete_is_said(seeds, words):
    with pytest.raises(JobError, match=words):
        check_complete(4, seeds)
