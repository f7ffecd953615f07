"""SetChooser: which saved set of parameters a form was filled from; the arrow keys recall another one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message
from textual.strip import Strip

from console.render.cells import fit
from console.render.glyphs import UNICODE, Glyphs
from console.widgets.tones import Toned

_LABEL_CELLS = 19


class SetChooser(Toned, can_focus=True):
    """One line: the name of the set, with those before and after it on the arrow keys."""

    DEFAULT_CSS = "SetChooser { height: 1; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("right,l,space", "turn(1)", "next set", show=False),
        Binding("left,h", "turn(-1)", "previous set", show=False),
    ]

    class Recalled(Message):
        """Another set is to be filled in."""

        def __init__(self, number: int) -> None:
            super().__init__()
            self.number = number

    def __init__(self, names: Sequence[str], *, glyphs: Glyphs = UNICODE) -> None:
        super().__init__()
        self._names = tuple(names)
        self._glyphs = glyphs
        self._at = 0
        self._offer()

    def show(self, names: Sequence[str], at: int) -> None:
        """Offer these sets; the one with this number is filled in."""
        self._names, self._at = tuple(names), at
        self._offer()
        self.refresh()

    def _offer(self) -> None:
        """Be there only where there is something to recall."""
        self.display = self.can_focus = len(self._names) > 1

    def action_turn(self, by: int) -> None:
        """Recall the next or the previous set."""
        self._at = (self._at + by) % len(self._names)
        self.refresh()
        self.post_message(self.Recalled(self._at))

    def render_line(self, y: int) -> Strip:
        """Paint the line."""
        del y
        label = fit((("   parameters", ""),), _LABEL_CELLS, self._glyphs)
        others = len(self._names) - 1
        more = f"   {self._at + 1} of {others + 1}, left and right recall another" if others else ""
        name, width = f" {self._names[self._at]}", max(0, self.size.width - _LABEL_CELLS)
        rest = fit(((name, "accent"), (more, "dim")), width, self._glyphs)
        cursor = self.has_focus
        pieces = [(text, self.pen(tone)) for text, tone in label]
        return self.strip_of(
            [*pieces, *((text, self.pen(tone, cursor=cursor)) for text, tone in rest)], self.size.width
        )
