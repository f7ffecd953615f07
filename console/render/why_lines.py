"""A diagnosis as lines for a screen and as text for a terminal."""

from __future__ import annotations

import textwrap

from console.model.diagnosis import Diagnosis
from console.model.job import Job
from console.render.cells import Pieces
from console.render.glyphs import Glyphs, state_tone

_TONES = {"starts": "warn", "waits for resources": "warn", "runs": "ok", "succeeded": "ok", "stopped": "dim"}


def why_title(job: Job, glyphs: Glyphs) -> Pieces:
    """Return `` why  raysubmit_… on local-1  ✗ failed``."""
    return (
        (" why  ", "dim"),
        (job.id, "accent"),
        (f" on {job.cluster}", ""),
        (f"  {glyphs.state(job.status)} {job.status.lower()}", state_tone(job.status)),
    )


def why_lines(diagnosis: Diagnosis, width: int) -> list[Pieces]:
    """Return cause and headline, then the details, then what to do, wrapped into ``width`` cells."""
    lines: list[Pieces] = [
        ((f"   {diagnosis.cause}", _TONES.get(diagnosis.cause, "bad")),),
        *_wrapped(diagnosis.headline, "   ", "", width),
    ]
    if diagnosis.details:
        lines += [((" ", ""),), *(line for text in diagnosis.details for line in _wrapped(text, "     ", "dim", width))]
    if diagnosis.hint:
        lines += [((" ", ""),), *_wrapped(f"try: {diagnosis.hint}", "   ", "accent", width)]
    return lines


def _wrapped(text: str, indent: str, tone: str, width: int) -> list[Pieces]:
    room = max(20, width - len(indent) - 1)
    return [((indent + line, tone),) for line in textwrap.wrap(text, room) or [""]]


def why_text(diagnosis: Diagnosis, glyphs: Glyphs) -> str:
    """Return the same for standard output, harmless for a terminal."""
    lines = [f"{diagnosis.cause}: {diagnosis.headline}", *(f"  {detail}" for detail in diagnosis.details)]
    if diagnosis.hint:
        lines.append(f"try: {diagnosis.hint}")
    return "\n".join(glyphs.safe(line) for line in lines)
