"""The generated file tuples: the published rule, their order, and how they are dealt and cut. Pure."""

from __future__ import annotations

import random
import string
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

FIELDS = ("seed", "name", "priority", "length")
File = tuple[int, str, int, int]  # one of each of FIELDS; the length is the stem's
Figures = tuple[float, ...]  # mean and variance of each of FIELDS, in that order, of a batch of files
T = TypeVar("T")


def generated_file(seed: int, lengths: Sequence[int], extensions: Sequence[str], priority: Mapping[str, int]) -> File:
    """Return the file of ``seed``. The order of the draws is the published rule: changing it changes every result."""
    dice = random.Random(seed)
    length = dice.choice(lengths)
    stem = "".join(dice.choices(string.ascii_lowercase, k=length))
    extension = dice.choice(extensions)
    return seed, f"{stem}.{extension}", priority[extension], length


def generated_files(
    amount: int, lengths: Sequence[int], extensions: Sequence[str], priority: Mapping[str, int]
) -> list[File]:
    """Return the files of the seeds 0..amount-1."""
    return [generated_file(seed, lengths, extensions, priority) for seed in range(amount)]


def ascending(files: Iterable[File]) -> list[File]:
    """Sort by (priority, length); equal ones stay in the order they came in."""
    return sorted(files, key=lambda file: file[2:])


def deal(items: Sequence[T], hands: int) -> list[Sequence[T]]:
    """Deal round robin: the first item to the first hand, and so on. A hand may stay empty."""
    return [items[hand::hands] for hand in range(hands)]


def cut(items: Sequence[T], size: int) -> list[Sequence[T]]:
    """Cut in pieces of ``size``, in order; the last one may be shorter."""
    return [items[start : start + size] for start in range(0, len(items), size)]
