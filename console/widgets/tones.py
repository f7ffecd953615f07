"""Toned: what all drawing widgets of this program share: tones, defined once, and their pens.

A tone is a name such as ``ok`` or ``dim``; the theme gives it its colour. Tones look like Textual's component classes,
but are styled when they are first drawn with: Textual styles every component class of a widget whenever it styles the
widget, three times before the first screen stands, which took a sixth of the start.
"""

from __future__ import annotations

from collections.abc import Iterable

from rich.segment import Segment
from rich.style import Style
from textual.dom import DOMNode
from textual.strip import Strip
from textual.widget import Widget


class Toned(Widget):
    """A widget that paints its lines itself, in tones."""

    DEFAULT_CSS = """
    Toned { background: $background; color: $foreground; }
    Toned > .tone--ok { color: $success; }
    Toned > .tone--warn { color: $warning; }
    Toned > .tone--bad { color: $error; text-style: bold; }
    Toned > .tone--load { color: $accent 75%; }
    Toned > .tone--dim { color: $foreground 55%; }
    Toned > .tone--accent { color: $accent; }
    Toned > .tone--head { color: $foreground 55%; }
    Toned > .tone--track { color: $foreground 22%; }
    Toned > .tone--trend { color: $foreground 70%; }
    Toned > .tone--text { color: $foreground 80%; }
    Toned > .tone--note { color: $accent; text-style: italic; }
    Toned > .tone--hit { background: $accent; color: $background; }
    Toned:nocolor > .tone--hit { text-style: reverse; }
    Toned > .tone--thumb { color: $foreground 35%; }
    Toned > .tone--axis { color: $foreground 25%; }
    Toned > .tone--title { text-style: bold; }
    Toned > .tone--shared { text-style: bold; }
    Toned > .tone--cursor { background: $foreground 6%; }
    Toned:focus > .tone--cursor { background: $accent 18%; }
    Toned:focus:nocolor > .tone--cursor { text-style: reverse; }
    """

    def __init__(self, *, name: str | None = None, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002 -- Textual's own name
        super().__init__(name=name, id=id, classes=classes)
        self._pens: dict[tuple[str, bool], Style] = {}

    def pen(self, tone: str, *, cursor: bool = False) -> Style:
        """Return the style of a tone, on the cursor's tint if asked; the tone "" is plain text."""
        if (pen := self._pens.get((tone, cursor))) is None:
            # Not partial=True: that would drop the alpha of a colour.
            pen = self._styled(tone) if tone else self.rich_style
            if cursor:
                over = self._styled("cursor")
                pen += Style(bgcolor=over.bgcolor, reverse=over.reverse)
            self._pens[tone, cursor] = pen
        return pen

    def _styled(self, tone: str) -> Style:
        """Return what the style sheet has for a tone here: it is a child without a place, as a component class is."""
        child = DOMNode(classes=f"tone--{tone}")
        child._attach(self)  # noqa: SLF001 -- Textual's own way
        self.app.stylesheet.apply(child, animate=False)
        return child.styles.rich_style

    def notify_style_update(self) -> None:
        """Forget the pens: theme, CSS or focus changed, and whichever it was has the widget drawn again."""
        self._pens.clear()
        super().notify_style_update()

    def strip_of(self, pieces: Iterable[tuple[str, Style]], width: int) -> Strip:
        """Return a line of exactly ``width`` cells, one segment per run of equal pens.

        Every segment costs a full SGR sequence and a reset on the wire, about 42 bytes. A blank shows no foreground
        colour, so it joins whatever has the same background.
        """
        runs: list[tuple[str, Style]] = []
        for text, pen in pieces:
            last, last_pen = runs[-1] if runs else ("", pen)
            if last_pen == pen or (_blank(text) and _same_behind(last_pen, pen)):
                joined = last_pen
            elif _blank(last) and _same_behind(last_pen, pen):
                joined = pen
            else:
                runs.append((text, pen))
                continue
            runs[-1:] = [(last + text, joined)]
        return Strip([Segment(text, pen) for text, pen in runs]).adjust_cell_length(width, self.pen(""))


def _blank(text: str) -> bool:
    return not text.strip(" ")


def _same_behind(one: Style, other: Style) -> bool:
    return one.bgcolor == other.bgcolor and not (one.reverse or other.reverse or one.underline or other.underline)
