"""``raydeck up``, ``down`` and ``demo``: clusters on this machine."""

from __future__ import annotations

import asyncio

import click

from console.cli.session import Session, pass_session, say
from console.errors import ReadOnlyError
from console.services.embedded.registry import EmbeddedCluster
from console.services.embedded.starter import DEFAULT_CPUS, Starter
from console.services.embedded.starter import up as start_clusters
from console.services.embedded.takedown import down as take_down_clusters

_MOST_CLUSTERS = 8


@click.command()
@click.option("--clusters", type=click.IntRange(1, _MOST_CLUSTERS), default=1, show_default=True)
@click.option("--cpus", type=click.IntRange(1), default=DEFAULT_CPUS, show_default=True, help="Logical CPUs of each.")
@pass_session
def up(session: Session, clusters: int, cpus: int) -> None:
    """Start embedded Ray clusters, and say what listens where. Twice is harmless."""
    _refuse_if_read_only(session, "up")
    for cluster in asyncio.run(start_clusters(session.state, clusters, cpus, say)):
        click.echo(_described(cluster))


def _described(cluster: EmbeddedCluster) -> str:
    lines = [f"  {word:<10} {address}" for word, address in cluster.listening()]
    return "\n".join([cluster.name + (" (ran already)" if cluster.found else ""), *lines])


@click.command()
@pass_session
def down(session: Session) -> None:
    """End the clusters that `raydeck up` started, and nothing else."""
    _refuse_if_read_only(session, "down")
    asyncio.run(take_down_clusters(session.state, say))


@click.command()
@click.option("--headless", is_flag=True, help="Without a terminal: submit, follow, print the plots, exit.")
@pass_session
def demo(session: Session, *, headless: bool) -> None:
    """Start a cluster, open the console on it, and take it down at the end."""
    _refuse_if_read_only(session, "demo")
    asyncio.run(_demo(session, headless=headless))


async def _demo(session: Session, *, headless: bool) -> None:
    starting: list[str] = []
    progress = say if headless else starting.append
    async with Starter(session.state, progress, keep=False, environ=session.environ) as starter:
        if headless:
            from console.cli.headless import run_headless  # noqa: PLC0415 -- each kind of demo pays for itself

            (cluster, *_) = await starter.up(1, DEFAULT_CPUS)
            await run_headless(session, cluster.name)
            return
        from console.cli.screen import run_console  # noqa: PLC0415 -- each kind of demo pays for itself

        await run_console(session, beside=lambda: starter.up(1, DEFAULT_CPUS))
        say("taking the demo's cluster down")


def _refuse_if_read_only(session: Session, what: str) -> None:
    """Refuse by the option and by the configuration; a broken file is reported before anything is started."""
    core = session.core()
    core.load()
    if core.read_only:
        raise ReadOnlyError(what)
