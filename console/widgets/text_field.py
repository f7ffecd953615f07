"""TextField: a field to type into that shows harmlessly whatever stands in it: a default or a paste can be anything."""

from __future__ import annotations

from rich.text import Text
from textual.widgets import Input

from console.render.glyphs import Glyphs


class TextField(Input):
    """Textual's Input, with a cursor that stands still (a blinking one costs 3 kB/s on the line)."""

    def __init__(self, value: str | None = None, *, placeholder: str = "", glyphs: Glyphs) -> None:
        self._glyphs = glyphs
        super().__init__(value, placeholder=placeholder, compact=True, select_on_focus=False)
        self.cursor_blink = False

    @property
    def _value(self) -> Text:
        """Sign for sign, so that the cursor stands where it belongs."""
        shown = super()._value
        shown.plain = "".join(self._shown(char) for char in shown.plain)
        return shown

    def _shown(self, char: str) -> str:
        if self._glyphs.ascii_only:
            return char if char.isascii() and char.isprintable() else "?"
        return char if char.isprintable() else self._glyphs.separator
