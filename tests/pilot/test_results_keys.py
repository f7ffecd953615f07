"""Results mode by keyboard: the list of kept outputs, their plots, clusters and runs overlaid, values, export."""

from __future__ import annotations

import csv
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import msgspec

from console.errors import RaydeckError
from console.model.job import Job
from console.model.output import parse_output
from console.services.output_fetch import SpoiltError
from console.widgets.resource_table import ResourceTable
from console.widgets.scatter_plot import GroupTable, ScatterPlot
from tests.pilot.deck import Clock, Deck, deck
from tests.pilot.scenes import clustering_document, one_cluster, output_document

STATISTICS = ("seed", "name", "priority", "length")
Documents = tuple[dict[str, Any], ...]


def job(job_id: str, **data: Any) -> Job:
    document = {"process-parameters": {}, "storage-parameters": {}, "data-parameters": {"amount": 50} | data}
    return Job(
        cluster="local-1", submission_id=job_id, job_id="01", type="SUBMISSION", status="SUCCEEDED",
        entrypoint=f"python parallel_processing.py '{json.dumps(document)}'",
        start_time=1.0, end_time=13.0, metadata={"raydeck_job": "parallel_processing"},
    )  # fmt: skip


@asynccontextmanager
async def results(tmp_path: Path, *documents: dict[str, Any], size: tuple[int, int] = (120, 36)) -> AsyncIterator[Deck]:
    """Keep these outputs, the last one the newest, and go to the results."""
    clock = Clock()
    async with one_cluster(clock) as fleet, deck(tmp_path, fleet.clusters, size=size, clock=clock) as console:
        for number, document in enumerate(documents):
            kept = job(f"raysubmit_{number}", amount=50 * (number + 1))
            console.core.shelf.keep(kept, json.dumps(document).encode(), "serve")
            clock.now += 60
        await console.press("6")
        await console.until(lambda: isinstance(console.app.focused, ResourceTable))
        await console.until(lambda: len(console.table.rows_shown) == len(documents))
        yield console


@asynccontextmanager
async def plots(tmp_path: Path, *documents: dict[str, Any], size: tuple[int, int] = (120, 36)) -> AsyncIterator[Deck]:
    """The same, and the plots of the newest."""
    async with results(tmp_path, *documents, size=size) as console:
        await console.press("enter")
        await console.until(lambda: shown(console), "for plots")
        yield console


def shown(console: Deck) -> list[str]:
    found = console.app.screen.query(ScatterPlot)
    return [str(plot.id) for plot in found if plot.region and plot.chart is not None and plot.chart.points]


async def test_the_list_tells_whose_from_what_when_and_its_checksum(tmp_path: Path) -> None:
    async with results(tmp_path, output_document(seed=1), output_document(seed=2), size=(160, 36)) as console:
        kept = console.core.shelf.kept()
        assert [each.submission_id for each in kept] == ["raysubmit_1", "raysubmit_0"]
        for each, parameters in zip(kept, ("amount 100", "defaults"), strict=True):
            console.line(each.submission_id, "parallel_processing", "local-1", "12 s", each.sha256[:12], parameters)
        assert "Enter plots" in console.lines()[-1]
        await console.press("y")
        assert console.app.clipboard == "raydeck output --id raysubmit_1 --plot"


async def test_wide_shows_four_plots_with_one_legend(tmp_path: Path) -> None:
    async with plots(tmp_path, output_document()) as console:
        assert shown(console) == list(STATISTICS)
        console.line("● 0-0-0", "▲ 1-1-1", "■ 0-0-2", "◆ 1-1-3", "○ 0-0-4")
        assert "next plot" not in console.lines()[-1]


async def test_narrow_shows_one_plot_and_tab_the_next(tmp_path: Path) -> None:
    async with plots(tmp_path, output_document(), size=(76, 24)) as console:
        for number, name in enumerate((*STATISTICS, "seed")):
            await console.until(lambda name=name: shown(console) == [name])  # type: ignore[misc]
            console.line("parallel_processing", f"{name} {number % 4 + 1}/4")
            await console.press("tab")
        assert "Tab next plot" in console.lines()[-1]


async def test_every_plot_stays_readable_down_to_the_smallest_that_is_promised(tmp_path: Path) -> None:
    for name, document in (("one", output_document()), ("several", clustering_document())):
        (folder := tmp_path / name).mkdir()
        async with plots(folder, document, size=(80, 24)) as console:
            for keys in ((), ("a",)):
                await console.press(*keys)
                await console.until(lambda: shown(console))
                for plot in shown(console):
                    width, height = console.app.screen.query_one(f"#{plot}").size
                    assert width >= 38
                    assert height >= 9


