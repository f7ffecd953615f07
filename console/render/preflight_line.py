"""The preflight's judgement in one line: ``✓ 6 CPU free, needs 4 · 5.1 G memory free, needs 0.9 G``."""

from __future__ import annotations

from collections.abc import Sequence

from console.render.cells import Pieces
from console.render.glyphs import Glyphs
from console.services.preflight import PreflightCheck

_TONES = {"ok": "", "refused": "bad", "unverified": "warn"}


def preflight_line(checks: Sequence[PreflightCheck], glyphs: Glyphs) -> Pieces:
    """Return the worst outcome's sign, then every answer, the ones that refuse in red."""
    outcomes = {check.outcome for check in checks}
    if "refused" in outcomes:
        sign = (f" {glyphs.failed} ", "bad")
    elif "unverified" in outcomes or not checks:
        sign = (f" {glyphs.unknown} ", "warn")
    else:
        sign = (f" {glyphs.ok} ", "ok")
    pieces: list[tuple[str, str]] = [sign]
    for number, check in enumerate(sorted(checks, key=lambda check: check.outcome != "refused")):
        if number:
            pieces.append((f" {glyphs.separator} ", "dim"))
        pieces.append((check.text, _TONES[check.outcome]))
    return tuple(pieces)
