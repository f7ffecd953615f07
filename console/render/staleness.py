"""When a figure is old (dim, its age yellow) and when it is too old to be shown at all."""

from __future__ import annotations

from console.render.cells import Cell, cell
from console.render.figures import age
from console.render.glyphs import Glyphs

FORGOTTEN = 4  # times the age from which a figure is stale


def is_stale(age_s: float | None, stale_after_s: float) -> bool:
    """Return whether a figure of this age is old; unknown is not old."""
    return age_s is not None and age_s > stale_after_s


def is_forgotten(age_s: float | None, stale_after_s: float) -> bool:
    """Return whether a figure of this age is shown as unknown."""
    return age_s is not None and age_s > FORGOTTEN * stale_after_s


def age_cell(age_s: float | None, stale_after_s: float, glyphs: Glyphs) -> Cell:
    """Return the age, yellow from the moment the figure is stale on."""
    tone = "warn" if is_stale(age_s, stale_after_s) else "dim"
    return cell(age(age_s, glyphs), tone, age_s, fresh=True)
