"""The colours of scatter groups, for dark and for light backgrounds: as many different ones as there are groups."""

from __future__ import annotations

import colorsys

_DARK = (
    "#6cb6ff", "#f0a04b", "#7ee08a", "#f47fb0", "#c3a6ff", "#f2e06d",
    "#5fd7d0", "#ff8a73", "#b5d96b", "#8fa8ff", "#e6b8a2", "#d0d6de",
)  # fmt: skip
_LIGHT = (
    "#0a5fb4", "#b45309", "#157a34", "#b01c66", "#6b3fc4", "#7c6a00",
    "#007a78", "#c0331d", "#4f7a12", "#3447b8", "#8a5a44", "#3d4650",
)  # fmt: skip
_GOLDEN_TURN = 0.618034  # of a circle: neighbours stay far apart however many follow


def group_colour(number: int, *, dark: bool) -> str:
    """Return the colour of group ``number`` as ``#rrggbb``; no two of the first two hundred are the same."""
    chosen = _DARK if dark else _LIGHT
    if number < len(chosen):
        return chosen[number]
    turn, ring = (number * _GOLDEN_TURN) % 1.0, number % 3
    lightness = (0.62, 0.72, 0.8)[ring] if dark else (0.3, 0.35, 0.25)[ring]
    red, green, blue = (round(255 * share) for share in colorsys.hls_to_rgb(turn, lightness, 0.7))
    return f"#{red:02x}{green:02x}{blue:02x}"
