"""Naming a set of parameters that is to be saved: Enter saves, Esc does not."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen
from textual.widgets import Input

from console.render.glyphs import Glyphs
from console.widgets.lines import Lines
from console.widgets.text_field import TextField


class NameSetScreen(ModalScreen[str]):
    """Asks for a name; dismissed with it, or with an empty one."""

    CSS_PATH = "confirm.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "cancel", "cancel", show=False)]

    def __init__(self, job: str, glyphs: Glyphs) -> None:
        super().__init__()
        self._job = job
        self._glyphs = glyphs

    def compose(self) -> ComposeResult:
        """Show the question above the field."""
        yield Lines(
            [
                ((f" save the parameters of {self._job} under which name?", ""),),
                ((" Enter ", "accent"), ("save   ", "dim"), (" Esc ", "accent"), ("cancel", "dim")),
            ],
            glyphs=self._glyphs,
            id="question",
        )
        yield TextField(placeholder="letters, digits, - . _", glyphs=self._glyphs)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Take the name."""
        event.stop()
        self.dismiss(event.value.strip())

    def action_cancel(self) -> None:
        """Save nothing."""
        self.dismiss("")
