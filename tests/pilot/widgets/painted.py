"""What a terminal would show of an app under test: every update that Textual paints, fed to a pyte screen."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import pyte
from rich.console import RenderableType
from textual._compositor import CompositorUpdate
from textual.app import App
from textual.pilot import Pilot
from textual.screen import Screen

Cells = list[list[tuple[str, str, str, bool, bool]]]
PATIENCE_S = 30.0


async def until(pilot: Pilot[None], condition: Callable[[], object]) -> None:
    """Wait for what a timer does, and for its painting: how long that takes says nothing on a busy machine."""
    give_up_at = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < give_up_at, "waited in vain"
        await asyncio.sleep(0.02)
    await pilot.pause()


class Painted(App[None]):
    """An app whose painted updates are kept as a terminal would keep them."""

    def __init__(self, *, ansi_color: bool | None = None) -> None:
        super().__init__(ansi_color=ansi_color)
        self.terminal = pyte.Screen(80, 24)
        self.painted_bytes = 0

    def _display(self, screen: Screen[object], renderable: RenderableType | None) -> None:
        if isinstance(renderable, CompositorUpdate):
            if (self.terminal.columns, self.terminal.lines) != tuple(self.size):
                self.terminal = pyte.Screen(*self.size)
                renderable = self.screen._compositor.render_update(full=True)
            text = renderable.render_segments(self.console)
            self.painted_bytes += len(text.encode())
            pyte.Stream(self.terminal).feed(text)
        super()._display(screen, renderable)

    def shown(self) -> Cells:
        """Return what stands on the terminal: sign, colours, bold and reverse of each cell."""
        return cells_of(self.terminal)

    def repainted(self) -> Cells:
        """Return what a full repaint would show."""
        terminal = pyte.Screen(*self.size)
        update = self.screen._compositor.render_update(full=True)
        assert isinstance(update, CompositorUpdate)
        pyte.Stream(terminal).feed(update.render_segments(self.console))
        return cells_of(terminal)

    def lines(self) -> list[str]:
        """Return the terminal's lines as text."""
        return [line.rstrip() for line in self.terminal.display]


def cells_of(terminal: pyte.Screen) -> Cells:
    """Return the cells; a blank shows no foreground, so its colour does not count."""
    return [
        [
            (
                cell.data,
                "" if cell.data in {" ", ""} and not cell.reverse else cell.fg,
                cell.bg,
                cell.bold,
                cell.reverse,
            )
            for cell in (terminal.buffer[y][x] for x in range(terminal.columns))
        ]
        for y in range(terminal.lines)
    ]
