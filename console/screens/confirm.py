"""A question before something that cannot be undone: `y` does it, anything else does not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.screen import ModalScreen

from console.render.glyphs import Glyphs
from console.widgets.lines import Lines


class ConfirmScreen(ModalScreen[bool]):
    """Asks one question, which names the cluster, below what speaks against it; dismissed with the answer."""

    CSS_PATH = "confirm.tcss"
    AUTO_FOCUS: ClassVar[str | None] = None

    def __init__(self, question: str, glyphs: Glyphs, against: Sequence[str] = ()) -> None:
        super().__init__()
        self._against = against
        self._question = question
        self._glyphs = glyphs

    def compose(self) -> ComposeResult:
        """Show the question and the two answers."""
        question = Lines(
            [
                *(((f" {self._glyphs.failed} ", "bad"), (words, "")) for words in self._against),
                ((" " + self._question, "warn"),),
                ((" y ", "accent"), ("yes   ", "dim"), (" n ", "accent"), ("no", "dim")),
            ],
            glyphs=self._glyphs,
            id="question",
        )
        question.styles.height = len(self._against) + 4
        yield question

    def on_key(self, event: events.Key) -> None:
        """Take the answer."""
        event.stop()
        self.dismiss(event.key == "y")
