"""The help as lines: a title a group, one line a key."""

from __future__ import annotations

from collections.abc import Iterable

from console.render.cells import Pieces


def help_lines(sections: Iterable[tuple[str, Iterable[tuple[str, str]]]]) -> tuple[Pieces, ...]:
    """Return the lines of titled groups of keys with their meanings."""
    lines: list[Pieces] = []
    for title, keys in sections:
        lines.append(((" " + title, "head"),))
        lines += [((f"   {shown:<10}", "accent"), (meaning, "")) for shown, meaning in keys]
        lines.append(())
    return tuple(lines)
