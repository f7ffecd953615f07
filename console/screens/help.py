"""Help: every key that works, with one line of meaning each, from the same declarations as the bindings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widget import Widget

from console.commands import Scope, bindings, help_sections
from console.render.help_lines import help_lines
from console.screens.framed import FramedScreen
from console.widgets.lines import Lines


class HelpScroll(VerticalScroll):
    """Moves with the keys of any list."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "scroll_down", show=False),
        Binding("k", "scroll_up", show=False),
        Binding("g", "scroll_home", show=False),
        Binding("G", "scroll_end", show=False),
    ]


class HelpScreen(FramedScreen):
    """Opened over another screen; lists that screen's keys first."""

    scopes = ("anywhere",)
    BINDINGS: ClassVar[list[BindingType]] = bindings("anywhere")

    def __init__(self, scopes: tuple[Scope, ...]) -> None:
        super().__init__()
        self._asked_scopes = scopes

    def body(self) -> Iterable[Widget]:
        """Return the list, which scrolls where it is longer than the screen."""
        yield HelpScroll(Lines(help_lines(help_sections(self._asked_scopes)), grows=True, glyphs=self.deck.glyphs))

    def footer_keys(self) -> Sequence[tuple[str, str]]:
        """Return how to read on and how to leave."""
        return [("j k", "down and up"), ("Esc", "back"), ("q", "quit")]

    def action_back(self) -> None:
        """Close."""
        self.dismiss()
