"""The answer of a route as an operator reads it: status, time, the body pretty-printed, and many calls in one line."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

import msgspec

from console.render.bars import trend
from console.render.cells import Pieces
from console.render.figures import number, size
from console.render.glyphs import Glyphs

_PRETTY_MOST_BYTES = 2 * 1024**2  # more is shown as it came
_LINES_MOST, _LINE_MOST = 2000, 2000


def status_line(http_status: int, seconds: float, body_bytes: int, content_type: str, glyphs: Glyphs) -> Pieces:
    """Return ``HTTP 200  12.3 ms  1.2 k  application/json``."""
    tone = "ok" if http_status < 400 else "bad"
    words = f"  {milliseconds(seconds, glyphs)}  {size(body_bytes, glyphs)}  {content_type[:60]}"
    return (
        (f" {glyphs.done if tone == 'ok' else glyphs.failed} ", tone),
        (f"HTTP {http_status}", tone),
        (words, "dim"),
    )


def milliseconds(seconds: float, glyphs: Glyphs) -> str:
    """Return a time as ``12.3 ms``."""
    return f"{number(seconds * 1000, glyphs)} ms"


def pretty_body(body: bytes, content_type: str) -> tuple[list[str], str]:
    """Return the lines of a body, JSON indented, and what was left out of them, empty when nothing was.

    The lines are not yet harmless: who draws them makes them so.
    """
    text = body
    if "json" in content_type.casefold() and len(body) <= _PRETTY_MOST_BYTES:
        try:
            text = msgspec.json.format(body, indent=2)
        except msgspec.DecodeError:
            text = body
    shown = text[: _LINES_MOST * _LINE_MOST]
    lines = shown.decode("utf-8", "replace").replace("\r\n", "\n").split("\n")
    cut = len(shown) < len(text) or len(lines) > _LINES_MOST
    left_out = f"the first {_LINES_MOST} lines of {size(len(body))}" if cut else ""
    return [line[:_LINE_MOST] for line in lines[:_LINES_MOST]], left_out


def latency_line(seconds: Sequence[float | None], width: int, glyphs: Glyphs) -> Pieces:
    """Return several calls in one line: their times as columns, then how many, failed ones, and figures of the rest.

    ``seconds``: of each call, None for one that failed.
    """
    known = [each for each in seconds if each is not None]
    columns = max(8, min(60, width - 66))
    top = max(known, default=1.0)
    failed = len(seconds) - len(known)
    words = [f" {len(seconds)} calls"]
    if known:
        p95 = statistics.quantiles(known, n=20)[-1] if len(known) > 1 else known[0]
        figures = (("min", min(known)), ("median", statistics.median(known)), ("p95", p95), ("max", top))
        words += [f"{name} {number(value * 1000, glyphs)}" for name, value in figures]
        words[-1] += " ms"
    return (
        (" ", ""),
        *trend(seconds, columns, glyphs, top=top),
        (",  ".join(words), "dim"),
        (f"  {glyphs.failed} {failed} failed" if failed else "", "bad"),
    )
