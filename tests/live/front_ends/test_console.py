"""The console on a real cluster, by keys alone: see it, submit, follow, plot, stop."""

import asyncio

import pytest
from console_driver import console
from raydeck_process import Raydeck, configured

from console.render.members import STATISTICS, groups_of
from console.screens.jobs import JobsScreen
from console.screens.plots import PlotsScreen
from console.widgets.scatter_plot import ScatterPlot

pytestmark = pytest.mark.live

FAIL_TOML = 'title = "Fail"\nhelp = "ends badly"\nentrypoint = "python fail.py"\n'
FAIL = "import sys; print('about [@click=app.quit]to\\x1b[2J fail', flush=True); sys.exit(3)"
TICK_TOML = 'title = "Tick"\nhelp = "goes on and on"\nentrypoint = "python tick.py"\n'
TICK = "import time\nfor n in range(1000): print('tick', n, flush=True); time.sleep(0.1)"


@pytest.fixture
def user(embedded_cluster, tmp_path) -> Raydeck:
    """A user with jobs of his own beside the bundled ones."""
    jobs = tmp_path / "jobs"
    jobs.mkdir()
    for name, toml, program in (("fail", FAIL_TOML, FAIL), ("tick", TICK_TOML, TICK)):
        (jobs / f"{name}.toml").write_text(toml)
        (jobs / f"{name}.py").write_text(program)
    config = f'[jobs]\npaths = ["{jobs}"]\n' + configured(embedded_cluster.spec)
    return Raydeck(tmp_path / "user", config)


async def choose(deck, cluster: str, job: str) -> None:
    """Open the form of a job: wait for the cluster, `s`, the list of jobs, Enter."""
    await deck.shows(lambda text: any(f"● {cluster}" in line for line in text.replace("  ", " ").splitlines()))
    await deck.press("s")
    await deck.shows("WHAT IT DOES")
    await deck.shows(job)
    while job not in deck.row("▌"):
        await deck.press("j")
    await deck.press("enter")
    await deck.shows("F5")


def test_from_the_clusters_table_to_the_plots(user, embedded_cluster, is_golden):
    async def work() -> None:
        async with console(user) as deck:
            await choose(deck, embedded_cluster.name, "parallel_processing")
            await deck.shows("CPU free, needs 4")
            await deck.type_into("serve for", "0")
            await deck.shows("expected a whole number")
            await deck.type_into("serve for", "200")
            await deck.shows("6 CPU free, needs 4")  # the last test's job may be counted for some seconds more
            await deck.press("f5")
            await deck.shows("Application 'requests' is ready at")
            await deck.shows("output kept")
            await deck.press("o")
            await deck.shows(lambda _: is_drawn(deck))
            await deck.shows(f"on {embedded_cluster.name}")
            (kept,) = deck.app.core.shelf.kept()
            assert kept.source == "serve"
            assert is_golden(deck.app.core.shelf.document(kept))
            expect_points(deck, deck.app.core.shelf.parsed(kept).summaries)
            await deck.press("v")
            await deck.shows("0.16")
            await deck.press("2")
            await deck.shows(lambda text: isinstance(deck.app.screen, JobsScreen) and kept.submission_id[:14] in text)
            await stop_under_the_cursor(deck, embedded_cluster.name)

    asyncio.run(work())


def is_drawn(deck) -> bool:
    """The plots are there, with something in each: they are drawn beside the event loop."""
    plots = deck.app.screen.query(ScatterPlot) if isinstance(deck.app.screen, PlotsScreen) else ()
    return len(plots) == len(STATISTICS) and all(plot.chart is not None and plot.chart.points for plot in plots)


def expect_points(deck, summaries) -> None:
    """Every point of every statistic stands in its chart's cell, in the sign or the pen of its group."""
    for statistic in STATISTICS:
        chart = deck.app.screen.query_one(f"#{statistic}", ScatterPlot).chart
        groups = groups_of(summaries, statistic)
        assert chart.points == sum(len(group.xs) for group in groups) == 10
        pens = [[pen for text, pen in line for _ in text] for line in chart.lines]
        for number, group in enumerate(groups):
            for mean, variance in zip(group.xs, group.ys, strict=True):
                column, row = chart.cell_of(mean, variance)
                assert pens[row][column] in {f"group-{number}", "shared"}


async def stop_under_the_cursor(deck, cluster: str) -> None:
    await deck.press("x")
    question = await deck.shows(f"on {cluster}?")
    assert "raysubmit_" in question
    await deck.press("n")
    await deck.press("x")
    await deck.shows(f"on {cluster}?")
    await deck.press("y")
    await deck.shows(lambda text: "stopped" in text.lower() and f"on {cluster}?" not in text)


def test_a_running_job_is_stopped_from_its_log(user, embedded_cluster):
    async def work() -> None:
        async with console(user, (80, 24)) as deck:
            await choose(deck, embedded_cluster.name, "tick")
            await deck.press("f5")
            await deck.shows("tick 9")
            await deck.press("x")
            await deck.shows(f"on {embedded_cluster.name}?")
            await deck.press("y")
            await deck.shows("job was stopped")
            await deck.press("escape")
            await deck.shows("NODES")

    asyncio.run(work())


def test_a_failing_job_with_a_hostile_log(user, embedded_cluster):
    async def work() -> None:
        async with console(user) as deck:
            await choose(deck, embedded_cluster.name, "fail")
            await deck.press("f5")
            text = await deck.shows("job failed")
            assert "about [@click=app.quit]to fail" in text.replace("[2J", "").replace("\N{REPLACEMENT CHARACTER}", "")
            assert "\x1b" not in text
            await deck.press("o")
            await deck.shows("is no bundled job with an output")
            await deck.press("escape", "2")
            await deck.shows(lambda text: "✗ failed" in text and "about [@cl" in text)

    asyncio.run(work())


def test_both_front_ends_tell_the_same(user, embedded_cluster):
    async def work() -> tuple[str, str]:
        async with console(user, (200, 60)) as deck:
            await deck.shows(embedded_cluster.spec.name)
            await deck.shows(lambda text: "●" in text and "head" in text)
            return deck.row(embedded_cluster.name), deck.text

    row, text = asyncio.run(work())
    (cluster,) = user("status", "--json").check(0).json["clusters"]
    assert cluster["ray_version"] in row
    (node,) = user("nodes", "--json").check(0).json["nodes"]
    assert node["ip"] in text
