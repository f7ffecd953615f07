"""``raydeck tunnel up``, ``down`` and ``status``: forwards that raydeck keeps open."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Sequence

import click

from console.cli.session import Session, pass_session, say, tell, write_json
from console.config import Config
from console.errors import RaydeckError, ReadOnlyError, UsageError
from console.model.forward import KeptTunnel
from console.render.text_table import text_table
from console.render.tunnel_documents import tunnels_document
from console.render.tunnel_texts import TUNNEL_COLUMNS, report_lines, tunnel_cells
from console.services.core import Core
from console.services.forwards.control import BackgroundSupervisor
from console.services.forwards.forwards import Forwards
from console.services.forwards.plans import TunnelPlan, tunnel_plans
from console.services.forwards.record import read_records
from console.services.forwards.survey import SeenTunnel, survey

_TRIED_WITHIN_S = 15.0
_MAY_COME_UP = frozenset({"up", "waiting", "connecting"})

_clusters = click.argument("clusters", nargs=-1, metavar="[CLUSTER]...")
_reverse = click.option("--reverse", multiple=True, metavar="CLUSTER", help="From the VM to this computer's cluster.")


@click.group()
def tunnel() -> None:
    """Keep forwards open with ssh: those of all clusters with reach = "forward", or of those that are named."""


@tunnel.command()
@_clusters
@_reverse
@click.option("--background", is_flag=True, help="Leave it to a supervisor that `tunnel down` ends.")
@pass_session
def up(session: Session, clusters: tuple[str, ...], reverse: tuple[str, ...], *, background: bool) -> None:
    """Open forwards and keep them open, in the foreground unless --background is given."""
    plans = tunnel_plans(_changeable(session, "tunnel up"), clusters, reverse)
    if not plans:
        raise UsageError("tunnel up", 'no cluster has reach = "forward"', "or, on its own computer: --reverse CLUSTER")
    asyncio.run((_up_in_background if background else _up_here)(session, plans))


async def _up_here(session: Session, plans: Sequence[TunnelPlan]) -> None:
    """Keep them open until asked to end, or until none of them can come up."""
    core, changed, asked_to_end = session.core(), asyncio.Event(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, asked_to_end.set)
    forwards = Forwards(session.state, session.environ, role="foreground")
    printer = _Printer(core, session)

    def heard(tunnel: KeptTunnel) -> None:
        printer.show(tunnel)
        changed.set()

    forwards.listen(heard)
    ending = asyncio.create_task(asked_to_end.wait())
    try:
        await forwards.up(plans)
        while not ending.done() and any(tunnel.state in _MAY_COME_UP for tunnel in forwards.tunnels):
            changed.clear()
            hearing = asyncio.create_task(changed.wait())
            await asyncio.wait({ending, hearing}, return_when=asyncio.FIRST_COMPLETED)
            hearing.cancel()
        if not ending.done():
            _raise_first([tunnel for tunnel in forwards.tunnels if tunnel.state not in _MAY_COME_UP])
    finally:
        ending.cancel()
        await forwards.close()


class _Printer:
    """Prints each state of a tunnel once; a rest's end is no news."""

    def __init__(self, core: Core, session: Session) -> None:
        self._core, self._session = core, session
        self._last: dict[str, list[str]] = {}

    def show(self, tunnel: KeptTunnel) -> None:
        """Print what is new about a tunnel."""
        lines = report_lines(tunnel, self._core.clock(), self._session.glyphs)
        if tunnel.state == "waiting" and tunnel.retry_at is None:
            return
        if self._last.get(tunnel.key) != lines:
            self._last[tunnel.key] = lines
            click.echo("\n".join(lines))


async def _up_in_background(session: Session, plans: Sequence[TunnelPlan]) -> None:
    supervisor = BackgroundSupervisor(session.state, session.environ)
    tunnels = await supervisor.up(plans, _TRIED_WITHIN_S)
    record = await supervisor.record()
    for each in tunnels:
        click.echo("\n".join(report_lines(each, session.core().clock(), session.glyphs)))
    tell(
        ""
        if record is None
        else f"kept open in the background by pid {record.process.pid}; raydeck tunnel down ends it"
    )
    _raise_first([each for each in tunnels if each.state != "up"])


def _raise_first(bad: Sequence[KeptTunnel]) -> None:
    for each in bad[1:]:
        say(f"raydeck: {RaydeckError(each.cluster, each.reason or each.state, each.hint)}")
    if bad:
        raise RaydeckError(bad[0].cluster, bad[0].reason or bad[0].state, bad[0].hint)


@tunnel.command()
@_clusters
@_reverse
@pass_session
def down(session: Session, clusters: tuple[str, ...], reverse: tuple[str, ...]) -> None:
    """Close what is kept open in the background: all of it, or what is named."""
    config = _changeable(session, "tunnel down")
    asyncio.run(_down(session, config, clusters, reverse))


async def _down(session: Session, config: Config, clusters: Sequence[str], reverse: Sequence[str]) -> None:
    supervisor = BackgroundSupervisor(session.state, session.environ)
    wanted = {plan.key for plan in tunnel_plans(config, clusters, reverse)} if clusters or reverse else None
    closed = await supervisor.down(wanted)
    for key in closed:
        say(f"{key}: closed")
    for other in read_records(session.state):
        for each in other.tunnels:
            if other.role != "background" and (wanted is None or each.key in wanted):
                say(f"{each.key}: belongs to the {_ROLES[other.role]} with pid {other.process.pid} and ends with it")
    if not closed:
        say("nothing of it is kept open in the background")


_ROLES = {"console": "console", "foreground": "raydeck tunnel up", "background": "background"}


@tunnel.command()
@_clusters
@_reverse
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@pass_session
def status(session: Session, clusters: tuple[str, ...], reverse: tuple[str, ...], *, as_json: bool) -> None:
    """How the forwards stand, whoever keeps them open. Exits 1 when one is not up."""
    core = session.core()
    plans = tunnel_plans(core.load().config, clusters, reverse)
    seen = asyncio.run(survey(plans, session.state, session.environ, others=not (clusters or reverse)))
    if as_json:
        write_json(tunnels_document([(each.tunnel, each.role, each.pid) for each in seen]))
    elif seen:
        now, glyphs = core.clock(), session.glyphs
        rows = [tunnel_cells(each.tunnel, _kept_by(each), now, glyphs) for each in seen]
        click.echo(text_table(TUNNEL_COLUMNS, rows, glyphs))
        for hint in dict.fromkeys(each.tunnel.hint for each in seen if each.tunnel.hint):
            click.echo(glyphs.safe(f"  {hint}"))
    else:
        tell('no cluster has reach = "forward", and nothing is kept open')
    if any(each.tunnel.state != "up" for each in seen):
        raise click.exceptions.Exit(1)


def _kept_by(seen: SeenTunnel) -> str:
    return "" if seen.role is None else f"{_ROLES[seen.role]} (pid {seen.pid})"


def _changeable(session: Session, what: str) -> Config:
    """Return the configuration; raise ReadOnlyError where it, or the option, forbids changes."""
    core = session.core()
    config = core.load().config
    if core.read_only:
        raise ReadOnlyError(what)
    return config
