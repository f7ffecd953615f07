"""``raydeck serve`` and ``raydeck call``: what is served where and how it does, and one call of a route."""

from __future__ import annotations

import sys
from http import HTTPStatus

import click

from console.cli.session import Session, cluster_names, pass_session, say, write_bytes, write_json
from console.clients.http import Reply
from console.model.serve import ServeState
from console.render.answers import pretty_body, status_line
from console.render.documents import serve_document
from console.render.serve_table import SERVE_COLUMNS, serve_rows
from console.render.text_table import text_lines, text_table
from console.services.call import RouteCall, call_route, checked_data, header_of
from console.services.core import Core
from console.services.serve_state import METHODS, ask_serve


@click.command()
@click.option("--cluster", multiple=True, help="Only this cluster; may be given again.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@pass_session
def serve(session: Session, cluster: tuple[str, ...], *, as_json: bool) -> None:
    """Applications, deployments, replicas and routes. Exits 1 when a cluster did not say."""

    async def work(core: Core) -> tuple[ServeState, ...]:
        return await ask_serve(core, cluster_names(core, cluster))

    states = session.run(work)
    if as_json:
        write_json(serve_document(states))
    else:
        rows = [row.cells for _, row in serve_rows(states, session.glyphs).values()]
        click.echo(text_table(SERVE_COLUMNS, rows, session.glyphs))
    silent = [state for state in states if state.trouble]
    for state in silent:
        say(f"raydeck: {state.cluster}: {state.trouble}")
    if silent:
        raise click.exceptions.Exit(1)


@click.command()
@click.argument("method", type=click.Choice(METHODS, case_sensitive=False))
@click.argument("route", metavar="URL-OR-ROUTE")
@click.option("--cluster", required=True, help="Through this cluster's own reach.")
@click.option("--data", default="", help="A JSON body.")
@click.option("--header", "headers", multiple=True, metavar="K=V", help="V may be env:NAME or file:PATH.")
@pass_session
def call(session: Session, method: str, route: str, cluster: str, data: str, headers: tuple[str, ...]) -> None:
    """Call a route: the body on standard output, status and time on standard error. Exits 1 from HTTP 400 on."""
    wanted = RouteCall(method.upper(), route, checked_data(data), tuple(header_of(each) for each in headers))

    async def work(core: Core) -> Reply:
        return await call_route(core, cluster, wanted)

    reply = session.run(work)
    line = status_line(reply.http_status, reply.seconds, len(reply.body), reply.content_type, session.glyphs)
    say(text_lines([line], session.glyphs)[0].strip())
    if sys.stdout.isatty():
        lines, left_out = pretty_body(reply.body, reply.content_type)
        click.echo("\n".join(session.glyphs.safe(line) for line in lines))
        if left_out:
            say(f"raydeck: shown: {left_out}")
    else:
        write_bytes(reply.body)
    if reply.http_status >= HTTPStatus.BAD_REQUEST:
        raise click.exceptions.Exit(1)
