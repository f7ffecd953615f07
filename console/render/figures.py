"""Numbers -> the short text of a cell: at most three significant digits, a unit, never a false one.

None (and NaN) is the dash of the glyph set: not known is never zero. ``k M G T P`` of bytes are binary (1 G = 1 GiB),
of anything else decimal.
"""

from __future__ import annotations

import math

from console.render.glyphs import UNICODE, Glyphs

_UNITS = ("", "k", "M", "G", "T", "P", "E")
_SPANS = ((86_400.0, "d"), (3_600.0, "h"), (60.0, "m"))
_MOST = 10.0**20


def number(value: float | None, glyphs: Glyphs = UNICODE) -> str:
    """Return a count or a ratio in at most three digits: ``0``, ``1.25``, ``12.3``, ``1.2k``."""
    if (value := _known(value)) is None:
        return glyphs.dash
    text, unit = _scaled(value, 1000.0)
    return text + unit


def size(value_bytes: float | None, glyphs: Glyphs = UNICODE) -> str:
    """Return bytes as ``512 B``, ``1.3 G`` (binary), at most six cells."""
    if (value_bytes := _known(value_bytes)) is None:
        return glyphs.dash
    text, unit = _scaled(value_bytes, 1024.0)
    return f"{text} {unit or 'B'}"


def size_of(used_bytes: float | None, total_bytes: float | None, glyphs: Glyphs = UNICODE) -> str:
    """Return ``9.1/48 G`` in the total's unit (binary), at most nine cells; a missing half is the dash, so are both."""
    used, total = _known(used_bytes), _known(total_bytes)
    if total is None:
        return size(used, glyphs)
    scaled, unit = _in_unit(total, 1024.0)
    left = glyphs.dash if used is None else _brief(used / 1024.0 ** _UNITS.index(unit))
    return f"{left}/{_brief(scaled)} {unit or 'B'}"


def percent(value: float | None, glyphs: Glyphs = UNICODE) -> str:
    """Return ``54 %``; above zero it is never ``0 %``, below a hundred never ``100 %``."""
    if (value := _known(value)) is None:
        return glyphs.dash
    shown = round(value)
    if shown == 0 and value > 0:
        return "<1 %"
    if shown == 100 and value < 100:
        shown = 99
    return f"{min(shown, 9999)} %"


def rate(value_per_s: float | None, glyphs: Glyphs = UNICODE) -> str:
    """Return bytes per second as ``9 k``, ``1.3 M`` (binary), at most six cells; the column's head says per what."""
    if (value_per_s := _known(value_per_s)) is None:
        return glyphs.dash
    scaled, unit = _in_unit(value_per_s, 1024.0)
    return f"{_brief(scaled)} {unit or 'B'}"


def rates(in_per_s: float | None, out_per_s: float | None, glyphs: Glyphs = UNICODE) -> str:
    """Return ``2 k/9 k``: received, then sent; one dash when neither is known."""
    if _known(in_per_s) is None and _known(out_per_s) is None:
        return glyphs.dash
    return f"{rate(in_per_s, glyphs)}/{rate(out_per_s, glyphs)}"


def age(seconds: float | None, glyphs: Glyphs = UNICODE) -> str:
    """Return an age or a short duration in its largest unit, rounded down: ``0 s``, ``59 s``, ``4 m``, ``3 d``."""
    if (seconds := _known(seconds)) is None:
        return glyphs.dash
    seconds = max(0.0, seconds)
    for span_s, unit in _SPANS:
        if seconds >= span_s:
            count = int(seconds / span_s)
            return f"{count} {unit}" if count < 10_000 else f">9k {unit}"
    return f"{int(seconds)} s"


def duration(seconds: float | None, glyphs: Glyphs = UNICODE) -> str:
    """Return a duration in its two largest units: ``3.2 s`` below ten seconds, ``12 s``, ``4 m 5 s``, ``3 d 4 h``."""
    if (seconds := _known(seconds)) is None:
        return glyphs.dash
    seconds = max(0.0, seconds)
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    left = int(seconds)
    parts: list[str] = []
    for span_s, unit in (*_SPANS, (1.0, "s")):
        count, left = divmod(left, int(span_s))
        if count or parts:
            parts.append(f"{count} {unit}" if count else "")
    return " ".join(part for part in parts[:2] if part)


def _known(value: float | None) -> float | None:
    if value is None or math.isnan(value):
        return None
    return max(-_MOST, min(_MOST, value))


def _short(value: float) -> str:
    """Return three significant digits without an exponent and without trailing zeros."""
    magnitude = abs(value)
    if 0 < magnitude < 0.005:
        return "<0.01" if value > 0 else ">-0.01"
    decimals = 0 if magnitude >= 99.95 else 1 if magnitude >= 9.995 else 2
    text = f"{value:.{decimals}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


def _brief(value: float) -> str:
    """Return two significant digits below ten, a whole number above: half of a pair has no room for more."""
    if 0 < value < 0.05:
        return "<0.1"
    return f"{value:.1f}".removesuffix(".0") if value < 9.95 else f"{value:.0f}"


def _scaled(value: float, base: float) -> tuple[str, str]:
    """Return the digits and the unit; 999.6 M is ``1 G`` and never ``1000 M``, 1000 MiB ``0.98 G``."""
    scaled, unit = _in_unit(value, base)
    return _short(scaled), unit


def _in_unit(value: float, base: float) -> tuple[float, str]:
    unit = 0
    while abs(value) >= 999.5 and unit < len(_UNITS) - 1:
        value /= base
        unit += 1
    return value, _UNITS[unit]
