"""What the app tells in passing, whatever is on the screen: what was done and its command line, and what failed."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Coroutine
from datetime import tzinfo

from console.errors import RaydeckError
from console.messages import CopyAsked
from console.render.glyphs import Glyphs
from console.services.core import Core
from console.services.crash import crashed
from console.widgets.steady import Steady


class Telling(Steady[None]):
    """An app that says what becomes of what was asked for."""

    core: Core
    glyphs: Glyphs
    zone: tzinfo | None
    _done: str = ""  # the command line of what was done last

    def did(self, *words: str, said: str = "") -> None:
        """Show what was done and the command line that does the same; ``Y`` copies it."""
        self._done = shlex.join(("raydeck", *words))
        self.tell(f"{said}\n{self._done}  (Y copies it)".strip())

    def action_copy_done(self) -> None:
        """Copy the command line of what was done last."""
        if self._done:
            self.post_message(CopyAsked(self._done))
        else:
            self.tell("nothing was done yet: y copies what shows the same")

    def tell(self, text: str) -> None:
        """Show a passing message; text from outside is made harmless."""
        self.notify(self.glyphs.safe(text), markup=False, timeout=4)

    def complain(self, error: RaydeckError) -> None:
        """Show an error for long enough to be read."""
        lines = [f"{error.where}: {error.what}", *([error.hint] if error.hint else [])]
        text = "\n".join(self.glyphs.safe(line) for line in lines)
        self.notify(text, markup=False, severity="error", timeout=8)

    def attempt(self, work: Coroutine[None, None, None], group: str) -> None:
        """Run work in the background; an error of ours, or one that nobody foresaw, is shown: the console lives on."""
        self.run_worker(self._attempted(work), group=group)

    async def _attempted(self, work: Coroutine[None, None, None]) -> None:
        try:
            await work
        except RaydeckError as error:
            self.complain(error)
        except Exception as error:  # what nobody foresaw ends this one operation, and is told
            self.complain(await asyncio.to_thread(crashed, self.core.state, error, "interrupted"))
