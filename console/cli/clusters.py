"""``raydeck status``, ``nodes`` and ``wait``: what the clusters say."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NoReturn

import click

from console.cli.session import Session, cluster_names, pass_session, tell, write_json
from console.errors import DeadlineError
from console.model.cluster import ClusterSnapshot, State
from console.model.hosts import host_mates
from console.render.clusters_table import CLUSTER_COLUMNS, cluster_row
from console.render.documents import nodes_document, status_document
from console.render.fault_lines import fault_lines
from console.render.glyphs import Glyphs
from console.render.nodes_table import NODE_COLUMNS, node_row
from console.render.text_table import text_lines, text_table
from console.services.core import Core

_NOT_KNOWN = (State.DOWN, State.UNKNOWN)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON document; one a line with --watch.")
@click.option("--watch", is_flag=True, help="Again at every refresh, until interrupted.")
@pass_session
def status(session: Session, *, as_json: bool, watch: bool) -> None:
    """One table, one line a cluster. Exits 1 when one is down or could not be asked."""

    async def work(core: Core) -> bool:
        if watch:
            await _watch(core, lambda: _show_status(core, core.fleet.snapshots, session.glyphs, as_json=as_json))
        snapshots = await core.walk_and_ask(spec.name for spec in core.fleet.specs)
        _show_status(core, snapshots, session.glyphs, as_json=as_json)
        return any(snapshot.state in _NOT_KNOWN for snapshot in snapshots)

    if session.run(work):
        raise click.exceptions.Exit(1)


async def _watch(core: Core, show: Callable[[], None]) -> NoReturn:
    """Show what is known at every refresh; each cluster is asked on its own, so that a hung one delays no other."""
    core.prober.begin()
    unknown, all_known = {spec.name for spec in core.fleet.specs}, asyncio.Event()

    async def follow(name: str) -> None:
        async for snapshot in core.fleet.watch(name):
            if snapshot.state is not State.UNKNOWN:
                unknown.discard(name)
            if not unknown:
                all_known.set()

    async with asyncio.TaskGroup() as following:
        for name in tuple(unknown):
            following.create_task(follow(name))
        with suppress(TimeoutError):  # whoever has said nothing by then is unknown on the first table
            await asyncio.wait_for(all_known.wait(), core.fleet.refresh_s)
        while True:
            show()
            await asyncio.sleep(core.fleet.refresh_s)


def _show_status(core: Core, snapshots: Sequence[ClusterSnapshot], glyphs: Glyphs, *, as_json: bool) -> None:
    now = core.clock()
    if as_json:
        write_json(status_document(snapshots, now))
        return
    columns = [column for column in CLUSTER_COLUMNS if column.key != "trend"]
    skipped = [number for number, column in enumerate(CLUSTER_COLUMNS) if column.key == "trend"]
    rows = [cluster_row(snapshot, (), now, core.stale_after_s, glyphs) for snapshot in snapshots]
    cells = [[cell for number, cell in enumerate(row.cells) if number not in skipped] for row in rows]
    click.echo(text_table(columns, cells, glyphs))
    for snapshot in snapshots:
        for line in text_lines(fault_lines(snapshot, now, None, glyphs), glyphs):
            click.echo(line)
    if not snapshots:
        tell("no clusters: raydeck up starts one here, raydeck config example shows how to describe yours")


@click.command()
@click.option("--cluster", multiple=True, help="Only this cluster; may be given again.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@pass_session
def nodes(session: Session, cluster: tuple[str, ...], *, as_json: bool) -> None:
    """Nodes with all figures, their source and age."""

    async def work(core: Core) -> bool:
        names = cluster_names(core, cluster)
        core.fleet.look_at(*names)
        snapshots = await core.fleet.ask(names)
        _show_nodes(core, snapshots, session.glyphs, as_json=as_json)
        return any(snapshot.state in _NOT_KNOWN for snapshot in snapshots)

    if session.run(work):
        raise click.exceptions.Exit(1)


def _show_nodes(core: Core, snapshots: Sequence[ClusterSnapshot], glyphs: Glyphs, *, as_json: bool) -> None:
    now = core.clock()
    if as_json:
        write_json(nodes_document(snapshots, now))
        return
    skipped = [number for number, column in enumerate(NODE_COLUMNS) if column.key == "trend"]
    columns = [column for number, column in enumerate(NODE_COLUMNS) if number not in skipped]
    for snapshot in snapshots:
        click.echo(f"{snapshot.spec.name}:")
        mates = host_mates(snapshot)
        rows = [
            node_row(node, (), now, core.stale_after_s, glyphs, mates.get(node.node_id, ())).cells
            for node in snapshot.nodes
        ]
        cells = [[cell for number, cell in enumerate(row) if number not in skipped] for row in rows]
        click.echo(text_table(columns, cells, glyphs))
        for line in text_lines(fault_lines(snapshot, now, None, glyphs), glyphs):
            click.echo(line)


@click.command()
@click.argument("cluster")
@click.option("--timeout", "timeout_s", type=float, default=300.0, show_default=True, help="Seconds.")
@pass_session
def wait(session: Session, cluster: str, timeout_s: float) -> None:
    """Wait until the cluster is up; exits 124 after the timeout, naming what is wrong."""

    async def work(core: Core) -> None:
        poller = core.fleet.poller(cluster)
        try:
            async with asyncio.timeout(timeout_s):
                async for snapshot in poller.snapshots():
                    if snapshot.state is State.UP:
                        return
                    tell(f"{cluster}: {_why_not(snapshot)}")
        except TimeoutError:
            raise DeadlineError(cluster, f"not up after {timeout_s:g} s: {_why_not(poller.last)}") from None

    session.run(work)


def _why_not(snapshot: ClusterSnapshot) -> str:
    if snapshot.faults:
        return snapshot.faults[0].message
    alive, expected = len(snapshot.alive_nodes), snapshot.spec.expected_nodes
    return f"{snapshot.state}, {alive} of {expected if expected is not None else alive} nodes alive"
