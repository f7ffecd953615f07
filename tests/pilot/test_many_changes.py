"""What many clusters say at once is shown once, and only the rows of those that spoke are made anew."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from console.model.cluster import FreeResources
from console.render.subjects_table import Subject
from console.screens import clusters as clusters_screen
from console.screens import metrics as metrics_screen
from console.screens.clusters import ClustersScreen
from console.screens.metrics import MetricsScreen
from tests.pilot.deck import Clock, Deck, deck
from tests.pilot.scenes import many_clusters

NAMES = [f"c{number:02d}" for number in range(12)]


@asynccontextmanager
async def all_at_rest(folder: Path, size: tuple[int, int] = (120, 36)) -> AsyncIterator[Deck]:
    """The console on many clusters, each asked once and not again within the minute."""
    clock, slowly = Clock(), "[console]\nrefresh_s = 60\n"
    async with (
        many_clusters(clock, NAMES) as fleet,
        deck(folder, fleet.clusters, size=size, clock=clock, before=slowly) as console,
    ):
        await console.asked()
        await console.no_walks()  # what they find is told, too
        await console.pilot.pause(0.3)
        yield console


def counted(monkeypatch: pytest.MonkeyPatch, where: Any, name: str) -> list[str]:
    """Count the calls of a function that takes a snapshot or a subject, by the names of the clusters."""
    made: list[str] = []
    real = getattr(where, name)

    def counting(told: Any, *rest: Any) -> Any:
        made.append(told.cluster if isinstance(told, Subject) else told.spec.name)
        return real(told, *rest)

    monkeypatch.setattr(where, name, counting)
    return made


async def say(console: Deck, *names: str) -> None:
    """Have these clusters say something new at the same moment."""
    for name in names:
        poller = console.core.fleet.poller(name)
        free = FreeResources(poller.last.free.cpus + 1 if poller.last.free else 1.0, 0.0, 0.0)
        poller.last = msgspec.structs.replace(poller.last, free=free)
    await console.core.fleet._figures_changed(names)


async def shows_of(console: Deck, monkeypatch: pytest.MonkeyPatch, screen: type[Any]) -> int:
    """Return how often a screen is shown when every cluster has said something at the same moment."""
    shown: list[None] = []
    real = screen.show_fleet
    monkeypatch.setattr(screen, "show_fleet", lambda self: (shown.append(None), real(self))[1])
    await say(console, *NAMES)
    await console.until(lambda: shown)
    await console.pilot.pause(0.3)
    return len(shown)


@pytest.mark.parametrize(("mode", "screen"), [("1", ClustersScreen), ("4", MetricsScreen)])
async def test_a_refresh_of_all_clusters_is_one_showing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str, screen: type[Any]
) -> None:
    async with all_at_rest(tmp_path) as console:
        await console.press(mode)
        shown = await shows_of(console, monkeypatch, screen)
        assert shown <= 6  # ticks of the clock may come in between; one by one it would be 12


async def test_a_tick_makes_only_the_rows_in_view_anew_in_metrics_mode(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with all_at_rest(tmp_path, size=(80, 24)) as console:
        await console.press("4")
        await console.shows("c00")
        made = counted(monkeypatch, metrics_screen, "subject_row")
        shown = {console.line("c01")}
        for _ in range(5):
            await console.tick(1)
            shown.add(console.line("c01"))
        assert len(shown) == 6  # its age grew every second
        assert made.count("c01") >= 5
        assert made.count(NAMES[-1]) == 0


@pytest.mark.parametrize(
    ("mode", "where", "name"), [("1", clusters_screen, "cluster_row"), ("4", metrics_screen, "subject_row")]
)
async def test_only_the_rows_of_the_cluster_that_spoke_are_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str, where: Any, name: str
) -> None:
    async with all_at_rest(tmp_path) as console:
        await console.press(mode)
        made = counted(monkeypatch, where, name)
        await console.until(lambda: [console.app.ticked.publish(None)] and set(made) == set(NAMES))
        del made[:]
        await say(console, "c05")
        await console.until(lambda: made)
        assert made[0] == "c05"


async def test_what_prometheus_says_of_many_clusters_leaves_the_event_loop_between_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with all_at_rest(tmp_path) as console:
        happened: list[str] = []
        real = console.core.fleet._joined
        monkeypatch.setattr(console.core.fleet, "_joined", lambda name: (happened.append(name), real(name))[1])
        changing = asyncio.ensure_future(console.core.fleet._figures_changed(NAMES))
        while not changing.done():
            happened.append("turn")
            await asyncio.sleep(0)
        joined = [len(turn) for turn in " ".join(happened).split("turn")]
        assert set(NAMES) <= set(happened)
        assert max(joined) <= len(" c00  c00 ")


async def test_an_answer_without_news_shows_nothing(tmp_path: Path) -> None:
    async with all_at_rest(tmp_path) as console:
        await console.pilot.pause(0.3)
        told: list[str] = []
        console.app.fleet_changed.subscribe(
            console.app.screen, lambda said: told.append(said.spec.name if said else ""), immediate=True
        )
        console.clock.now += 1
        await console.core.fleet._figures_changed(NAMES)
        await say(console, "c07")
        await console.until(lambda: told)
        assert told == ["c07"]
