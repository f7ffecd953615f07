"""Steady: an App that a stalled terminal cannot stop.

Textual's writer queue holds 30 writes; then the event loop itself blocks on a terminal that does not read (a hung SSH
line, ^S). Frames are skipped while the writer is behind, and one full repaint follows when it has caught up. This uses
private names of Textual 8.2; a test holds them to what is expected here.
"""

from __future__ import annotations

import asyncio
from queue import Queue

from rich.console import RenderableType
from textual._compositor import ChopsUpdate
from textual.app import App, ReturnType
from textual.screen import Screen

from console.widgets.narrow import NarrowUpdate, Shown

_BEHIND = 4  # writes; one frame is up to three
_RETRY_S = 0.2


class Steady(App[ReturnType]):
    """Skips frames while the terminal does not take them, and writes no more of a frame than has changed.

    ``painted`` is set once the first frame is on its way.
    """

    skipping = False

    def __init__(self, *, ansi_color: bool | None = None) -> None:
        super().__init__(ansi_color=ansi_color)
        self._on_terminal = Shown()
        self.painted = asyncio.Event()

    def _display(self, screen: Screen[object], renderable: RenderableType | None) -> None:
        self._draw(screen, renderable)
        if self._running and not self._batch_count:  # until then Textual draws nothing: the app is not up yet
            self.painted.set()

    def _draw(self, screen: Screen[object], renderable: RenderableType | None) -> None:
        if renderable is not None and self.writer_behind():
            if not self.skipping:
                self.skipping = True
                self.set_timer(_RETRY_S, self._catch_up)
            return
        if isinstance(renderable, ChopsUpdate):
            renderable = NarrowUpdate.of(renderable, self._on_terminal)
        elif renderable is not None:
            self._on_terminal.clear()
        super()._display(screen, renderable)

    def writer_behind(self) -> bool:
        """Return whether the terminal has not taken what was written; False where nothing is written at all."""
        queue: Queue[str | None] | None = getattr(getattr(self._driver, "_writer_thread", None), "_queue", None)
        return queue is not None and queue.qsize() >= _BEHIND

    def _catch_up(self) -> None:
        if self.writer_behind():
            self.set_timer(_RETRY_S, self._catch_up)
            return
        self.skipping = False
        self._on_terminal.clear()  # whatever became of the frames before, all of this one is written
        self.screen.refresh(layout=True)

    def bell(self) -> None:
        """Ring, but do not queue rings for a terminal that does not read."""
        if not self.writer_behind():
            super().bell()
