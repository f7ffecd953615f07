"""Heads that want a token, asked without one and with a wrong one: the rows say so, and each is left in peace."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.pilot.deck import Clock, deck
from tests.pilot.scenes import many_clusters

WATCHED_S = 4.0
MOST_REQUESTS = 12  # polls that back off from half a second on, and walks of the path


async def test_heads_that_refuse_are_asked_less_and_less_in_every_mode(tmp_path: Path) -> None:
    clock = Clock()
    async with many_clusters(clock, ("bare", "wrong")) as fleet:
        fleet.heads["bare"].trouble, fleet.heads["wrong"].trouble = "unauthorized", "forbidden"
        async with deck(tmp_path, fleet.clusters, clock=clock, before="[console]\nrefresh_s = 0.5\n\n") as console:
            await console.shows("wants a token and got none", "refuses our token")
            for mode in ("2", "5", "4", "1"):
                await console.press(mode)
            before = {name: len(head.asked) for name, head in fleet.heads.items()}
            await asyncio.sleep(WATCHED_S)
            asked = {name: len(head.asked) - before[name] for name, head in fleet.heads.items()}
            assert all(1 <= count <= MOST_REQUESTS for count in asked.values()), asked
