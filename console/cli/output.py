"""``raydeck output``: a job's output, from its route, its log or this machine, as JSON, a table or plots."""

from __future__ import annotations

import os
import shutil
import sys

import click

from console.cli.session import Session, only_cluster, pass_session, tell, write_bytes
from console.errors import NotFoundError, SourceError
from console.model.kept import KeptOutput
from console.model.output import JobOutput
from console.render.glyphs import Glyphs
from console.render.plots import plots_text
from console.render.text_table import text_table
from console.render.values_table import VALUE_COLUMNS, value_rows
from console.services.core import Core
from console.services.job_outputs import output_of
from console.services.jobs import find_job, newest_bundled_job

_ROUTE = "/output"
_PLOT_ROWS = 16
_WIDEST = 160


@click.command()
@click.option("--cluster", help="Of this cluster's newest bundled job.")
@click.option("--id", "job_id", help="Of this job.")
@click.option("--route", default=_ROUTE, show_default=True, help="Another route is called as it is.")
@click.option("--json", "as_json", is_flag=True, help="The document, unchanged.")
@click.option("--plot", "as_plot", is_flag=True, help="Scatter plots of mean against variance.")
@pass_session
def output(
    session: Session, cluster: str | None, job_id: str | None, route: str, *, as_json: bool, as_plot: bool
) -> None:
    """Show what a job computed; from its log when Serve is gone, from this machine when the cluster is."""

    async def work(core: Core) -> bytes | KeptOutput:
        if route != _ROUTE:
            return await _call(core, only_cluster(core, cluster), route)
        return await _kept(core, cluster, job_id)

    core = session.core()
    found = session.run(work)
    if isinstance(found, bytes):
        _write(found)
        return
    tell(f"{found.job} {found.submission_id} on {found.cluster}, from {found.source}")
    if as_json:
        _write(core.shelf.document(found))
    elif as_plot:
        print_plots(core.shelf.parsed(found), session.glyphs)
    else:
        rows = value_rows(core.shelf.parsed(found).summaries, session.glyphs)
        click.echo(text_table(VALUE_COLUMNS, [row.cells for row in rows.values()], session.glyphs))


def print_plots(found: JobOutput, glyphs: Glyphs) -> None:
    """Print the four scatter plots, as wide as the terminal is."""
    columns = min(_WIDEST, shutil.get_terminal_size((80, 24)).columns)
    coloured = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    click.echo(plots_text(found, columns, _PLOT_ROWS, glyphs, coloured=coloured))


async def _call(core: Core, cluster: str, route: str) -> bytes:
    async with core.serving(cluster) as serve:
        if serve is None:
            raise NotFoundError(cluster, "has no serve address", "set `serve` for it in clusters.toml")
        return await serve.get(route)


async def _kept(core: Core, cluster: str | None, job_id: str | None) -> KeptOutput:
    if job_id is not None:
        kept = core.shelf.find(job_id)
        return kept or await output_of(core, await find_job(core.fleet, job_id, cluster))
    try:
        return await output_of(core, await newest_bundled_job(core.fleet, cluster))
    except SourceError:
        kept = next((kept for kept in core.shelf.kept() if cluster in (None, kept.cluster)), None)
        if kept is None:
            raise
        return kept


def _write(document: bytes) -> None:
    """Write a document unchanged to whatever reads it; only a person gets a last newline."""
    write_bytes(document + (b"\n" if sys.stdout.isatty() and not document.endswith(b"\n") else b""))
