"""The pure half of the pipeline: generated, dealt, cut, computed and summarised without Ray."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pipeline import figures as pipeline_figures
from pipeline.figures import batch_figures, batches_figures, letter_numbers
from pipeline.files import FIELDS, ascending, cut, deal, generated_files
from pipeline.summaries import Batch, collected, summaries

GOLDEN = json.loads((Path(__file__).parents[2] / "golden" / "processing.json").read_text())
DATA = GOLDEN["parameters"]["data-parameters"]


def golden_files(amount=DATA["amount"]):
    return generated_files(amount, DATA["lengths"], DATA["extensions"], DATA["priority"])


def pipeline(amount, workers, actors, tuple_batch, stats_batch):
    """The whole rule, one step after the other, collectors in the order of the workers."""
    for worker, files in enumerate(deal(ascending(golden_files(amount)), workers)):
        figures = batches_figures(cut(files, tuple_batch)) if files else []
        actor = worker % actors + 1
        batches = [Batch(worker + 1, actor, number, (), figure) for number, figure in enumerate(figures, start=1)]
        yield from summaries(worker + 1, batches, stats_batch)


def test_first_files_are_the_published_ones():
    assert golden_files()[:3] == [(0, "tkgnk.md", 3, 5), (1, "oub.txt", 1, 3), (2, "cj.py", 2, 2)]


def test_golden_summary_to_the_last_bit():
    made = list(pipeline(50, 2, 2, 5, 5))
    assert len(made) == 2
    assert made[0] == GOLDEN["published"]


def test_ascending_is_stable():
    files = golden_files(400)
    assert ascending(files) == [f for _, f in sorted(enumerate(files), key=lambda p: (p[1][2], p[1][3], p[0]))]


@given(st.lists(st.integers()), st.integers(1, 9))
def test_dealing_loses_nothing_and_keeps_order(items, hands):
    dealt = deal(items, hands)
    assert len(dealt) == hands
    assert all(dealt[place % hands][place // hands] == item for place, item in enumerate(items))
    assert sum(map(len, dealt)) == len(items)


@given(st.lists(st.integers()), st.integers(1, 9))
def test_cutting_keeps_short_last_pieces(items, size):
    pieces = cut(items, size)
    assert [item for piece in pieces for item in piece] == items
    assert all(len(piece) == size for piece in pieces[:-1])
    assert all(pieces)


@given(st.integers(0, 90), st.integers(1, 5), st.integers(1, 4), st.integers(1, 7), st.integers(1, 4))
def test_every_batch_is_in_exactly_one_summary(amount, workers, actors, tuple_batch, stats_batch):
    found = [
        (worker, batch)
        for summary in pipeline(amount, workers, actors, tuple_batch, stats_batch)
        for worker, batch in zip(summary["workers"], summary["batches"], strict=True)
    ]
    sizes = [len(hand) for hand in deal(range(amount), workers)]
    expected = [(w + 1, b + 1) for w, size in enumerate(sizes) for b in range(-(-size // tuple_batch))]
    assert found == expected


def test_summary_names_collector_actor_and_group():
    batches = [Batch(3, 1, number, (number,), (float(number),) * 8) for number in range(1, 6)]
    made = summaries(2, batches, 2)
    assert [summary["id"] for summary in made] == ["2-1-1", "2-1-2", "2-1-3"]
    assert [summary["batches"] for summary in made] == [[1, 2], [3, 4], [5]]
    assert made[2]["length"] == {"mean": [5.0], "variance": [5.0]}
    assert list(collected(2, batches, 2).seeds) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("name", "numbers"),
    [("ab.Z", [1, 2, 26]), ("a-1é.md", [1, 13, 4]), ("ß", [19, 19]), ("7.7", [])],
)
def test_letter_numbers_fold_case_and_skip_the_rest(name, numbers):
    assert letter_numbers(name) == numbers


@given(st.integers(1, 60), st.integers(0, 40))
def test_figures_are_numpys_on_the_plain_lists(count, skipped):
    batch = golden_files(100)[skipped : skipped + count]
    columns = [[f[0] for f in batch], [n for f in batch for n in letter_numbers(f[1])]]
    columns += [[f[2] for f in batch], [f[3] for f in batch]]
    assert batch_figures(batch) == tuple(float(c(column)) for column in columns for c in (np.mean, np.var))
    assert len(batch_figures(batch)) == 2 * len(FIELDS)


NAMES = st.one_of(
    st.from_regex(r"[a-z]{1,9}\.[a-z]{1,5}", fullmatch=True), st.text(max_size=9).map(lambda text: f"{text}a")
)
FILES = st.tuples(st.integers(0, 10**8), NAMES, st.integers(-(10**8), 10**8), st.integers(1, 255))


@settings(deadline=None)
@given(st.lists(FILES, min_size=1, max_size=150), st.integers(1, 140))
def test_many_batches_at_once_have_the_bits_of_each_alone(files, tuple_batch):
    batches = cut(files, tuple_batch)
    assert pipeline_figures._all_at_once(batches) == [batch_figures(batch) for batch in batches]


@pytest.mark.parametrize("tuple_batch", [1, 2, 5, 7, 8, 9, 64, 127, 128, 129, 1000, 4999])
def test_any_size_of_batch_has_the_bits_of_numpy(tuple_batch):
    batches = cut(golden_files(5000), tuple_batch)
    assert pipeline_figures._all_at_once(batches) == [batch_figures(batch) for batch in batches]


def test_where_numpy_sums_rows_otherwise_every_batch_is_computed_alone(monkeypatch):
    batches = cut(golden_files(), 5)
    monkeypatch.setattr(pipeline_figures, "_all_at_once", lambda batches: [(0.1,) * 8 for _ in batches])
    assert batches_figures(batches) == [batch_figures(batch) for batch in batches]
