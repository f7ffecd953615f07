"""What the clusters screen says in every state: a reason where something is wrong, never a number that is not true."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.console import RenderableType
from rich.style import Style
from textual.screen import Screen

from console.app import ConsoleApp
from console.screens.clusters import ClustersScreen
from console.widgets.resource_table import ResourceTable
from tests.fakes.head import node_reply, nodes_reply
from tests.pilot.deck import Clock, Deck, deck
from tests.pilot.scenes import many_clusters, mixed_fleet, one_cluster


def style_at(console: Deck, text: str) -> Style:
    """Return the style in which a text stands on the screen."""
    for strip in console.app.screen._compositor.render_strips():
        for segment in strip:
            if text in segment.text and segment.style is not None:
                return segment.style
    raise AssertionError(text)


def clusters_of(console: Deck) -> ResourceTable:
    return console.app.screen.query_one("#clusters", ResourceTable)


async def test_no_clusters_teaches_where_and_how(tmp_path: Path) -> None:
    async with deck(tmp_path, {}, size=(80, 24), before="clusters = []\n") as console:
        console.line("no clusters yet")
        console.line("raydeck up")
        console.line(str(tmp_path)[:40])
        assert "submit" not in console.lines()[-1]
        await console.press("s", "l", "n", "enter", "space", "S", "j", "G")
        assert isinstance(console.app.screen, ClustersScreen)


async def test_the_first_frame_shows_every_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frames: list[str] = []
    draw = ConsoleApp._display

    def display(app: ConsoleApp, screen: Screen[object], renderable: RenderableType | None) -> None:
        draw(app, screen, renderable)
        frames.append("\n".join(strip.text for strip in screen._compositor.render_strips()))

    monkeypatch.setattr(ConsoleApp, "_display", display)
    async with mixed_fleet(Clock()) as fleet, deck(tmp_path, fleet.clusters) as console:
        await console.asked()
    drawn = [frame for frame in frames if frame.strip()]
    assert all(name in drawn[0] for name in fleet.clusters)
    assert not any("no clusters yet" in frame for frame in drawn)


async def test_no_jobs_teaches(tmp_path: Path) -> None:
    clock = Clock()
    async with one_cluster(clock) as fleet, deck(tmp_path, fleet.clusters, clock=clock) as console:
        await console.asked()
        await console.press("2")
        console.line("no jobs yet")
        console.line("submit one: 1 clusters, then s")
        await console.press("enter", "l", "o", "x")
        console.line("no jobs yet")


async def test_before_the_first_answer_everything_is_unknown_and_nothing_is_a_fault(tmp_path: Path) -> None:
    clock = Clock()
    async with one_cluster(clock) as fleet:
        fleet.heads["local-1"].trouble = "hang"
        async with deck(tmp_path, fleet.clusters, clock=clock) as console:
            await console.no_walks()
            row = console.line("local-1  ")
            assert row.startswith("▌? local-1")
            assert not any(char.isdigit() for char in row.replace("local-1", ""))
            console.line("asking for its nodes")
            assert "since" not in console.text


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        ("hang", ("no answer within ",)),
        ("unauthorized", ("wants a token and got none", "set auth_token_file")),
        ("forbidden", ("refuses our token", "is auth_token_file")),
        ("html", ("not Ray's dashboard",)),
        ("error", ("HTTP 500: boom [@click=app.quit]x[/]",)),
        ("close", ("closed",)),
    ],
)
async def test_a_cluster_that_fails_is_down_with_its_reason_and_slows_nobody(
    tmp_path: Path, trouble: str, words: tuple[str, ...]
) -> None:
    clock = Clock()
    async with many_clusters(clock, ["good", "bad"]) as fleet:
        fleet.heads["bad"].trouble = trouble
        async with deck(tmp_path, fleet.clusters, clock=clock) as console:
            await console.until(lambda: console.core.fleet.poller("good").last.state == "up")
            await console.tick()
            assert console.line("good").startswith("▌● good")
            await console.asked()
            console.line("● 1 up", "○ 1 down")
            console.line("bad is down since 22:00:00 (0 s):")
            said = " ".join(console.text.split())
            assert [each for each in words if each not in said] == [], said
            assert "Traceback" not in console.text


async def test_nothing_listens_is_told_with_what_to_look_at(tmp_path: Path) -> None:
    async with deck(tmp_path, {"dark": {"kind": "local", "dashboard": "http://127.0.0.1:9"}}) as console:
        await console.asked()
        console.line("dark is down since 22:00:00 (0 s): nothing listens there")
        await console.shows("on this machine: docker compose -f cpu-ray-cluster.yaml up -d")


async def test_a_fault_keeps_its_beginning_and_its_age_grows(tmp_path: Path) -> None:
    async with deck(tmp_path, {"dark": {"kind": "local", "dashboard": "http://127.0.0.1:9"}}) as console:
        await console.asked()
        await console.tick(245)
        console.line("dark is down since 22:00:00 (4 m)")


async def test_the_fault_of_another_cluster_is_told_while_the_own_one_is_well(tmp_path: Path) -> None:
    clock = Clock()
    async with mixed_fleet(clock) as fleet, deck(tmp_path, fleet.clusters, clock=clock) as console:
        await console.asked()
        console.line("local-3 is down")
        await console.press("j", "j")
        console.line("local-2 since 22:00:00", "2 of 3 expected nodes alive")


async def test_stale_is_dim_and_its_age_stands_out(tmp_path: Path) -> None:
    clock = Clock()
    async with one_cluster(clock) as fleet, deck(tmp_path, fleet.clusters, clock=clock) as console:
        await console.asked()
        fresh_figure, fresh_age = style_at(console, "1.3/4 G"), style_at(console, "1 s ")
        fleet.heads["local-1"].trouble = "hang"
        await console.tick(30)
        figure, age = style_at(console, "1.3/4 G"), style_at(console, "31 s")
        assert figure.color != fresh_figure.color
        assert age.color != fresh_age.color
        assert age.color != figure.color


async def test_forgotten_is_unknown_and_never_a_number(tmp_path: Path) -> None:
    clock = Clock()
    async with one_cluster(clock) as fleet, deck(tmp_path, fleet.clusters, clock=clock) as console:
        await console.asked()
        fleet.heads["local-1"].trouble = "hang"
        await console.tick(61)
        assert "1.3/4 G" not in console.text
        assert "%" not in console.line("local-1  ")
        assert "—" in console.line("local-1  ")
        console.line("local-1  ", "1 m")


async def test_a_cluster_that_comes_back_is_up_again_by_itself(tmp_path: Path) -> None:
    clock = Clock()
    async with one_cluster(clock) as fleet, deck(tmp_path, fleet.clusters, clock=clock) as console:
        await console.asked()
        fleet.heads["local-1"].trouble = "close"
        await console.press("r")
        await console.shows("local-1 is down")
        fleet.heads["local-1"].trouble = ""
        await console.press("r")
        await console.shows("● 1 up")
        assert "local-1 is down" not in console.text


async def test_gpus_get_columns_when_somebody_has_one_and_blanks_where_there_is_none(tmp_path: Path) -> None:
    clock = Clock()
    async with mixed_fleet(clock) as fleet, deck(tmp_path, fleet.clusters, clock=clock) as console:
        await console.asked()
        console.line("CLUSTER", "GPU", "GRAM")
        console.line("cloud-1", "9.1/48 G", "27 %")
        console.line("local-2", "7.8/8 G !", "100 %")
        assert "TUNNEL" not in console.text
        gpu = console.line("CLUSTER", "GPU").index("GPU")
        memory = console.line("CLUSTER", "MEM").index("MEM") - 8
        assert console.line("local-1  ")[gpu:memory].strip() == ""
    async with one_cluster(clock) as fleet, deck(tmp_path, fleet.clusters, clock=clock) as console:
        await console.asked()
        assert "GPU" not in console.line("CLUSTER")


async def test_a_gpu_that_cannot_measure_its_load_is_unknown_not_idle(tmp_path: Path) -> None:
    clock = Clock()
    async with one_cluster(clock) as fleet:
        node = node_reply(clock.now, gpus=((0, 512, 8192),))
        node["gpus"][0]["utilizationGpu"] = None
        fleet.heads["local-1"].replies["/nodes"] = nodes_reply(node)
        async with deck(tmp_path, fleet.clusters, clock=clock) as console:
            await console.asked()
            head, row = console.line("CLUSTER", "GPU"), console.line("local-1  ")
            assert row[head.index("GPU")] == "—"
            assert "0.5/8 G" in row


async def test_a_dead_node_is_shown_without_figures(tmp_path: Path) -> None:
    clock = Clock()
    async with one_cluster(clock) as fleet:
        dead = node_reply(
            clock.now, "172.29.0.7", head=False, state="DEAD", endTimeMs=str(int((clock.now - 60) * 1000))
        )
        fleet.heads["local-1"].replies["/nodes"] = nodes_reply(node_reply(clock.now), dead)
        async with deck(tmp_path, fleet.clusters, clock=clock) as console:
            await console.asked()
            row = console.line(" ○ 172.29.0.7")
            assert "%" not in row
            assert "1 m" in row
            console.line("worker node 172.29.0.7 died")


async def test_a_head_that_has_not_measured_yet_shows_no_zero(tmp_path: Path) -> None:
    clock = Clock()
    async with one_cluster(clock) as fleet:
        fresh = node_reply(clock.now)
        for key in ("now", "cpu", "cpus", "mem", "disk", "networkSpeed"):
            del fresh[key]
        fleet.heads["local-1"].replies["/nodes"] = nodes_reply(fresh)
        async with deck(tmp_path, fleet.clusters, clock=clock) as console:
            await console.asked()
            assert "%" not in console.line("172.29.0.15")
            assert "0" not in console.line("172.29.0.15").replace("172.29.0.15", "").replace("0 s", "")


async def test_twenty_five_clusters_scroll_and_leave_the_nodes_a_third(tmp_path: Path) -> None:
    clock = Clock()
    names = [f"cluster-{number:02}" for number in range(25)]
    async with (
        many_clusters(clock, names) as fleet,
        deck(tmp_path, fleet.clusters, size=(80, 24), clock=clock) as console,
    ):
        await console.asked()
        console.line("● 25 up")
        console.line("172.29.0.15", "head")
        await console.press("G")
        console.line("▌● cluster-24")
        assert "cluster-00" not in console.text
        await console.press("g")
        console.line("▌● cluster-00")


async def test_long_names_are_cut_with_a_sign_and_columns_stay_in_line(tmp_path: Path) -> None:
    clock = Clock()
    names = ["short", "a-very-long-name-of-a-cluster-that-stands-at-the-far-end-of-it"]
    async with (
        many_clusters(clock, names) as fleet,
        deck(tmp_path, fleet.clusters, size=(80, 24), clock=clock) as console,
    ):
        await console.asked()
        long, short = console.line("a-very-long-n…"), console.line("● short")
        assert long.index("11 %") == short.index("11 %")
        await console.press("G")
        assert console.line("──", "a-very-long").rstrip().endswith("──")


async def test_a_changed_configuration_is_taken_over_while_it_runs(tmp_path: Path) -> None:
    clock = Clock()
    async with many_clusters(clock, ["one", "two"]) as fleet:
        first = {"one": fleet.clusters["one"]}
        async with deck(tmp_path, first, clock=clock) as console:
            await console.asked()
            config = tmp_path / "clusters.toml"
            text = config.read_text()
            config.write_text(
                text + text.replace('"one"', '"two"').replace(first["one"]["dashboard"], fleet.heads["two"].url)
            )
            await console.shows("● 2 up")
            config.write_text("[[clusters]]\nnam = 1\n")
            await console.shows("config", "clusters.toml")
            console.line("● 2 up")
