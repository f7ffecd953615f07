"""Metrics mode by keyboard: whose figures, how far back, a node in full, scrape targets, and events anywhere."""

from __future__ import annotations

from pathlib import Path

from console.screens.clusters import ClustersScreen
from console.screens.events import EventsScreen
from console.screens.metrics import MetricsScreen
from console.screens.node import NodeScreen
from console.screens.targets import TargetsScreen
from console.widgets.line_plot import LinePlot
from tests.pilot.deck import Clock, Deck, deck
from tests.pilot.scenes import measured_fleet, mixed_fleet, one_cluster


def headings(console: Deck) -> list[str]:
    """Return the first line of each chart on screen."""
    charts = [plot.chart for plot in console.app.screen.query(LinePlot) if plot.display]
    return ["".join(text for text, _ in chart.lines[0]) for chart in charts if chart is not None]


async def drawn(console: Deck, *titles: str, source: str) -> None:
    """Wait until charts of these titles are drawn, from this source."""
    await console.until(
        lambda: (
            [h.split("  ")[0] for h in headings(console)][: len(titles)] == list(titles)
            and all(source in h for h in headings(console))
        ),
        f"for charts {titles} from {source}, got {headings(console)}",
    )


async def test_4_shows_the_cluster_that_was_looked_at_from_prometheus(tmp_path: Path) -> None:
    clock = Clock()
    async with (
        measured_fleet(clock) as fleet,
        deck(tmp_path, fleet.clusters, clock=clock, before=fleet.before) as console,
    ):
        await console.asked()
        await console.press("j", "4")
        assert isinstance(console.app.screen, MetricsScreen)
        assert console.table.cursor_key == "local-1"
        await drawn(console, "CPU", "memory", source="prometheus")
        console.line(" local-1   last 5 m   21:55 to 22:00 UTC")
        await console.press("k", "k", "k", "k")
        assert console.table.cursor_key == "cloud-1"
        await drawn(console, "CPU", "GPU", "GPU memory", "memory", source="prometheus")


async def test_plus_and_minus_change_the_range_and_stop_at_both_ends(tmp_path: Path) -> None:
    clock = Clock()
    async with (
        measured_fleet(clock) as fleet,
        deck(tmp_path, fleet.clusters, clock=clock, before=fleet.before) as console,
    ):
        await console.asked()
        await console.press("4")
        for key, shown in (
            ("plus", "last 1 h   21:00 to 22:00 UTC"),
            ("plus", "last 6 h   16:00 to 22:00 UTC"),
            ("plus", "last 24 h   21 Nov 22:00 to 22 Nov 22:00 UTC"),
            ("plus", "last 24 h"),
            ("minus", "last 6 h"),
        ):
            await console.press(key)
            await console.shows(shown)
        await console.press("minus", "minus", "minus")
        await console.shows("last 5 m   21:55 to 22:00 UTC")


async def test_all_gpus_of_a_node_are_on_one_chart(tmp_path: Path) -> None:
    clock = Clock()
    async with (
        measured_fleet(clock) as fleet,
        deck(tmp_path, fleet.clusters, clock=clock, before=fleet.before, size=(160, 50)) as console,
    ):
        await console.asked()
        await console.press("4", "j", "j")
        await drawn(console, "CPU", "GPU", source="prometheus")
        assert [mark in headings(console)[1] for mark in ("● 0 ", "▲ 1 ", "■ 2 ", "◆ 3 ")] == [True] * 4
        plots = [plot.chart for plot in console.app.screen.query(LinePlot) if plot.display]
        assert plots[1] is not None
        pens = {pen for line in plots[1].lines[1:] for _, pen in line}
        assert {"group-0", "group-1", "group-2", "group-3"} <= pens


async def test_enter_goes_to_the_nodes_and_opens_one_with_every_metric(tmp_path: Path) -> None:
    clock = Clock()
    async with (
        measured_fleet(clock) as fleet,
        deck(tmp_path, fleet.clusters, clock=clock, before=fleet.before) as console,
    ):
        await console.asked()
        await console.press("4", "enter")
        assert console.table.cursor_key == "cloud-1 node-10.0.3.7"
        await console.press("j", "enter")
        assert isinstance(console.app.screen, NodeScreen)
        await console.shows("prometheus")
        console.line(" cloud-1 10.0.3.8", "worker", "alive", "Ray 2.49.2")
        assert console.line("GPU 1 use").split()[:10] == [
            "GPU",
            "1",
            "use",
            "55",
            "%",
            "prometheus",
            "1",
            "s",
            "NVIDIA",
            "H200",
        ]
        console.line("memory used", "12.2", "GiB", "prometheus", "41 % of 30 G")
        console.line("GPU 0 power", "—", "not exported by Ray 2.49.2, but from 2.55 on")
        console.line("object store used", "dashboard")
        await console.press("G")
        console.line("memory of the raylet", "not exported by Ray 2.49.2")
        await console.press("escape")
        assert isinstance(console.app.screen, MetricsScreen)


