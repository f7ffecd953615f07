"""How far a working dir is on its way, in words."""

from __future__ import annotations

from console.model.shipped import Shipped
from console.render.figures import size
from console.render.glyphs import Glyphs


def shipped_words(shipped: Shipped, glyphs: Glyphs) -> str:
    """Return ``working dir 1.2 M, 14 files`` first, then ``…, 40 % sent`` in tenths."""
    words = f"working dir {size(shipped.size_bytes, glyphs)}, {shipped.file_count} files"
    if shipped.sent_bytes is None:
        return words
    percent = 100 if shipped.size_bytes == 0 else 10 * (10 * shipped.sent_bytes // shipped.size_bytes)
    return f"{words}, {percent} % sent"
