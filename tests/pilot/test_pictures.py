"""Pictures of the screens, compared with the ones that were looked at and kept (pytest --snapshot-update)."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from datetime import UTC
from pathlib import Path

import pytest
from textual.pilot import Pilot

from console.app import ConsoleApp
from console.bundles import bundled_folder, find_bundles
from console.clients.http import Reply
from console.errors import RaydeckError
from console.model.usage import node_sources
from console.screens.call import CallScreen
from console.services.core import Core, Options
from console.services.output_fetch import SpoiltError
from console.services.poller import ClusterPoller
from console.widgets.line_plot import LinePlot
from tests.pilot.deck import NOON, Clock, Deck, configuration
from tests.pilot.scenes import (
    Fleet,
    clustering_document,
    fill_history,
    fixed_events,
    measured_fleet,
    mixed_fleet,
    one_cluster,
    output_document,
    serving,
)

SMALL, MIDDLE, LARGE = (80, 24), (120, 36), (200, 60)
JOB = "raysubmit_7KqWmXsTz4bGhY2n"
LOG = b"".join(
    [
        b"Running entrypoint for job " + JOB.encode() + b": python parallel_processing.py '{}'\n",
        b"Python 3.11.7, Ray 2.60.0, NumPy 2.4.6\n",
        *(b"\x1b[32mbatch %d\x1b[0m of worker %d in %d ms\n" % (n, n % 2, n * 7 % 90) for n in range(60)),
        b"ValueError: \x1b[31mno such thing\x1b[0m\n",
        b"Generated 50 files, serving until asked to stop\n",
    ]
)
Steps = Callable[[Deck], Awaitable[None]]


@contextmanager
def served(scene: Callable[[Clock], AbstractAsyncContextManager[Fleet]], clock: Clock) -> Iterator[Fleet]:
    """Serve a scene from a thread: the picture is taken in an event loop of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    context = scene(clock)
    try:
        yield asyncio.run_coroutine_threadsafe(context.__aenter__(), loop).result(10)
    finally:
        asyncio.run_coroutine_threadsafe(context.__aexit__(None, None, None), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def clusters(console: Deck) -> None:
    await console.asked()
    fill_history(console.core)
    await console.tick()


async def broken(console: Deck) -> None:
    await clusters(console)
    await console.press("G")


async def nodes_light(console: Deck) -> None:
    await clusters(console)
    await console.press("T", "enter", "j")


async def jobs(console: Deck) -> None:
    await console.asked()
    await console.press("2")
    await console.until(lambda: len(console.table.rows_shown) == 22)
    await console.press(*["j"] * 4)


async def form(console: Deck) -> None:
    await console.asked()
    await console.open_form()
    await console.shows("CPU free")


async def clustering_form(console: Deck) -> None:
    await console.asked()
    await console.press("j", "space", "j", "space")
    await console.open_form("parallel_clustering")
    await console.press("tab", "tab", "space")
    await console.shows("✗ Ray 2.60.0 there", "? Ray not known there")


async def overridden_form(console: Deck) -> None:
    await clustering_form(console)
    await console.press("f5")
    await console.shows("all the same?")


async def wrong_form(console: Deck) -> None:
    await form(console)
    await console.press("tab", "x")
    await console.shows("got '2x'")
    await console.until(lambda: "actor-number: expected" in console.text)


async def merged_logs(console: Deck) -> None:
    await console.asked()
    await console.press("2")
    await console.until(lambda: len(console.table.rows_shown) == 22)
    for key in ("local-2/raysubmit_uT6RvDcXs2QzAw8E", "cloud-1/raysubmit_9fQsYcVnJ3hTz2Kd"):
        console.table.go_to(key)
        await console.press("space")
    await console.press("l")
    await console.shows("batch 39", "1 error")


@asynccontextmanager
async def fleet_with_logs(clock: Clock) -> AsyncIterator[Fleet]:
    """The mixed fleet, with two jobs that say something in turn."""
    async with mixed_fleet(clock) as fleet:
        lines = [b"14:03:%02d batch %d in \x1b[32m%d ms\x1b[0m\n" % (n, n, n * 7 % 90) for n in range(40)]
        fleet.heads["local-2"].logs["raysubmit_uT6RvDcXs2QzAw8E"] = b"".join(lines[::2])
        fleet.heads["cloud-1"].logs["raysubmit_9fQsYcVnJ3hTz2Kd"] = b"".join([*lines[1::2], b"ValueError: (no)\n"])
        yield fleet


async def why(console: Deck) -> None:
    await console.asked()
    await console.press("2")
    await console.shows("parallel_processing")
    await console.press("p")
    await console.shows("out of memory on node")


def _with_oom(fleet: Fleet) -> None:
    text = "Memory on the node (IP: 172.29.0.2, ID: aa41) was 3.81GB used / 4.00GB limit (0.95)"
    failed = "Job entrypoint command failed with exit code 1, last available logs (truncated to 20,000 chars):\n"
    fleet.heads["local-1"].add_job(JOB, "FAILED", message=failed + text, driver_exit_code=1)


def one_out_of_memory(clock: Clock) -> AbstractAsyncContextManager[Fleet]:
    return one_cluster(clock, prepare=_with_oom)


async def log(console: Deck) -> None:
    await console.asked()
    await console.press("l")
    await console.shows("serving until", "1 error")
    await console.press("slash", *"worker 1", "enter")
    await console.shows("stays here")


async def log_followed(console: Deck) -> None:
    await console.asked()
    await console.press("l")
    await console.shows("serving until", "following")


async def log_lost(console: Deck) -> None:
    await log_followed(console)
    console.core.fleet.dashboard("local-1").http.base_url = "http://127.0.0.1:9"
    await console.shows("link lost")


async def first_look(console: Deck) -> None:
    """What stands there until the first cluster has said something."""
    await console.no_walks()
    await console.shows("local-1")
    await console.press("j")


async def empty(console: Deck) -> None:
    await console.shows("no clusters yet")


async def no_jobs(console: Deck) -> None:
    await console.asked()
    await console.press("2")
    await console.shows("no jobs yet")


async def stopping(console: Deck) -> None:
    await jobs(console)
    console.table.go_to("local-2/raysubmit_uT6RvDcXs2QzAw8E")
    await console.press("x")
    await console.shows("on local-2?")


async def filtered(console: Deck) -> None:
    await jobs(console)
    await console.press("slash", *"status:failed")
    await console.until(lambda: "succeeded" not in console.text)


async def chooser(console: Deck) -> None:
    await console.asked()
    await console.press("s")
    await console.shows("parallel_clustering")


async def copied(console: Deck) -> None:
    await clusters(console)
    await console.press("y")
    await console.shows("copied: raydeck")


async def refused(console: Deck) -> None:
    await clusters(console)
    await console.press("s")
    await console.shows("submit is refused")


@asynccontextmanager
async def nothing(_: Clock) -> AsyncIterator[Fleet]:
    yield Fleet()


@asynccontextmanager
async def silent_fleet(clock: Clock) -> AsyncIterator[Fleet]:
    """The mixed fleet, of which nobody answers."""
    async with mixed_fleet(clock) as fleet:
        for head in fleet.heads.values():
            head.trouble = "hang"
        del fleet.clusters["local-3"]
        yield fleet


@asynccontextmanager
async def read_only_fleet(clock: Clock) -> AsyncIterator[Fleet]:
    async with mixed_fleet(clock) as fleet:
        fleet.before = "read_only = true\n\n"
        yield fleet


async def results(console: Deck) -> None:
    await console.asked()
    await console.press("2")
    await console.shows("parallel_processing")
    await console.press("o")
    await console.until(lambda: "several" in console.text)


async def values(console: Deck) -> None:
    await results(console)
    await console.press("v")


async def kept_outputs(console: Deck) -> None:
    """A list with an output of one cluster, one of several, a sample, and something spoilt."""
    await console.asked()
    shelf = console.core.shelf
    jobs = {job.id: job for snapshot in console.core.fleet.snapshots for job in snapshot.jobs or ()}
    documents = {
        "raysubmit_7KqWmXsTz4bGhY2n": (output_document(), None),
        "raysubmit_9fQsYcVnJ3hTz2Kd": (clustering_document(), None),
        "raysubmit_Xw4GmPbRt7uEe5Na": (output_document(groups=9, seed=3), 80_000),
    }
    for job_id, (document, total) in documents.items():
        shelf.keep(jobs[job_id], json.dumps(document).encode(), "serve", total)
        console.clock.now += 95
    cut = RaydeckError("local-1", "the connection was closed before the answer was whole")
    shelf.keep_aside(jobs["raysubmit_uT6RvDcXs2QzAw8E"], SpoiltError(cut, b"{" * 31_000, "serve"))
    await console.press("6")
    await console.shows("kept aside")
    await console.press("j")


async def overlay(console: Deck) -> None:
    await kept_outputs(console)
    await console.press("j", "enter")
    await console.shows("cluster 0")
    await console.press("a")
    await console.until(lambda: "overlaid" in console.text)


async def lost_cluster(console: Deck) -> None:
    await overlay(console)
    await console.press("left_square_bracket", "left_square_bracket")
    await console.shows("cannot be reached")


async def runs(console: Deck) -> None:
    await kept_outputs(console)
    await console.press("space", "j", "space", "j", "space", "a")
    await console.shows("3 overlaid")


async def serve(console: Deck) -> None:
    await console.asked()
    await console.press("5")
    await console.shows("/items")
    await console.press("j", "j")


async def called(console: Deck) -> None:
    await serve(console)
    await console.press("enter")
    await console.until(lambda: isinstance(console.app.screen, CallScreen) and console.app.focused is not None)
    screen = console.app.screen
    await console.press("f5")
    await console.shows("HTTP 200")
    reply = Reply(200, b'{"output":[{"id":"1-1-1","workers":[1,1],"seed":{"mean":[9.4],"variance":[30.2]}}]}',
                  "application/json", 0.0123)  # fmt: skip
    await screen._show_answer(reply)  # type: ignore[attr-defined]
    screen._seconds = [0.012 + 0.004 * ((7 * n) % 5) for n in range(20)]  # type: ignore[attr-defined]
    screen._seconds[11] = None  # type: ignore[attr-defined]
    screen._show_latency()  # type: ignore[attr-defined]


async def no_serve(console: Deck) -> None:
    await console.asked()
    await console.press("5")
    await console.shows("nothing is served", "nothing listens there")


async def no_results(console: Deck) -> None:
    await console.asked()
    await console.press("6")
    await console.shows("no results yet")


async def palette(console: Deck) -> None:
    await console.asked()
    await console.press("colon")
    await console.until(lambda: len([line for line in console.lines() if line.strip()]) > 20)


async def help_keys(console: Deck) -> None:
    await console.asked()
    await console.press("question_mark")


@asynccontextmanager
async def differing_fleet(clock: Clock) -> AsyncIterator[Fleet]:
    """The mixed fleet with addresses, one cluster without, and one with another Ray."""
    async with mixed_fleet(clock) as fleet:
        for number, (name, keys) in enumerate(fleet.clusters.items()):
            if name in fleet.heads:
                head = fleet.heads[name]
                head.replies["/api/v0/cluster_metadata"] = {"data": {"pythonVersion": "3.12.9"}}
            if name != "local-2":
                keys["client"] = f"192.168.1.19:815{number}"
        fleet.heads["cloud-1"].replies["/api/version"]["ray_version"] = "2.60.0"
        yield fleet


async def metrics(console: Deck) -> None:
    """A node with four GPUs."""
    await measured(console)
    await console.press("4", "j", "j")
    await charts(console, "prometheus")


async def measured(console: Deck) -> None:
    """Wait until both sources have told all that they know."""
    await console.asked()
    of_prometheus = [snapshot.spec.name for snapshot in console.core.fleet.snapshots if snapshot.spec.prometheus]

    def all_told() -> bool:
        found = {snapshot.spec.name: snapshot for snapshot in console.core.fleet.snapshots}
        return all(found[name].figures and found[name].nodes for name in of_prometheus) and all(
            "prometheus" in node_sources(node) for node in found[of_prometheus[0]].nodes
        )

    await console.until(all_told, "for both sources")
    await console.tick()


async def clusters_measured(console: Deck) -> None:
    await measured(console)
    fill_history(console.core)
    await console.tick()


async def charts(console: Deck, source: str) -> None:
    """Wait until every chart is drawn, for the room that it has now."""
    await console.until(lambda: all(_is_drawn(plot, source) for plot in _plots(console)) and _plots(console))
    await console.pilot.pause(0.3)  # what stands below the charts may have taken a line of them
    await console.until(lambda: all(worker.is_finished for worker in console.app.workers if worker.group == "chart"))
    await console.until(lambda: all(_is_drawn(plot, source) for plot in _plots(console)))


def _plots(console: Deck) -> list[LinePlot]:
    return [plot for plot in console.app.screen.query(LinePlot) if plot.display]


def _is_drawn(plot: LinePlot, source: str) -> bool:
    chart = plot.chart
    return chart is not None and (chart.width, chart.height) == plot.size and source in chart.lines[0][-1][0]


async def metrics_failed(console: Deck) -> None:
    """The same, but Prometheus answers with an error."""
    await console.asked()
    await console.until(lambda: sum(snapshot.state == "degraded" for snapshot in console.core.fleet.snapshots) == 3)
    await console.tick()
    await console.press("4", "j", "j")
    await charts(console, "seen here")
    await console.shows("HTTP 502")


async def metrics_unknown(console: Deck) -> None:
    """A cluster that has never answered."""
    await console.asked()
    await console.press("4", "G")
    await console.until(lambda: all(_is_drawn(plot, "") for plot in _plots(console)) and _plots(console))
    await console.shows("nothing measured")
    await console.pilot.pause(0.3)


async def node(console: Deck) -> None:
    await metrics(console)
    await console.press("enter")
    await console.shows("NVIDIA H200")


async def events(console: Deck) -> None:
    await console.asked()
    await console.press("E")


@asynccontextmanager
async def failing_prometheus(clock: Clock) -> AsyncIterator[Fleet]:
    async with measured_fleet(clock) as fleet:
        assert fleet.prometheus is not None
        fleet.prometheus.trouble = "gateway"
        yield fleet


def one_that_runs(clock: Clock) -> AbstractAsyncContextManager[Fleet]:
    return one_cluster(clock, prepare=_running)


def _running(fleet: Fleet) -> None:
    fleet.heads["local-1"].add_job(JOB, "RUNNING")
    fleet.heads["local-1"].logs[JOB] = LOG


def one_with_jobs(clock: Clock) -> AbstractAsyncContextManager[Fleet]:
    return one_cluster(clock, prepare=_with_output)


def _with_output(fleet: Fleet) -> None:
    head = fleet.heads["local-1"]
    head.add_job(JOB, "SUCCEEDED")
    head.logs[JOB] = LOG
    head.served = {"/about": {"submission_id": JOB}, "/output": output_document()}


def with_outputs(clock: Clock) -> AbstractAsyncContextManager[Fleet]:
    return one_cluster(clock, prepare=_with_jobs)


def _with_jobs(fleet: Fleet) -> None:
    amounts = {"7KqWmXsTz4bGhY2n": 50, "9fQsYcVnJ3hTz2Kd": 400, "Xw4GmPbRt7uEe5Na": 2_000_000, "uT6RvDcXs2QzAw8E": 9000}
    for name, amount in amounts.items():
        document = find_bundles([bundled_folder()])["parallel_processing"].defaults()
        document["data-parameters"]["amount"] = amount
        fleet.heads["local-1"].add_job(
            f"raysubmit_{name}", "SUCCEEDED", entrypoint=f"python parallel_processing.py '{json.dumps(document)}'"
        )


def with_serve(clock: Clock) -> AbstractAsyncContextManager[Fleet]:
    return one_cluster(clock, prepare=serving)


SIZES = (SMALL, MIDDLE, LARGE)
SCENES = (
    ("clusters", mixed_fleet, clusters, 0),
    ("stale", mixed_fleet, clusters, 30),
    ("broken", mixed_fleet, broken, 10),
    ("light", mixed_fleet, nodes_light, 0),
    ("empty", nothing, empty, 0),
    ("first-look", silent_fleet, first_look, 0),
    ("read-only", read_only_fleet, refused, 0),
    ("copied", mixed_fleet, copied, 0),
    ("jobs", mixed_fleet, jobs, 0),
    ("no-jobs", one_cluster, no_jobs, 0),
    ("filtered", mixed_fleet, filtered, 0),
    ("stopping", mixed_fleet, stopping, 0),
    ("chooser", one_cluster, chooser, 0),
    ("form", one_cluster, form, 0),
    ("clustering", differing_fleet, clustering_form, 0),
    ("overridden", differing_fleet, overridden_form, 0),
    ("wrong", one_cluster, wrong_form, 0),
    ("merged", fleet_with_logs, merged_logs, 0),
    ("why", one_out_of_memory, why, 0),
    ("log", one_with_jobs, log, 0),
    ("log-followed", one_that_runs, log_followed, 0),
    ("log-lost", one_that_runs, log_lost, 0),
    ("results", one_with_jobs, results, 0),
    ("values", one_with_jobs, values, 0),
    ("outputs", with_outputs, kept_outputs, 0),
    ("overlay", with_outputs, overlay, 0),
    ("lost-cluster", with_outputs, lost_cluster, 0),
    ("runs", with_outputs, runs, 0),
    ("no-results", one_cluster, no_results, 0),
    ("serve", with_serve, serve, 0),
    ("no-serve", mixed_fleet, no_serve, 0),
    ("call", with_serve, called, 0),
    ("palette", mixed_fleet, palette, 0),
    ("help", mixed_fleet, help_keys, 0),
    ("clusters-prometheus", measured_fleet, clusters_measured, 0),
    ("metrics", measured_fleet, metrics, 0),
    ("metrics-stale", measured_fleet, metrics, 100),
    ("metrics-failed", failing_prometheus, metrics_failed, 0),
    ("metrics-unknown", mixed_fleet, metrics_unknown, 0),
    ("node", measured_fleet, node, 0),
    ("node-stale", measured_fleet, node, 100),
    ("events", mixed_fleet, events, 0),
)
PICTURES = [
    pytest.param(scene, steps, size, later_s, id=f"{name}-{size[0]}x{size[1]}")
    for name, scene, steps, later_s in SCENES
    for size in SIZES
]


@pytest.mark.parametrize(("scene", "steps", "size", "later_s"), PICTURES)
def test_picture(
    tmp_path: Path,
    snap_compare: Callable[..., bool],
    scene: Callable[[Clock], AbstractAsyncContextManager[Fleet]],
    steps: Steps,
    size: tuple[int, int],
    later_s: float,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # What goes by real time stays out of the picture: a cluster asked again early, a message that is gone.
    defaults = ClusterPoller.__init__.__kwdefaults__ or {}
    monkeypatch.setattr(ClusterPoller.__init__, "__kwdefaults__", defaults | {"jitter": lambda: 1.0})
    clock = Clock(NOON + 29)
    with served(scene, clock) as fleet:
        config = tmp_path / "clusters.toml"
        config.write_text(configuration(fleet.clusters, "[console]\nrefresh_s = 60\n\n" + fleet.before))
        environ = {"XDG_STATE_HOME": str(tmp_path / "state"), "HOME": str(tmp_path)}
        core = Core(Options(config, read_only=False, environ=environ, cwd=tmp_path), clock)
        core.load()
        home = Path("/home/operator")
        core.searched = lambda: (home / "clusters.toml", home / ".config/raydeck/clusters.toml")  # type: ignore[method-assign]
        app = ConsoleApp(core, zone=UTC)
        notify = app.notify
        monkeypatch.setattr(app, "notify", lambda text, **how: notify(text, **how | {"timeout": 60}))

        async def show(pilot: Pilot[None]) -> None:
            app.animation_level = "none"
            if fleet.clusters:
                fixed_events(core)
            console = Deck(app, pilot, clock)
            await steps(console)
            await console.tick(later_s)
            await pilot.pause(0.1)

        assert snap_compare(app, terminal_size=size, run_before=show)
