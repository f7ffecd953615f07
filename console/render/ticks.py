"""Round ticks for an axis: 1, 2, 2.5 or 5 times a power of ten, three to five of them, with short labels."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise

from msgspec import Struct

_STEPS = (1.0, 2.0, 2.5, 5.0)
_SMALLEST_SHARE = 1e-4  # of the values' size: a narrower range is drawn as one place
_TINY = 1e-280  # below, a step of an axis would be no number any more
_AIR = 0.04  # of the range
_PREFIXES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


class Axis(Struct, frozen=True):
    """The range of an axis and where its ticks stand."""

    low: float
    high: float
    ticks: tuple[float, ...]
    labels: tuple[str, ...]

    def place_of(self, value: float, bins: int) -> int:
        """Return the bin of ``value`` as plotext finds it, 0 for the low end, ``bins - 1`` for the high end."""
        return math.floor(round(0.5 + (bins - 1) * (value - self.low) / (self.high - self.low), 8))

    def value_at(self, place: float, bins: int) -> float:
        """Return the value in the middle of a bin."""
        return self.low + place * (self.high - self.low) / max(1, bins - 1)


def round_axis(values: Sequence[float], most_ticks: int, cells: int) -> Axis:
    """Return the axis of ``cells`` cells that covers finite ``values`` (at least one), a little air at both ends.

    Ticks stand on whole cells, so that they are evenly apart also where cells are few; 3 to ``most_ticks`` (at most
    5) of them where the cells allow it. The air does not pass zero.
    """
    low, high = (0.0 if abs(value) < _TINY else value for value in (min(values), max(values)))
    size = max(abs(low), abs(high))
    if high - low <= size * _SMALLEST_SHARE:
        pad = size * 0.1 or 1.0
        low, high = low - pad, high + pad
    else:
        pad = (high - low) * _AIR
        low, high = (0.0 if 0 <= low < pad else low - pad), (0.0 if -pad < high <= 0 else high + pad)
    most = max(3, min(5, most_ticks))
    grids = [grid for step in _steps(high - low) for grid in _grids(low, high, step, cells)]
    good = [grid for grid in grids if 3 <= grid.tick_count <= most]
    return min(good or grids, key=lambda grid: (abs(grid.tick_count - 3) * (not good), grid.per_cell)).axis()


class _Grid(Struct, frozen=True):
    """Cells of ``step / cells_per_step`` each; ``first`` is the number of the lowest cell, cell 0 holds zero."""

    step: float
    cells_per_step: int
    first: int
    cells: int

    @property
    def per_cell(self) -> float:
        return self.step / self.cells_per_step

    @property
    def tick_numbers(self) -> range:
        return range(-(-self.first // self.cells_per_step), (self.first + self.cells - 1) // self.cells_per_step + 1)

    @property
    def tick_count(self) -> int:
        return len(self.tick_numbers)

    def axis(self) -> Axis:
        ticks = tuple(number * self.step for number in self.tick_numbers)
        low, high = self.first * self.per_cell, (self.first + self.cells - 1) * self.per_cell
        return Axis(low, high, ticks, _labels(ticks))


def _steps(span: float) -> list[float]:
    magnitude = 10.0 ** math.floor(math.log10(span))
    return [scale * share for scale in (magnitude / 10, magnitude, magnitude * 10) for share in _STEPS]


def _grids(low: float, high: float, step: float, cells: int) -> Iterator[_Grid]:
    """Yield the grids of one step that cover the range with two ticks or more, most cells per step first.

    It ends with the first that has three ticks: fewer cells per step only waste more of the axis.
    """
    most = min(cells // 2, math.floor((cells - 1) * step / (high - low)))
    for cells_per_step in range(most, 0, -1):
        per_cell = step / cells_per_step
        first, last = math.floor(low / per_cell + 1e-9), math.ceil(high / per_cell - 1e-9)
        spare = cells - 1 - (last - first)
        if spare < 0:
            continue
        below = min(spare // 2, first) if first >= 0 else spare // 2
        grid = _Grid(step, cells_per_step, first - below, cells)
        yield grid
        if grid.tick_count >= 3:
            return


def _labels(ticks: Sequence[float]) -> tuple[str, ...]:
    """Return labels of one unit, with as many decimals as keep them apart."""
    biggest = max(abs(tick) for tick in ticks)
    if 0 < biggest < 1e-3 or biggest >= 1e15:
        digits = next((count for count in (2, 3) if len({f"{tick:.{count}g}" for tick in ticks}) == len(ticks)), 4)
        return tuple("0" if tick == 0 else f"{tick:.{digits}g}" for tick in ticks)
    step = min((after - before for before, after in pairwise(ticks)), default=biggest)
    divisor, prefix = next(
        ((size, sign) for size, sign in _PREFIXES if biggest >= size and step >= size / 100), (1.0, "")
    )
    step /= divisor
    decimals = max(0, math.ceil(-math.log10(step) - 1e-9))
    texts = [f"{tick / divisor:.{decimals}f}" for tick in ticks]
    if any(abs(float(text) - tick / divisor) > step / 100 for text, tick in zip(texts, ticks, strict=True)):
        texts = [f"{tick / divisor:.{decimals + 1}f}" for tick in ticks]  # 2.5 times a power of ten
    return tuple("0" if float(text) == 0 else text + prefix for text in texts)