async def test_j_k_and_arrows_turn_to_other_outputs_and_escape_to_the_list(tmp_path: Path) -> None:
    documents = (output_document(seed=1), output_document(seed=2), output_document(seed=3))
    async with plots(tmp_path, *documents) as console:
        await console.shows("22:02", "raysubmit_2")
        for key, number in (("j", 1), ("down", 0), ("right", 2), ("k", 0), ("up", 1), ("left", 2)):
            await console.press(key)
            await console.shows(f"raysubmit_{number}, from serve")
        await console.press("y")
        assert console.app.clipboard == "raydeck output --id raysubmit_2 --plot"
        await console.press("escape")
        await console.shows("SUBMISSION ID")


async def test_brackets_go_through_the_clusters_of_an_output_and_say_how_each_did(tmp_path: Path) -> None:
    async with plots(tmp_path, clustering_document()) as console:
        console.line("cluster 0", "Main", "1 of 3", "weight 0.55", "220 files", "2.5 s", "88 files/s", "Ray 2.60.0")
        for key, number in (("right_square_bracket", 1), ("right_square_bracket", 2)):
            await console.press(key)
            console.line(f"cluster {number}", f"ray://head-{number}:10001", f"{number + 1} of 3")
        console.line("cluster 2", "✗ cannot be reached: Connection refused")
        assert shown(console) == []
        console.line("no data")
        await console.press("left_square_bracket", "left_square_bracket")
        console.line("cluster 0", "1 of 3")
        assert "[ ] cluster" in console.lines()[-1]


async def test_a_lays_all_clusters_over_each_other_with_a_table_about_them(tmp_path: Path) -> None:
    async with plots(tmp_path, clustering_document(), size=(140, 40)) as console:
        await console.press("a")
        console.line("3 overlaid")
        console.line("CLUSTER", "ADDRESS", "WEIGHT", "FILES", "SECONDS", "FILES/S", "RAY", "ERROR")
        console.line("●", "0", "Main", "0.55", "220", "2.5", "88", "2.60.0")
        console.line("▲", "1", "ray://head-1:10001", "0.45", "180", "3", "60", "2.60.0")
        console.line("■", "2", "ray://head-2:10001", "—", "✗ cannot be reached: Connection refused")
        seed = console.app.screen.query_one("#seed", ScatterPlot)
        output = parse_output(json.dumps(clustering_document()).encode())
        assert seed.chart is not None
        assert seed.chart.points == sum(len(summary.batches) for summary in output.summaries)
        pens = {pen for line in seed.chart.lines for _, pen in line if pen.startswith("group-")}
        assert pens == {"group-0", "group-1"}
        await console.press("a")
        console.line("cluster 0", "1 of 3")


async def test_space_marks_runs_and_a_lays_them_over_each_other(tmp_path: Path) -> None:
    async with results(tmp_path, *(output_document(seed=seed) for seed in (1, 2, 3))) as console:
        assert "overlay" not in console.lines()[-1]
        await console.press("space", "j", "j", "space")
        assert "a overlay" in console.lines()[-1]
        await console.press("a")
        await console.until(lambda: len(shown(console)) == 4)
        console.line("2 runs", "2 overlaid")
        console.line("●", "raysubmit_2", "local-1", "amount 150")
        console.line("▲", "raysubmit_0", "local-1", "amount 50")
        await console.press("right_square_bracket")
        console.line("parallel_processing raysubmit_2", "1 of 2")
        await console.press("right_square_bracket")
        console.line("parallel_processing raysubmit_0", "2 of 2")
        await console.press("j", "y")
        assert console.app.clipboard == "raydeck results"


async def test_v_shows_the_values_pages_through_them_and_goes_back(tmp_path: Path) -> None:
    async with plots(tmp_path, output_document(groups=20), size=(80, 24)) as console:
        await console.press("v")
        assert isinstance(console.app.focused, ResourceTable)
        console.line("SUMMARY", "SEED", "VAR", "LENGTH")
        console.line("mean and variance")
        await console.press("pagedown")
        assert console.table.rows_shown.place_of(console.table.cursor_key) == console.table.page_rows - 1
        await console.press("G")
        assert console.table.cursor_key == "1-1-19/1/4"
        for key in ("v", "escape"):
            await console.press(key)
            assert not console.app.screen.query_one("#values").display
            await console.press("v")


async def test_v_in_the_list_shows_the_values_of_the_one_under_the_cursor(tmp_path: Path) -> None:
    async with results(tmp_path, output_document(), output_document(groups=1)) as console:
        await console.press("j", "v")
        await console.shows("mean and variance", "0-0-4")


async def test_a_large_output_is_plotted_as_a_sample_that_says_so(tmp_path: Path) -> None:
    async with plots(tmp_path, output_document(groups=1100, batches=9)) as console:
        console.line("a sample: 3300 of 9900 points")
        seed = console.app.screen.query_one("#seed", ScatterPlot)
        await console.until(lambda: seed.chart is not None and seed.chart.points == 3300)
        await console.press("v")
        console.line("the first 2000 of 9900 batches")
        assert len(console.table.rows_shown) == 2000


