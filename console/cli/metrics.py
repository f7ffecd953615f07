"""``raydeck metrics``, ``targets`` and ``events``: figures over time, who is scraped, and what happened."""

from __future__ import annotations

import re
import shutil
import time
from datetime import datetime

import click

from console.cli.session import Session, pass_session, say, tell, write_json
from console.errors import NotFoundError, SourceError, UsageError
from console.metrics import METRICS
from console.model.metrics import Line, ServerState
from console.render.glyphs import Glyphs
from console.render.metric_documents import events_document, metrics_document, targets_document
from console.render.metric_tables import (
    EVENT_COLUMNS,
    LINE_COLUMNS,
    TARGET_COLUMNS,
    event_row,
    line_row,
    target_row,
)
from console.render.text_table import text_table
from console.services.core import Core
from console.services.event_log import EventLog
from console.services.ranges import Place, lines_over_time

_UNITS_S = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_LONGEST_S = 31 * 86400.0
_FIGURES_COLUMNS = 70  # cells that a plotted line's name and figures need beside its course


@click.command()
@click.option("--cluster", required=True, help="Whose figures.")
@click.option("--node", help="Only this node: its address, or the beginning of its id.")
@click.option("--range", "span", default="5m", show_default=True, help="How far back: 90s, 5m, 1h, 6h, 24h, 7d.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.option("--plot", "as_plot", is_flag=True, help="The course of each, as wide as the terminal.")
@pass_session
def metrics(session: Session, cluster: str, node: str | None, span: str, *, as_json: bool, as_plot: bool) -> None:
    """Figures of a cluster or a node over time, from Prometheus. Exits 1 when there are none."""
    span_s = span_of(span)
    if as_json and as_plot:
        raise UsageError("--plot", "cannot be combined with --json")

    async def work(core: Core) -> tuple[tuple[Line, ...], SourceError | None]:
        place = await _place(core, cluster, node) if node is not None else None
        end = core.clock()
        lines, error = await lines_over_time(core.fleet, cluster, place, tuple(METRICS), span_s, end)
        if as_json:
            write_json(
                metrics_document(cluster, place.address if place is not None else None, lines, end - span_s, end)
            )
        elif lines:
            _print_lines(lines, end, session.glyphs, wide=as_plot)
        return lines, error

    lines, error = session.run(work)
    if error is not None:
        say(f"raydeck: {error}")
    elif not lines:
        say(f"raydeck: {cluster}: no figures over time (only a Prometheus keeps them: set `prometheus` and `series`)")
    if error is not None or not lines:
        raise click.exceptions.Exit(1)


def _print_lines(lines: tuple[Line, ...], now: float, glyphs: Glyphs, *, wide: bool) -> None:
    columns = max(20, shutil.get_terminal_size((100, 24)).columns - _FIGURES_COLUMNS) if wide else 0
    rows = [line_row(line, now, glyphs, columns).cells for line in lines]
    click.echo(text_table(LINE_COLUMNS, rows, glyphs))


async def _place(core: Core, cluster: str, wanted: str) -> Place:
    """Return a node from its address or the beginning of its id; the dashboard knows both, Prometheus only one."""
    core.fleet.look_at(cluster)  # for what tells the series of several nodes at one address apart
    (snapshot,) = await core.fleet.ask([cluster])
    for node in snapshot.nodes:
        if wanted == node.ip or (len(wanted) >= 4 and node.node_id.startswith(wanted)):
            return Place(node.ip, node.node_id)
    if snapshot.nodes:
        known = ", ".join(dict.fromkeys(node.ip for node in snapshot.nodes))
        raise NotFoundError(wanted, f"is no node of {cluster}", f"known: {known}")
    return Place(wanted)  # the dashboard does not answer, Prometheus may


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@pass_session
def targets(session: Session, *, as_json: bool) -> None:
    """Prometheus' scrape targets of our clusters. Exits 1 when one is not up, or a server does not answer."""

    async def work(core: Core) -> bool:
        watch = core.fleet.metrics
        found = await watch.ask_targets() if watch is not None else ()
        if as_json:
            write_json(targets_document(found, core.clock()))
        elif found:
            rows = [target_row(target, core.clock(), session.glyphs).cells for target in found]
            click.echo(text_table(TARGET_COLUMNS, rows, session.glyphs))
        else:
            tell("no cluster has a Prometheus: set `prometheus` and `series` in clusters.toml")
        silent = [server for server in (watch.servers if watch is not None else ()) if server.targets_fault]
        for server in silent:
            say(f"raydeck: {_untold(server)}")
        return not silent and all(target.health == "up" for target in found)

    if not session.run(work):
        raise click.exceptions.Exit(1)


def _untold(server: ServerState) -> str:
    fault = server.targets_fault
    if fault is None:
        return ""
    return f"prometheus {server.name}: {fault.message}" + (f" ({fault.hint})" if fault.hint else "")


@click.command()
@click.option("--since", help="Not older than this: 10m, 2h, 1d, or a time such as 2026-01-31T14:00.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@pass_session
def events(session: Session, since: str | None, *, as_json: bool) -> None:
    """State changes and threshold crossings that a console has seen, the oldest first."""
    start = float("-inf") if since is None else since_of(since, time.time())
    found = EventLog(session.state).read(start)
    if as_json:
        write_json(events_document(found))
    elif found:
        click.echo(text_table(EVENT_COLUMNS, [event_row(e, None, session.glyphs).cells for e in found], session.glyphs))
    else:
        tell("no events: they are kept while the console, or raydeck status --watch, runs")


def span_of(text: str) -> float:
    """Return a span such as ``5m`` in seconds; raise UsageError."""
    found = re.fullmatch(r"(\d{1,6})([smhd])", text)
    span_s = int(found[1]) * _UNITS_S[found[2]] if found else 0.0
    if not 0 < span_s <= _LONGEST_S:
        raise UsageError("--range", f"expected a span such as 90s, 5m, 6h or 7d, got {text!r}")
    return span_s


def since_of(text: str, now: float) -> float:
    """Return a time, or a span back from ``now``, in Unix seconds; raise UsageError. Without a zone it is local."""
    if re.fullmatch(r"\d{1,6}[smhd]", text):
        return now - span_of(text)
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError, OSError):
        raise UsageError("--since", f"expected 10m, 2h, 1d or an ISO time, got {text!r}") from None
