"""The full-screen console in this process, driven by keys, on real clusters."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from raydeck_process import Raydeck
from textual.pilot import Pilot

from console.app import ConsoleApp
from console.services.core import Core, Options

PATIENCE_S = 90.0


@dataclass
class Driver:
    """Presses keys and reads the screen, as an operator does."""

    app: ConsoleApp
    pilot: Pilot[None]

    @property
    def text(self) -> str:
        """What the screen shows."""
        return "\n".join(strip.text.rstrip() for strip in self.app.screen._compositor.render_strips())

    def row(self, words: str) -> str:
        """The first line that holds these words, empty without one."""
        return next((line for line in self.text.splitlines() if words in line), "")

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def shows(self, words: str | Callable[[str], bool], timeout_s: float = PATIENCE_S) -> str:
        """Wait until the screen shows these words, and return it."""
        holds = (lambda text: words in text) if isinstance(words, str) else words
        deadline = time.monotonic() + timeout_s
        while not holds(text := self.text):
            assert time.monotonic() < deadline, f"not seen: {words}\n{text}"
            assert self.app.is_running, "the console has ended"
            await asyncio.sleep(0.05)
            await self.pilot.pause()
        return text

    async def type_into(self, label: str, value: str) -> None:
        """Replace the text of the form's field with this label, key by key."""
        for _ in range(30):
            focused = self.app.focused
            parameter = getattr(getattr(focused, "parent", None), "parameter", None)
            if parameter is not None and parameter.label == label:
                break
            await self.press("tab")
        else:
            raise AssertionError(f"no field {label!r}")
        await self.press("home", "ctrl+k", *value)


@asynccontextmanager
async def console(user: Raydeck, size: tuple[int, int] = (120, 36)) -> AsyncIterator[Driver]:
    """Run the console with this user's configuration and state folder."""
    core = Core(Options(None, False, user.environ, Path(user.folder)))
    core.load()
    app = ConsoleApp(core)
    try:
        async with app.run_test(size=size, notifications=True) as pilot:
            yield Driver(app, pilot)
    finally:
        await core.close()
