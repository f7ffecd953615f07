"""Take the README's pictures of this very build: a real embedded cluster, a real job, the real screens.

``python -m tests.readme_pictures`` from the top folder; needs chromium and the font Fira Code for the PNG.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from textual.pilot import Pilot

from console.app import ConsoleApp
from console.model.cluster import State
from console.services.attend import OutputKept, attend
from console.services.core import Core, Options
from console.services.embedded.starter import Starter
from console.services.sending import send_bundle
from console.services.state_folder import StateFolder

ROOT = Path(__file__).parent.parent
SIZE = (120, 36)
_HISTORY_S = 45  # for the trend


async def take(folder: Path, state_home: Path) -> None:
    """Start a cluster, run the bundled job on it, and photograph clusters, form, log and results."""
    environ = dict(os.environ) | {"XDG_STATE_HOME": str(state_home)}
    state = StateFolder.from_environment(environ)
    async with Starter(state, print, keep=False, environ=environ) as starter:
        await starter.up(2, 6)
        core = Core(Options(None, False, environ, state_home))
        core.load()
        app = ConsoleApp(core)
        async with app.run_test(size=SIZE) as pilot:
            while [snapshot.state for snapshot in core.fleet.snapshots] != [State.UP, State.UP]:
                await pilot.pause(0.5)
            await photograph(app, pilot, folder / "submit.svg", "s", "enter")
            await pilot.press("escape")
            bundle = core.bundle("parallel_processing")
            document = bundle.defaults()
            document["process-parameters"]["serve-seconds"] = 60
            job = await send_bundle(core, "embedded-1", bundle, document, {}, ())
            async for event in attend(core, job, 1000):
                if isinstance(event, OutputKept):
                    break
            await pilot.pause(_HISTORY_S)
            for name, keys in (("clusters", ()), ("log", ("l",)), ("results", ("6", "enter"))):
                await photograph(app, pilot, folder / f"{name}.svg", *keys)
        await core.close()


async def photograph(app: ConsoleApp, pilot: Pilot[None], to: Path, *keys: str) -> None:
    """Press keys, let the screen come to rest, and keep what it shows."""
    await pilot.press(*keys)
    await pilot.pause(2)
    app.save_screenshot(str(to))


def main() -> None:
    """Write the PNG files to docs/pictures."""
    with tempfile.TemporaryDirectory(prefix="raydeck-pictures-") as temporary:
        folder = Path(temporary)
        asyncio.run(take(folder, folder))
        pictures = [str(path) for path in sorted(folder.glob("*.svg"))]
        converter = [sys.executable, str(ROOT / "tests" / "pictures.py"), *pictures]
        subprocess.run([*converter, "--to", str(ROOT / "docs" / "pictures")], check=True)


if __name__ == "__main__":
    main()
