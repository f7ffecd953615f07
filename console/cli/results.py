"""``raydeck results``: the outputs that are kept on this machine, and ``results export`` for other programs."""

from __future__ import annotations

from pathlib import Path

import click

from console.cli.session import Session, pass_session, tell, write_json
from console.errors import NotFoundError
from console.render.documents import results_document
from console.render.exports import exported
from console.render.results_table import RESULT_COLUMNS, kept_row, spoilt_row
from console.render.text_table import text_table
from console.services.core import Core
from console.services.files import write_file


@click.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.pass_context
def results(ctx: click.Context, *, as_json: bool) -> None:
    """Kept outputs, the newest first, and what was kept aside because it is none."""
    session = ctx.find_object(Session)
    if ctx.invoked_subcommand is not None or session is None:
        return
    core = session.core()
    core.load()
    kept, spoilt = core.shelf.kept(), core.shelf.spoilt()
    if as_json:
        write_json(results_document(kept, spoilt, core.shelf))
    elif kept or spoilt:
        _print(core, session)
    else:
        tell("no results yet: the output of a bundled job is kept as soon as it is ready")


def _print(core: Core, session: Session) -> None:
    now, glyphs = core.clock(), session.glyphs
    defaults = {name: bundle.defaults() for name, bundle in core.bundles().items()}
    rows = [spoilt_row(each, now, None, glyphs) for each in core.shelf.spoilt()]
    rows += [kept_row(each, defaults.get(each.job), now, None, glyphs) for each in core.shelf.kept()]
    click.echo(text_table(RESULT_COLUMNS, [row.cells for row in rows], glyphs))


@results.command()
@click.argument("job_id", metavar="ID")
@click.option("--to", "path", required=True, type=click.Path(path_type=Path), help="FILE.csv, FILE.json or FILE.svg.")
@pass_session
def export(session: Session, job_id: str, path: Path) -> None:
    """Write a kept output to a file, in the form that its extension names."""
    core = session.core()
    core.load()
    kept = core.shelf.find(job_id)
    if kept is None:
        raise NotFoundError(job_id, "no output of it is kept", f"raydeck output --id {job_id} fetches it")
    path = session.cwd / path
    write_file(path, exported(core.shelf.document(kept), path, kept))
    tell(f"written to {path}")
