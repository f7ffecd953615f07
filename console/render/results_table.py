"""The list of kept outputs, what was kept aside among them, and the table about runs that are laid over each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Any

from console.model.kept import KeptOutput, SpoiltOutput
from console.render.cells import Cell, Column, Row, cell, unknown
from console.render.figures import duration, size
from console.render.glyphs import Glyphs
from console.render.legend import group_pen

RESULT_COLUMNS = (
    Column("state", "", 1, right=False),
    Column("kept", "KEPT", 8, right=False),
    Column("job", "JOB", 19, right=False, drop=2),
    Column("cluster", "CLUSTER", 11, right=False),
    Column("id", "SUBMISSION ID", 26, right=False),
    Column("took", "TOOK", 8, drop=4),
    Column("parameters", "PARAMETERS", 24, right=False, flex=True, width_most=90, drop=1),
    Column("source", "FROM", 5, right=False, drop=5),
    Column("checksum", "SHA-256", 12, right=False, drop=6),
)
RUN_COLUMNS = (
    Column("sign", "", 1, right=False),
    Column("id", "SUBMISSION ID", 26, right=False),
    Column("cluster", "CLUSTER", 11, right=False, drop=2),
    Column("kept", "KEPT", 8, right=False, drop=3),
    Column("parameters", "PARAMETERS", 16, right=False, flex=True, width_most=100, drop=1),
)
_LONGEST = 40  # characters of one value
Document = Mapping[str, Any]


def kept_row(kept: KeptOutput, defaults: Document | None, now: float, zone: tzinfo | None, glyphs: Glyphs) -> Row:
    """Return the row of a kept output; ``defaults`` are those of its bundle, None where it is not known."""
    took = kept.ended_at - kept.started_at if kept.ended_at and kept.started_at else None
    sampled = kept.total is not None
    cells = (
        Cell(((glyphs.degraded if sampled else glyphs.done, "warn" if sampled else "ok"),), "done", fresh=True),
        cell(moment(kept.kept_at, now, zone), "", kept.kept_at),
        cell(kept.job),
        cell(kept.cluster),
        cell(kept.submission_id, "dim"),
        unknown(glyphs) if took is None else cell(duration(took, glyphs), "", took),
        _parameters(kept, defaults, glyphs),
        cell(kept.source, "dim"),
        cell(kept.sha256[:12], "dim"),
    )
    return Row(cells)


def spoilt_row(spoilt: SpoiltOutput, now: float, zone: tzinfo | None, glyphs: Glyphs) -> Row:
    """Return the row of what was kept aside: no output, and why."""
    cells = (
        Cell(((glyphs.failed, "bad"),), "spoilt", fresh=True),
        cell(moment(spoilt.kept_at, now, zone), "", spoilt.kept_at),
        cell(spoilt.job),
        cell(spoilt.cluster),
        cell(spoilt.submission_id, "dim"),
        unknown(glyphs),
        cell(f"kept aside, {size(spoilt.received_bytes, glyphs)}: {spoilt.why}", "bad"),
        cell(spoilt.source, "dim"),
        unknown(glyphs),
    )
    return Row(cells)


def run_rows(runs: Sequence[KeptOutput], now: float, zone: tzinfo | None, glyphs: Glyphs) -> dict[str, Row]:
    """Return a row per run that is laid over others; of the parameters those that differ between them."""
    common = _common([flat(run.parameters or {}) for run in runs])
    rows = {}
    for place, run in enumerate(runs):
        own = {key: value for key, value in flat(run.parameters or {}).items() if key not in common}
        text = words(own) if run.parameters is not None else glyphs.dash
        rows[run.submission_id] = Row((
            Cell(((glyphs.markers[place % len(glyphs.markers)], group_pen(place)),), float(place)),
            cell(run.submission_id),
            cell(run.cluster),
            cell(moment(run.kept_at, now, zone), "dim", run.kept_at),
            cell(text or "the same", "" if own else "dim"),
        ))  # fmt: skip
    return rows


def moment(at: float, now: float, zone: tzinfo | None) -> str:
    """Return the time of today, the day of any other."""
    when = datetime.fromtimestamp(at, zone)
    return when.strftime("%H:%M:%S" if when.date() == datetime.fromtimestamp(now, zone).date() else "%d %b")


def differing(parameters: Document, defaults: Document) -> dict[str, Any]:
    """Return the parameters that are not at their defaults; keys that the console fills in by itself are none."""
    known = flat(defaults)
    return {key: value for key, value in flat(parameters).items() if key in known and value != known[key]}


def flat(document: Document) -> dict[str, Any]:
    """Return the keys of all sections with their values; a key is named once in the whole document."""
    return {key: value for section in document.values() if isinstance(section, dict) for key, value in section.items()}


def words(parameters: Document) -> str:
    """Return ``amount 400, tuple-batch 5``."""
    return ", ".join(f"{key} {str(value)[:_LONGEST]}" for key, value in parameters.items())


def _parameters(kept: KeptOutput, defaults: Document | None, glyphs: Glyphs) -> Cell:
    if kept.parameters is None:
        return unknown(glyphs)
    own = words(flat(kept.parameters) if defaults is None else differing(kept.parameters, defaults))
    return cell(own or "defaults", "" if own else "dim")


def _common(documents: Sequence[Document]) -> set[str]:
    keys = set(documents[0]) if documents else set()
    return {key for key in keys if all(key in each and each[key] == documents[0][key] for each in documents)}