async def test_an_output_of_which_only_a_sample_is_kept_says_so(tmp_path: Path) -> None:
    async with results(tmp_path) as console:
        console.core.shelf.keep(job("raysubmit_0"), json.dumps(output_document()).encode(), "serve", 80_000)
        await console.press("1", "6")
        await console.shows("raysubmit_0")
        await console.press("enter")
        await console.shows("of 80000 summaries only a sample is kept")


async def test_x_writes_csv_json_and_svg(tmp_path: Path) -> None:
    document = output_document()
    async with plots(tmp_path, document) as console:
        await console.press("X")
        await console.until((tmp_path / "raysubmit_0.svg").exists)
        await console.until(lambda: any("written to" in message for message in console.messages))
        assert json.loads((tmp_path / "raysubmit_0.json").read_bytes()) == document
        rows = list(csv.DictReader((tmp_path / "raysubmit_0.csv").open()))
        assert len(rows) == 25
        assert float(rows[0]["seed_mean"]) == document["output"][0]["seed"]["mean"][0]
        assert ET.parse(tmp_path / "raysubmit_0.svg").getroot().tag.endswith("svg")  # noqa: S314 -- our own file


async def test_x_in_the_list_writes_what_is_marked(tmp_path: Path) -> None:
    async with results(tmp_path, output_document(), output_document(seed=2)) as console:
        await console.press("space", "j", "space", "X")
        await console.until(lambda: {"raysubmit_0.svg", "raysubmit_1.svg"} <= {p.name for p in tmp_path.glob("*.svg")})


async def test_what_was_kept_aside_is_listed_with_the_reason(tmp_path: Path) -> None:
    async with results(tmp_path, size=(160, 36)) as console:
        cut = RaydeckError("local-1", "the connection was closed before the answer was whole")
        error = SpoiltError(cut, b"{" * 3000, "serve")
        path = console.core.shelf.keep_aside(job("raysubmit_half"), error)
        await console.press("1", "6")
        await console.shows("kept aside, 2.93 k: the connection")
        await console.press("enter")
        await console.until(lambda: console.messages == [f"kept aside: {path}"])
        await console.press("v", "a", "X")
        assert path.read_bytes() == b"{" * 3000
        assert "Enter" not in console.lines()[-1]


async def test_an_output_that_was_fetched_while_its_job_ran_says_how_long_that_took_once_it_has_ended(
    tmp_path: Path,
) -> None:
    clock = Clock()
    async with (
        one_cluster(clock, prepare=lambda fleet: fleet.heads["local-1"].add_job("raysubmit_served") and None) as fleet,
        deck(tmp_path, fleet.clusters, size=(160, 36), clock=clock) as console,
    ):
        running = msgspec.structs.replace(job("raysubmit_served"), status="RUNNING", end_time=None)
        console.core.shelf.keep(running, json.dumps(output_document()).encode(), "serve")
        await console.press("6")
        await console.shows("raysubmit_served")
        console.line("raysubmit_served", "—")
        fleet.heads["local-1"].end("raysubmit_served", "SUCCEEDED")
        clock.now += 60
        await console.press("r")
        await console.until(lambda: any("raysubmit_served" in line and "12 s" in line for line in console.lines()))
        kept = console.core.shelf.find("raysubmit_served")
        assert kept is not None
        assert kept.ended_at is not None


async def test_nothing_kept_teaches_and_no_key_does_harm(tmp_path: Path) -> None:
    async with results(tmp_path) as console:
        await console.shows("no results yet", "submit one: 1 clusters, then s")
        await console.press("j", "k", "tab", "v", "a", "X", "space", "enter", "y")
        console.line("no results yet")
        assert console.app.clipboard == "raydeck results"


async def test_an_output_that_was_changed_on_disk_is_refused_in_one_sentence(tmp_path: Path) -> None:
    async with results(tmp_path, output_document(), output_document(seed=2)) as console:
        console.core.shelf.path(console.core.shelf.kept()[1]).write_bytes(b"{}")
        await console.press("j", "enter")
        await console.shows("is not what was kept: its checksum differs")
        await console.press("a", "v", "right_square_bracket", "tab", "X")
        await console.press("k")
        await console.until(lambda: len(shown(console)) == 4)


async def test_a_hostile_output_does_no_harm(tmp_path: Path) -> None:
    document = clustering_document()
    evil = "\x1b]52;c;AAAA\x07[@click=app.quit]x[/]\u202e"
    document["output"]["1"] |= {"url": evil, "error": evil, "ray_version": evil}
    document["output"]["0"]["data"][0]["id"] = evil
    async with plots(tmp_path, document) as console:
        for keys in ((), ("a",), ("a", "right_square_bracket"), ("v",)):
            await console.press(*keys)
            assert "\x1b" not in console.text
            assert "\u202e" not in console.text
            assert console.app.is_running


async def test_the_overlay_table_does_not_take_the_keys(tmp_path: Path) -> None:
    async with plots(tmp_path, clustering_document()) as console:
        await console.press("a")
        assert console.app.screen.query_one(GroupTable).display
        assert console.app.focused is None
