"""ParameterField: one line of a form: label, a field for the value, and its help, or what is wrong with it."""

from __future__ import annotations

from typing import Any

from textual.app import ComposeResult
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input

from console.bundles import Parameter
from console.errors import ParameterError
from console.render.cells import Pieces
from console.render.glyphs import Glyphs
from console.widgets.lines import Lines
from console.widgets.text_field import TextField


class ParameterField(Widget):
    """Knows the value of one parameter while it is typed. ``error`` is None while the text is a value."""

    class Changed(Message):
        """The value, or the error, is another one."""

    def __init__(self, parameter: Parameter, *, glyphs: Glyphs) -> None:
        super().__init__()
        self.parameter = parameter
        self.value = parameter.default
        self.error: ParameterError | None = None
        self._glyphs = glyphs

    def compose(self) -> ComposeResult:
        """Show label, value and help."""
        label = self.parameter.label
        yield Lines([((f"   {label}", ""),)], classes="label", glyphs=self._glyphs)
        yield TextField(self.parameter.show(self.parameter.default), glyphs=self._glyphs)
        yield Lines([self.remark], classes="help", glyphs=self._glyphs)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Take the value, or say what is wrong with the text."""
        event.stop()
        try:
            self.value, self.error = self.parameter.parse(event.value), None
        except ParameterError as error:
            self.error = error
        event.input.set_class(self.error is not None, "-invalid")
        self.query_one(".help", Lines).show([self.remark])
        self.post_message(self.Changed())

    def fill(self, value: Any) -> None:
        """Put a value into the field as if it had been typed."""
        self.query_one(TextField).value = self.parameter.show(value)

    @property
    def remark(self) -> Pieces:
        """Return the help, or what is wrong with the text."""
        if self.error is not None:
            return ((f"{self._glyphs.failed} {self.error.what}", "bad"),)
        unit = f"{self.parameter.unit}, " if self.parameter.unit else ""
        return ((unit, ""), (self.parameter.help, "dim"))
