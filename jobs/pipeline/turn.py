"""Turns of several threads at something that only one at a time may do, and that may hang."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition


class Turn:
    """A lock that the next one gets after ``most_s``, even where its holder hangs."""

    def __init__(self, most_s: float) -> None:
        self._most_s = most_s
        self._changed = Condition()
        self._holder: object = None
        self._ends_at = 0.0

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Wait for the turn and have it while the block runs, or until ``most_s`` are over."""
        holder = object()
        with self._changed:
            while self._holder is not None and (left_s := self._ends_at - time.monotonic()) > 0:
                self._changed.wait(left_s)
            self._holder, self._ends_at = holder, time.monotonic() + self._most_s
        try:
            yield
        finally:
            with self._changed:
                if self._holder is holder:
                    self._holder = None
                    self._changed.notify()
