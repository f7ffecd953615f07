"""Headings and legends of charts: the statistic, what the axes are, and which marker is which id, in one line."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len

from console.render.cells import Pieces
from console.render.glyphs import Glyphs

SHARED_PEN = "shared"
_NAME_MOST = 16  # cells


def group_pen(number: int) -> str:
    """Return the pen of group ``number``, counted from 0."""
    return f"group-{number}"


def legend(names: Sequence[str], width: int, glyphs: Glyphs, *, overlapping: bool = False) -> Pieces:
    """Return ``● 0-1-1  ▲ 1-2-1  +3`` in at most ``width`` cells; what does not fit is counted.

    ``overlapping``: some cell holds several groups, so the sign for that is explained first.
    """
    out: list[tuple[str, str]] = []
    used = 0
    if overlapping and width > 24:
        out, used = [(glyphs.shared, SHARED_PEN), (" several", "dim")], 9
    for number, name in enumerate(names):
        text = _short(glyphs.safe(name), glyphs)
        rest = len(names) - number - 1
        needed = (2 if out else 0) + 2 + cell_len(text)
        if used + needed + (len(f"  +{rest}") if rest else 0) > width:
            left = f"{'  ' if out else ''}+{rest + 1}"
            out += [(left, "dim")] if used + len(left) <= width else []
            break
        marker = glyphs.markers[number % len(glyphs.markers)]
        out += [("  " if out else "", ""), (f"{marker} ", group_pen(number)), (text, "text")]
        used += needed
    return tuple(piece for piece in out if piece[0])


def heading(title: str, names: Sequence[str], width: int, glyphs: Glyphs, *, overlapping: bool = False) -> Pieces:
    """Return the line above a chart in exactly ``width`` cells: title, axes if there is room, legend."""
    title = _short(glyphs.safe(title), glyphs)[:width]
    left: list[tuple[str, str]] = [(title, "title")] if title else []
    used = cell_len(title)
    axes = "  x mean, y variance"
    if width - used >= len(axes) + (24 if names else 0):
        left.append((axes if title else axes.lstrip(), "dim"))
        used += len(left[-1][0])
    right = legend(names, width - used - 2, glyphs, overlapping=overlapping) if names else ()
    gap = width - used - sum(cell_len(text) for text, _ in right)
    return (*left, *([(" " * gap, "")] if gap else []), *right)


def _short(text: str, glyphs: Glyphs) -> str:
    if cell_len(text) <= _NAME_MOST:
        return text
    while cell_len(text) >= _NAME_MOST:
        text = text[:-1]
    return text + glyphs.ellipsis
