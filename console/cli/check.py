"""``raydeck check``: walk every hop of every path once, name the first broken one and what mends it."""

from __future__ import annotations

import shutil
import time

import click

from console.cli.session import Session, cluster_names, pass_session, tell, write_json
from console.model.check import ClusterChecks, Outcome
from console.render.check_document import check_document
from console.render.glyphs import Glyphs
from console.render.ladder_lines import cluster_lines
from console.render.text_table import text_lines
from console.services.core import Core

_MOST_COLUMNS = 120


@click.command()
@click.argument("cluster", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@pass_session
def check(session: Session, cluster: tuple[str, ...], *, as_json: bool) -> None:
    """Walk every hop of every path. Exits 1 when one is broken, or a dashboard's could not be walked to its end."""

    async def work(core: Core) -> tuple[ClusterChecks, ...]:
        names = cluster_names(core, cluster)
        tell(f"walking {len(names)} {'path' if len(names) == 1 else 'paths'}")
        return await core.check(names)

    found = session.run(work)
    if as_json:
        write_json(check_document(found))
    else:
        _show(found, session.glyphs, full=bool(cluster))
    if any(is_bad(checks) for checks in found):
        raise click.exceptions.Exit(1)


def is_bad(checks: ClusterChecks) -> bool:
    """Return whether something is broken, or whether the dashboard's bytes were not seen."""
    dashboard = checks.ladder("dashboard")
    return checks.broken is not None or dashboard is None or dashboard.outcome is not Outcome.OK


def _show(found: tuple[ClusterChecks, ...], glyphs: Glyphs, *, full: bool) -> None:
    width = min(_MOST_COLUMNS, shutil.get_terminal_size((100, 24)).columns)
    for number, checks in enumerate(found):
        lines = cluster_lines(checks, width, glyphs, now=time.time(), full=full)
        click.echo("\n".join([*([""] if number else []), *text_lines(lines, glyphs)]))
    if not found:
        tell("no clusters: raydeck up starts one here, raydeck config example shows how to describe yours")