async def test_enter_on_a_node_of_the_clusters_screen_opens_it_too(tmp_path: Path) -> None:
    clock = Clock()
    async with mixed_fleet(clock) as fleet, deck(tmp_path, fleet.clusters, clock=clock) as console:
        await console.asked()
        await console.press("n", "enter")
        assert isinstance(console.app.screen, NodeScreen)
        console.line("1 clusters", "4 metrics")
        await console.press("escape")
        assert isinstance(console.app.screen, ClustersScreen)


async def test_tab_shows_the_charts_that_had_no_room(tmp_path: Path) -> None:
    clock = Clock()
    async with (
        measured_fleet(clock) as fleet,
        deck(tmp_path, fleet.clusters, clock=clock, before=fleet.before, size=(80, 24)) as console,
    ):
        await console.asked()
        await console.press("4", "j", "j")
        await drawn(console, "CPU", "GPU", source="prometheus")
        console.line("charts 1/4")
        await console.press("tab")
        await drawn(console, "GPU memory", "memory", source="prometheus")
        await console.press("tab", "tab", "tab")
        await drawn(console, "CPU", "GPU", source="prometheus")


async def test_t_shows_the_targets_with_prometheus_own_error(tmp_path: Path) -> None:
    clock = Clock()
    async with (
        measured_fleet(clock) as fleet,
        deck(tmp_path, fleet.clusters, clock=clock, before=fleet.before) as console,
    ):
        await console.asked()
        await console.press("4", "t")
        assert isinstance(console.app.screen, TargetsScreen)
        await console.shows("10.0.3.11:8080", "answered")
        console.line(" prometheus oss", "http://127.0.0.1:", "answered 0 s ago")
        assert console.line("10.0.3.7:8080").split()[:8] == [
            "▌●",
            "cloud-1",
            "cloud-1",
            "10.0.3.7:8080",
            "5.0",
            "s",
            "12",
            "ms",
        ]
        console.line("○", "10.0.3.11:8080")
        assert "connection refused" not in console.lines()[-3]
        await console.press("j", "j")
        console.line(' Get "http://10.0.3.11:8080/metrics": dial tcp 10.0.3.11:8080: connect: connection refused')
        console.line("?", "local-1", "no target of the server")
        await console.press("y")
        assert console.messages[-1] == "copied: raydeck targets"
        await console.press("escape")
        assert isinstance(console.app.screen, MetricsScreen)


async def test_without_a_prometheus_it_says_what_is_shown_and_how_to_add_one(tmp_path: Path) -> None:
    clock = Clock()
    async with one_cluster(clock) as fleet, deck(tmp_path, fleet.clusters, clock=clock) as console:
        await console.asked()
        await console.press("4")
        await drawn(console, "CPU", source="seen here")
        console.line("local-1 has no Prometheus: this is what raydeck has seen")
        console.line('add one: [prometheus.NAME] url = "…", prometheus = "NAME" in clusters.toml')
        await console.press("t")
        console.line("no cluster has a Prometheus")


async def test_a_prometheus_that_fails_is_named_and_what_was_seen_is_shown(tmp_path: Path) -> None:
    clock = Clock()
    async with (
        measured_fleet(clock) as fleet,
        deck(tmp_path, fleet.clusters, clock=clock, before=fleet.before) as console,
    ):
        assert fleet.prometheus is not None
        await console.asked()
        await console.press("4")
        await drawn(console, "CPU", source="prometheus")
        console.line("prometheus oss 0 s")
        fleet.prometheus.trouble = "broken"
        await console.press("plus")
        await console.shows("prometheus oss: HTTP 503: upstream connect error", "this is what raydeck has seen")
        fleet.prometheus.trouble = ""
        await console.press("minus")
        await drawn(console, "CPU", source="prometheus")
        await console.until(lambda: "503" not in console.text)


async def test_the_filter_finds_nodes_by_the_name_of_their_cluster(tmp_path: Path) -> None:
    clock = Clock()
    async with mixed_fleet(clock) as fleet, deck(tmp_path, fleet.clusters, clock=clock) as console:
        await console.asked()
        await console.press("4", "slash", *"cloud 10.0.3.1", "enter")
        assert console.table.rows_shown.keys == ["cloud-1 node-10.0.3.11"]
        await console.press("escape")
        assert len(console.table.rows_shown.keys) == 11


