"""Waiting for Ray so that a stop signal is heard: ``ray.wait`` itself holds signals back until it returns."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Any

import ray

SLICE_S = 0.2


def first_finished(pending: Sequence[Any], timeout_s: float = math.inf) -> Any:
    """Return the reference that finishes first, by failing too; None when ``timeout_s`` is over before."""
    give_up_at = time.monotonic() + timeout_s
    while (left_s := give_up_at - time.monotonic()) > 0:
        finished, _ = ray.wait(list(pending), num_returns=1, timeout=min(SLICE_S, left_s))
        if finished:
            return finished[0]
    return None


class Deadline:
    """A time by which several waits have to be over."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s, self._at = timeout_s, time.monotonic() + timeout_s

    def first_finished(self, pending: Sequence[Any]) -> Any:
        """Return the reference that finishes first, by failing too. Raise TimeoutError when the time is over before."""
        finished = first_finished(pending, self._at - time.monotonic())
        if finished is None:
            raise TimeoutError(f"not done after {self._timeout_s:g} s")
        return finished
