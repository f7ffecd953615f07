"""Pictures of the tunnels mode and of ladders, compared with the ones that were looked at and kept."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC
from pathlib import Path

import pytest
from textual.pilot import Pilot

from console.app import ConsoleApp
from console.services.core import Core, Options
from tests.pilot.deck import Clock, Deck, configuration
from tests.pilot.paths import BEFORE, four_clusters, four_paths, with_paths

SIZES = ((80, 24), (160, 50))
LOOKS = {
    "matrix": ("j",),
    "ladder-good": ("enter",),
    "ladder-broken": ("j", "enter"),
    "ladder-half": ("G", "k", "enter"),
    "ladder-unverified": ("G", "enter"),
    "none": (),
}


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("look", LOOKS)
def test_tunnel_picture(tmp_path: Path, snap_compare: Callable[..., bool], look: str, size: tuple[int, int]) -> None:
    clock, empty = Clock(), look == "none"
    (tmp_path / "clusters.toml").write_text(configuration({} if empty else four_clusters(), BEFORE))
    environ = {"XDG_STATE_HOME": str(tmp_path / "state"), "HOME": str(tmp_path)}
    core = Core(Options(tmp_path / "clusters.toml", read_only=False, environ=environ, cwd=tmp_path), clock)
    core.load()
    with_paths(*(() if empty else four_paths()))(core)
    app = ConsoleApp(core, zone=UTC)

    async def show(pilot: Pilot[None]) -> None:
        app.animation_level = "none"
        console = Deck(app, pilot, clock)
        await console.press("3")
        if not empty:
            await console.asked()
            await console.press(*LOOKS[look])
        await console.tick()
        await pilot.pause(0.2)

    assert snap_compare(app, terminal_size=size, run_before=show)