async def test_y_copies_the_command_that_plots_the_same(tmp_path: Path) -> None:
    clock = Clock()
    async with mixed_fleet(clock) as fleet, deck(tmp_path, fleet.clusters, clock=clock) as console:
        await console.asked()
        await console.press("4", "j", "plus", "y")
        assert console.messages[-1] == "copied: raydeck metrics --cluster cloud-1 --node 10.0.3.7 --range 1h --plot"


async def test_e_lists_each_event_once_and_enter_goes_to_its_cluster(tmp_path: Path) -> None:
    clock = Clock()
    async with mixed_fleet(clock) as fleet, deck(tmp_path, fleet.clusters, clock=clock) as console:
        await console.asked()
        console.line("22:00:00", "E events")
        await console.press("2", "E")
        assert isinstance(console.app.screen, EventsScreen)
        await console.tick(1)  # a state is told once a second look found it, too
        await console.until(lambda: any("local-3" in line and "is down" in line for line in console.lines()))
        down = [line for line in console.lines() if "local-3" in line and "is down" in line]
        assert len(down) == 1
        for _ in range(3):
            console.core.fleet.refresh()
            await console.tick(1)
        assert [line for line in console.lines() if "local-3" in line and "is down" in line] == down
        console.table.go_to(next(key for key in console.table.rows_shown.keys if key.startswith("local-2")))
        await console.press("enter")
        assert isinstance(console.app.screen, ClustersScreen)
        assert console.table.cursor_key == "local-2"


async def test_no_events_yet_says_what_would_be_listed(tmp_path: Path) -> None:
    clock = Clock()
    async with one_cluster(clock) as fleet, deck(tmp_path, fleet.clusters, clock=clock) as console:
        await console.asked()
        assert "E events" not in console.text
        await console.press("E")
        console.line("nothing has happened yet")
        await console.press("escape")
        assert isinstance(console.app.screen, ClustersScreen)


async def test_the_head_names_prometheus_and_its_age_and_a_node_its_source(tmp_path: Path) -> None:
    clock = Clock()
    async with (
        measured_fleet(clock) as fleet,
        deck(tmp_path, fleet.clusters, clock=clock, before=fleet.before, size=(160, 50)) as console,
    ):
        await console.asked()
        await console.until(lambda: "prom " in console.line("● cloud-1"))
        assert "prometheus oss 0 s" in console.lines()[0]
        assert " dash " in console.line("local-2", "2/3")
        console.line("─ prometheus   cloud-1 ─")


async def test_containers_of_one_host_show_one_marked_figure(tmp_path: Path) -> None:
    clock = Clock()

    def on_one_host(fleet: object) -> None:
        head = fleet.heads["local-1"]  # type: ignore[attr-defined]
        first = head.replies["/nodes"]["data"]["summary"][0]
        second = {**first, "ip": "172.29.0.2", "hostname": "4f1c2d3e5a6b", "cpu": 33.0, "now": clock.now - 3}
        second["raylet"] = first["raylet"] | {"nodeId": "two", "nodeManagerAddress": "172.29.0.2", "isHeadNode": False}
        first["hostname"] = "0a1b2c3d4e5f"
        head.replies["/nodes"]["data"]["summary"] = [first, second]

    async with (
        one_cluster(clock, prepare=on_one_host) as fleet,
        deck(tmp_path, fleet.clusters, clock=clock) as console,
    ):
        await console.asked()
        assert "=11 %" in console.line("172.29.0.15", "head")
        assert "=11 %" in console.line("172.29.0.2", "worker")
        console.line("= the host's CPU", "local-1")
        await console.press("n", "enter")
        console.line("CPU", "11", "the host's, which 172.29.0.2 shares")


async def test_single_nodes_are_asked_for_only_while_nodes_are_on_screen(tmp_path: Path) -> None:
    clock = Clock()
    async with (
        measured_fleet(clock) as fleet,
        deck(tmp_path, fleet.clusters, clock=clock, before=fleet.before) as console,
    ):
        await console.asked()
        metrics = console.core.fleet.metrics
        assert metrics is not None
        for key, looked_at in (("1", {"cloud-1"}), ("2", set()), ("4", {"cloud-1"}), ("6", set()), ("1", {"cloud-1"})):
            await console.press(key)
            await console.until(lambda looked_at=looked_at: metrics._on_screen == looked_at, f"after {key}")
        await console.press("n", "enter", "E")
        await console.until(lambda: metrics._on_screen == set())
        await console.press("escape")
        await console.until(lambda: metrics._on_screen == {"cloud-1"})
