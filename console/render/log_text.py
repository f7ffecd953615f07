"""Log bytes for standard output: as they are into a pipe, harmless for a terminal (colours stay, all else goes)."""

from __future__ import annotations

from io import StringIO

from rich.console import Console
from rich.text import Text

from console.render.ansi import LONGEST, pieces
from console.render.glyphs import Glyphs

_MOST_BYTES = 4 * LONGEST  # a character has four bytes at most


def _bounded(tail: bytes) -> bytes:
    """Return what can still be shown of a line that has not ended: of a progress bar its last state, of 10 MB some."""
    if len(tail) <= _MOST_BYTES:
        return tail
    return tail.rstrip(b"\r").rsplit(b"\r", 1)[-1][:_MOST_BYTES]


class LogText:
    """Takes chunks that cut lines anywhere; a terminal gets whole lines only."""

    def __init__(self, glyphs: Glyphs, *, to_terminal: bool) -> None:
        self._glyphs = glyphs
        self._to_terminal = to_terminal
        self._tail = b""

    def of(self, chunk: bytes) -> bytes:
        """Return what can be written of this chunk and of what was left over."""
        if not self._to_terminal:
            return chunk
        *lines, tail = (self._tail + chunk).split(b"\n")
        self._tail = _bounded(tail)
        return b"".join(self._harmless(line) + b"\n" for line in lines)

    def rest(self) -> bytes:
        """Return the unfinished last line."""
        tail, self._tail = self._tail, b""
        return self._harmless(tail) + b"\n" if tail else b""

    def _harmless(self, line: bytes) -> bytes:
        text = line.decode("utf-8", "replace")
        if self._glyphs.ascii_only or text.isprintable():
            return self._glyphs.safe(text).encode("utf-8", "replace")
        out = StringIO()
        console = Console(file=out, force_terminal=True, width=10**6, highlight=False, markup=False, emoji=False)
        console.print(Text.assemble(*pieces(text)), end="", soft_wrap=True)
        return out.getvalue().encode("utf-8", "replace")
