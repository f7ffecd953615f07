"""Mean and variance of each batch, exactly as NumPy computes them on that batch.

NumPy's order of summation decides the last bits of a variance: it depends on how many numbers lie side by side, and on
nothing else. So batches of one size are rows of one array, and each row is summed as it would be alone. A test holds
every batch against ``batch_figures``; where jobs run, it is the first and the last of each call, because that NumPy may
be another one.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np

from pipeline.files import Figures, File

_BREAK = "\n"  # no letter: it stands between the names of one batch and those of the next


def letter_numbers(name: str) -> list[int]:
    """Return a=1 … z=26 for the letters of ``name``, case folded; other characters are skipped."""
    return [ord(letter) - 96 for letter in name.casefold() if "a" <= letter <= "z"]


def batch_figures(batch: Sequence[File]) -> Figures:
    """Return the eight figures of a batch that is not empty: the rule. Variances are those of a population."""
    seeds, names, priorities, lengths = zip(*batch, strict=True)
    letters = [number for name in names for number in letter_numbers(name)]
    columns = [np.array(column) for column in (seeds, letters, priorities, lengths)]
    return tuple(float(figure) for column in columns for figure in (np.mean(column), np.var(column)))


def batches_figures(batches: Sequence[Sequence[File]]) -> list[Figures]:
    """Return what ``batch_figures`` gives for each batch, to the last bit, many times as fast."""
    found = _all_at_once(batches)
    if all(found[place] == batch_figures(batches[place]) for place in (0, -1)):
        return found
    return [batch_figures(batch) for batch in batches]


def _all_at_once(batches: Sequence[Sequence[File]]) -> list[Figures]:
    seeds, names, priorities, lengths = zip(*chain.from_iterable(batches), strict=True)
    sizes = np.array([len(batch) for batch in batches])
    letters, letter_counts = _letter_numbers(names, sizes)
    columns = [
        _mean_and_variance(np.array(values, dtype=float), counts)
        for values, counts in ((seeds, sizes), (letters, letter_counts), (priorities, sizes), (lengths, sizes))
    ]
    return [tuple(figures) for figures in np.hstack(columns).tolist()]


def _mean_and_variance(values: Any, counts: Any) -> Any:
    """Return a row of both figures for each batch; ``counts`` says how many of ``values`` are whose, in order."""
    found = np.empty((len(counts), 2))
    first = np.cumsum(counts) - counts
    for count in np.unique(counts):
        which = np.flatnonzero(counts == count)
        rows = values[first[which][:, np.newaxis] + np.arange(count)]
        found[which, 0] = np.mean(rows, axis=1)
        found[which, 1] = np.var(rows, axis=1)
    return found


def _letter_numbers(names: Sequence[str], sizes: Any) -> tuple[Any, Any]:
    """Return a=1 … z=26 for the letters of all names, case folded, and how many each batch has; others are skipped."""
    ends = np.cumsum(sizes).tolist()
    joined = ("".join(names[start:end]) for start, end in zip([0, *ends], ends, strict=False))
    text = _BREAK.join(text.replace(_BREAK, "") for text in joined)
    numbers = np.frombuffer(text.casefold().encode("ascii", "ignore"), dtype=np.uint8).astype(np.int16) - 96
    letters = (numbers >= 1) & (numbers <= 26)
    before = np.cumsum(letters)[np.flatnonzero(numbers == ord(_BREAK) - 96)]
    total = np.count_nonzero(letters)
    return numbers[letters], np.diff(np.concatenate(([0], before, [total])))
