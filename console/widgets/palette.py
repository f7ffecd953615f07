"""Palette: Textual's command palette, drawn like the rest; and scroll bars of whole cells, which are pure ASCII."""

from __future__ import annotations

from typing import ClassVar

from textual.command import CommandInput, CommandPalette
from textual.scrollbar import ScrollBar, ScrollBarRender


class Palette(CommandPalette):
    """One field and one line per command, without icons, boxes and a blinking cursor."""

    DEFAULT_CSS = """
    Palette { background: transparent; }
    Palette > Vertical { margin: 3 0 0 0; background: $panel; height: auto; }
    Palette #--input { border: none; background: $panel; padding: 0; }
    Palette SearchIcon { display: none; }
    Palette CommandInput, Palette CommandInput:focus { border: none; height: 1; padding: 0 2; background: $panel; }
    Palette CommandList, Palette CommandList:focus { border: none; background: $panel; padding: 1 0 0 0; }
    Palette CommandList > .option-list--option { padding: 0 2; text-style: none; }
    Palette LoadingIndicator { display: none; }
    Palette > .command-palette--help-text { color: $foreground 55%; text-style: none; }
    Palette > .command-palette--highlight { color: $accent; text-style: none; }
    Palette:nocolor > .command-palette--highlight { text-style: underline; }
    """

    def __init__(self) -> None:
        super().__init__(placeholder="a command, or the name of a cluster", id="--command-palette")

    def on_mount(self) -> None:
        """Keep the cursor still: a blinking one costs 3 kB/s on the line."""
        self.query_one(CommandInput).cursor_blink = False


class WholeCellBar(ScrollBarRender):
    """A scroll bar that begins and ends with whole cells."""

    VERTICAL_BARS: ClassVar[list[str]] = [" "]
    HORIZONTAL_BARS: ClassVar[list[str]] = [" "]


def draw_scroll_bars_whole() -> None:
    """Have Textual's own scroll bars drawn with whole cells."""
    ScrollBar.renderer = WholeCellBar
