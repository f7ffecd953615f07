"""A question before something that cannot be undone: `y` does it, `c` copies the command, anything else does not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.screen import ModalScreen

from console.messages import CopyAsked
from console.render.glyphs import Glyphs
from console.widgets.lines import Lines

_MOST_COMMANDS = 5  # lines


class ConfirmScreen(ModalScreen[bool]):
    """Asks one question, which names the cluster, below what speaks against it; dismissed with the answer.

    ``commands`` are the command lines that do the same.
    """

    CSS_PATH = "confirm.tcss"
    AUTO_FOCUS: ClassVar[str | None] = None

    def __init__(
        self, question: str, glyphs: Glyphs, against: Sequence[str] = (), commands: Sequence[str] = ()
    ) -> None:
        super().__init__()
        self._commands = commands[:_MOST_COMMANDS]
        self._against = against
        self._question = question
        self._glyphs = glyphs

    def compose(self) -> ComposeResult:
        """Show the question and the two answers."""
        question = Lines(
            [
                *(((f" {self._glyphs.failed} ", "bad"), (words, "")) for words in self._against),
                ((" " + self._question, "warn"),),
                *(((f" {command}", "dim"),) for command in self._commands),
                (
                    (" y ", "accent"),
                    ("yes   ", "dim"),
                    (" n ", "accent"),
                    ("no", "dim"),
                    *((("    c ", "accent"), ("copy the command", "dim")) if self._commands else ()),
                ),
            ],
            glyphs=self._glyphs,
            id="question",
        )
        question.styles.height = len(self._against) + len(self._commands) + 4
        yield question

    def on_mount(self) -> None:
        """Take away what is shown in passing: it would lie over the question."""
        self.app.clear_notifications()

    def on_key(self, event: events.Key) -> None:
        """Take the answer, or copy and go on asking."""
        event.stop()
        if event.key == "c" and self._commands:
            self.post_message(CopyAsked("; ".join(self._commands)))
            return
        self.dismiss(event.key == "y")
