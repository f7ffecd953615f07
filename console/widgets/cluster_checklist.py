"""ClusterChecklist: the clusters that a job is to work on, too, chosen with Space; each says whether it can work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message
from textual.strip import Strip

from console.render.cells import Pieces, fit
from console.render.glyphs import UNICODE, Glyphs
from console.widgets.tones import Toned

_LABEL_CELLS, _NAME_CELLS = 19, 16


class ClusterChecklist(Toned, can_focus=True):
    """One line for each cluster that could be chosen. ``chosen`` are names, in the order of the list."""

    DEFAULT_CSS = "ClusterChecklist { height: 1; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "move(1)", "down", show=False),
        Binding("k,up", "move(-1)", "up", show=False),
        Binding("space,enter", "choose", "choose", show=False),
    ]

    class Changed(Message):
        """Another cluster was chosen, or one no more, or the cursor is on another."""

    def __init__(self, label: str, names: Sequence[str], *, glyphs: Glyphs = UNICODE) -> None:
        super().__init__()
        self._label = label
        self._names = tuple(names)
        self._glyphs = glyphs
        self._at = 0
        self._chosen: set[str] = set()
        self._remarks: Mapping[str, Pieces] = {}
        self.can_focus = bool(names)
        self.styles.height = max(1, len(self._names))

    @property
    def chosen(self) -> tuple[str, ...]:
        """Return the chosen clusters."""
        return tuple(name for name in self._names if name in self._chosen)

    @property
    def remark(self) -> Pieces:
        """Return whether the cluster under the cursor can work."""
        return self._remarks.get(self._names[self._at], ()) if self._names else ()

    def choose(self, names: Sequence[str]) -> None:
        """Choose exactly these."""
        self._chosen = set(names) & set(self._names)
        self.refresh()

    def show_remarks(self, remarks: Mapping[str, Pieces]) -> None:
        """Show beside each cluster whether it can work."""
        if remarks != self._remarks:
            self._remarks = dict(remarks)
            self.refresh()

    def action_move(self, by: int) -> None:
        """Move the cursor; past the ends to the fields around."""
        at = self._at + by
        if 0 <= at < len(self._names):
            self._at = at
            self.refresh()
            self.post_message(self.Changed())
        elif by > 0:
            self.screen.focus_next()
        else:
            self.screen.focus_previous()

    def action_choose(self) -> None:
        """Choose the cluster under the cursor, or drop it."""
        self._chosen ^= {self._names[self._at]}
        self.refresh()
        self.post_message(self.Changed())

    def render_line(self, y: int) -> Strip:
        """Paint one cluster."""
        cursor = self.has_focus and y == self._at
        label = fit(((f"   {self._label}" if y == 0 else "", ""),), _LABEL_CELLS, self._glyphs)
        pieces = fit(self._line(y), max(0, self.size.width - _LABEL_CELLS), self._glyphs)
        plain = [(text, self.pen(tone)) for text, tone in label]
        return self.strip_of(
            [*plain, *((text, self.pen(tone, cursor=cursor)) for text, tone in pieces)], self.size.width
        )

    def _line(self, y: int) -> Pieces:
        if y >= len(self._names):
            return ((" no other cluster is configured", "dim"),) if not self._names else ()
        name = self._names[y]
        box = "[x] " if name in self._chosen else "[ ] "
        head = fit(((name, ""),), _NAME_CELLS, self._glyphs)
        return ((" " + box, "accent" if name in self._chosen else "dim"), *head, *self._remarks.get(name, ()))
