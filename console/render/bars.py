"""Bars and trends of a few cells: eighth blocks on a dim track, columns with gaps where nothing is known."""

from __future__ import annotations

import math
from collections.abc import Sequence

from console.render.cells import Pieces
from console.render.glyphs import Glyphs


def bar(percent: float | None, width: int, glyphs: Glyphs, tone: str = "load") -> Pieces:
    """Return ``████▎····``, exactly ``width`` cells: the share in ``tone``, the rest as track; all track when unknown.

    Anything above zero shows at least the smallest step, anything below a hundred leaves some of the track.
    """
    steps_per_cell = len(glyphs.bar_parts) + 1
    steps = _steps(percent, width * steps_per_cell)
    full, rest = divmod(steps, steps_per_cell)
    filled = glyphs.bar_full * full + (glyphs.bar_parts[rest - 1] if rest else "")
    return tuple(piece for piece in ((filled, tone), (glyphs.bar_track * (width - len(filled)), "track")) if piece[0])


def _steps(percent: float | None, most: int) -> int:
    if percent is None or math.isnan(percent) or percent <= 0:
        return 0
    if percent >= 100:
        return most
    return max(1, min(most - 1, round(percent / 100 * most)))


def trend(values: Sequence[float | None], width: int, glyphs: Glyphs, *, top: float = 100.0) -> Pieces:
    """Return the last ``width`` values as columns between 0 and ``top``, right aligned; unknown is a dim gap.

    A short history leaves its left side blank: there was nothing yet, which is not a gap.
    """
    shown = list(values[-width:]) if width > 0 else []
    out: list[tuple[str, str]] = [(" " * (width - len(shown)), "")] if len(shown) < width else []
    for value in shown:
        known = value is not None and not math.isnan(value)
        sign, tone = (_column(value or 0.0, top, glyphs), "trend") if known else (glyphs.gap, "track")
        if out and out[-1][1] == tone:
            out[-1] = (out[-1][0] + sign, tone)
        else:
            out.append((sign, tone))
    return tuple(out)


def _column(value: float, top: float, glyphs: Glyphs) -> str:
    last = len(glyphs.trend) - 1
    share = value / top if top > 0 else 0.0
    return glyphs.trend[max(0, min(last, int(max(0.0, min(1.0, share)) * (last + 1))))]


def load_tone(percent: float | None, warn_percent: float | None, bad_percent: float | None) -> str:
    """Return ``bad``, ``warn``, else ``load``, or ``dim`` where nothing is known; a threshold counts when reached."""
    if percent is None or math.isnan(percent):
        return "dim"
    if bad_percent is not None and percent >= bad_percent:
        return "bad"
    if warn_percent is not None and percent >= warn_percent:
        return "warn"
    return "load"
