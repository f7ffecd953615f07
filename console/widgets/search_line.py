"""SearchLine: one line to type a filter or a search into, closed until it is asked for."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Horizontal

from console.render.glyphs import Glyphs
from console.widgets.lines import Lines
from console.widgets.text_field import TextField


class SearchLine(Horizontal):
    """``/`` and a field; posts the field's own ``Changed`` and ``Submitted``."""

    DEFAULT_CSS = """
    SearchLine { height: 1; display: none; }
    SearchLine.open { display: block; }
    SearchLine > Lines { width: 3; }
    SearchLine > TextField { width: 1fr; height: 1; border: none; padding: 0; background: $background; }
    """

    def __init__(self, placeholder: str, *, glyphs: Glyphs) -> None:
        super().__init__()
        self._placeholder = placeholder
        self._glyphs = glyphs

    def compose(self) -> ComposeResult:
        """Put the sign before the field."""
        yield Lines([((" / ", "accent"),)], glyphs=self._glyphs)
        yield TextField(placeholder=self._placeholder, glyphs=self._glyphs)

    @property
    def is_open(self) -> bool:
        """Return whether it is on screen."""
        return self.has_class("open")

    @property
    def value(self) -> str:
        """Return what was typed."""
        return self.query_one(TextField).value

    def open(self) -> None:
        """Show the line and type into it."""
        self.add_class("open")
        self.query_one(TextField).focus()

    def close(self, *, clear: bool = False) -> None:
        """Take the line off the screen; ``clear`` forgets what was typed."""
        if clear:
            self.query_one(TextField).value = ""
        self.remove_class("open")
