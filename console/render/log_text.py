"""Log bytes for standard output: as they are into a pipe, harmless for a terminal (colours stay, all else goes)."""

from __future__ import annotations

from io import StringIO

from rich.console import Console
from rich.text import Text

from console.render.ansi import pieces
from console.render.glyphs import Glyphs


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
        *lines, self._tail = (self._tail + chunk).split(b"\n")
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
