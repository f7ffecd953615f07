"""A fault as a sentence: what, since when; on the next line what to type. And what a fresh screen says when empty."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, tzinfo
from pathlib import Path
from textwrap import wrap

from console.model.cluster import ClusterSnapshot, Fault, State
from console.render.cells import Pieces
from console.render.figures import age
from console.render.glyphs import Glyphs

_MOST_FAULTS = 2
_MOST_LINES = 3


def most_urgent(selected: ClusterSnapshot | None, snapshots: Iterable[ClusterSnapshot]) -> ClusterSnapshot | None:
    """Return whose faults are told: those of the cluster under the cursor, else of one that is down, else of any."""
    if selected is not None and (selected.faults or _is_starting(selected)):
        return selected
    troubled = [snapshot for snapshot in snapshots if snapshot.faults]
    return min(troubled, key=lambda snapshot: snapshot.state is not State.DOWN, default=None)


def fault_lines(
    snapshot: ClusterSnapshot | None, now: float, zone: tzinfo | None, glyphs: Glyphs, width: int | None = None
) -> tuple[Pieces, ...]:
    """Return a cluster's faults, nothing for a healthy one; sentences are wrapped into ``width`` cells."""
    if snapshot is None:
        return ()
    name = snapshot.spec.name
    if _is_starting(snapshot):
        return (((f" {name} is starting: its head does not answer yet", "dim"),),)
    lines: list[Pieces] = []
    for fault in snapshot.faults[:_MOST_FAULTS]:
        since = datetime.fromtimestamp(fault.since, zone).strftime("%H:%M:%S")
        state = " is down" if snapshot.state is State.DOWN else ""
        says = f"{state} since {since} ({age(now - fault.since, glyphs)}): {fault.message}"
        first, *rest = _wrapped(says, width, len(name) + 1, glyphs)
        lines.append(((f" {name}", "bad" if snapshot.state is State.DOWN else "warn"), (" " + first, "")))
        indent = (" " * (len(name) + 2), "")
        lines += [(indent, (text, "")) for text in rest]
        if fault.hint:
            lines += [(indent, (text, "accent")) for text in _wrapped(fault.hint, width, len(name) + 1, glyphs)]
    return tuple(lines)


def topology_lines(faults: Iterable[Fault], width: int, glyphs: Glyphs) -> tuple[Pieces, ...]:
    """Return what is wrong with the configuration as it was last read."""
    lines: list[Pieces] = []
    for fault in faults:
        first, *rest = _wrapped(fault.message, width, len(fault.source) + 1, glyphs)
        indent = (" " * (len(fault.source) + 2), "")
        lines += [((f" {fault.source} ", "warn"), (first, "")), *((indent, (text, "")) for text in rest)]
        if fault.hint:
            lines.append((indent, (fault.hint, "accent")))
    return tuple(lines)


def _is_starting(snapshot: ClusterSnapshot) -> bool:
    return snapshot.spec.starting and snapshot.identity is None


def _wrapped(text: str, width: int | None, indent: int, glyphs: Glyphs) -> list[str]:
    """Return a sentence in at most three lines, the last one cut; all of it in one where nothing limits it."""
    text = glyphs.safe(text.replace("\r", " ")).strip()  # in a log it overwrites; here it would hide our own words
    if width is None:
        return [text]
    return wrap(text, max(20, width - indent - 2), max_lines=_MOST_LINES, placeholder=f" {glyphs.ellipsis}")


def no_clusters_lines(places: Sequence[Path]) -> tuple[Pieces, ...]:
    """Return what teaches a newcomer: where clusters.toml is looked for and how to have a cluster at once."""
    return (
        (("no clusters yet", ""),),
        (),
        (("start one on this machine:  ", "dim"), ("raydeck up", "accent")),
        (("or describe yours; the file is looked for in", "dim"),),
        *((("   " + str(place), ""),) for place in dict.fromkeys(places)),
        (("an example to begin with:  ", "dim"), ("raydeck config example", "accent")),
    )


STARTING_LINES: tuple[Pieces, ...] = ((("starting a Ray cluster on this machine, about six seconds", "dim"),),)
"""What stands there until the demo's cluster has a row."""
