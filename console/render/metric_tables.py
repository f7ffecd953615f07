"""Lines over time, scrape targets and events as tables: columns as data, each row from a pure function."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, tzinfo

from console.metrics import METRICS, Unit
from console.model.event import Event
from console.model.metrics import Line, ServerState, Target
from console.render.bars import trend
from console.render.cells import Cell, Column, Pieces, Row, cell
from console.render.figures import age, duration, number, percent, size
from console.render.glyphs import LEVEL_STATES, Glyphs
from console.render.staleness import is_stale

LINE_COLUMNS = (
    Column("metric", "METRIC", 20, right=False, flex=True),
    Column("trend", "TREND", 40, right=False, drop=1),
    Column("now", "LAST", 8),
    Column("min", "LEAST", 8, drop=3),
    Column("mean", "MEAN", 8, drop=2),
    Column("max", "MOST", 8, drop=4),
    Column("source", "SOURCE", 10, right=False, drop=5),
    Column("age", "AGE", 5),
)
TARGET_COLUMNS = (
    Column("state", "", 1, right=False),
    Column("cluster", "CLUSTER", 11, right=False, width_most=24),
    Column("job", "JOB", 24, right=False, drop=2),
    Column("instance", "INSTANCE", 21, right=False),
    Column("every", "EVERY", 6, drop=3),
    Column("took", "TOOK", 7, drop=1),
    Column("age", "AGE", 5),
    Column("error", "ERROR", 30, right=False, flex=True),
)
EVENT_COLUMNS = (
    Column("at", "TIME", 19, right=False),
    Column("level", "", 1, right=False),
    Column("cluster", "CLUSTER", 11, right=False, width_most=24),
    Column("node", "NODE", 15, right=False, drop=1),
    Column("message", "EVENT", 40, right=False, flex=True),
)
_HEALTH_STATES = {"up": ("up", "ok"), "down": ("down", "bad"), "unknown": ("unknown", "dim")}


def line_row(line: Line, now: float, glyphs: Glyphs, columns: int = 40) -> Row:
    """Return the row of one line over time: its course in ``columns`` cells, and what it was in figures."""
    unit = METRICS[line.metric].unit
    known = [value for _, value in line.points if value is not None]
    last_at = next((at for at, value in reversed(line.points) if value is not None), None)
    shown = [figure(value, unit, glyphs) for value in _figures_of(known)]
    name = METRICS[line.metric].title + ("" if line.gpu is None else f" {line.gpu}")
    return Row(
        (
            cell(name),
            Cell(trend(_columns(line, columns), columns, glyphs, top=_top(known, unit))),
            *(cell(text, "", value) for text, value in zip(shown, _figures_of(known), strict=True)),
            cell(line.source, "dim"),
            cell(age(None if last_at is None else max(0.0, now - last_at), glyphs), "dim"),
        )
    )


def target_row(target: Target, now: float, glyphs: Glyphs) -> Row:
    """Return the row of a scrape target; the error is Prometheus' own."""
    state, tone = _HEALTH_STATES[target.health]
    took = "" if target.duration_s is None else f"{1000 * target.duration_s:.0f} ms"
    scraped_s = None if target.scraped_at is None else max(0.0, now - target.scraped_at)
    return Row(
        (
            Cell(((glyphs.state(state), tone),), target.health),
            cell(target.cluster),
            cell(target.job, "dim"),
            cell(target.instance),
            cell("" if target.interval_s is None else duration(target.interval_s, glyphs), "dim", target.interval_s),
            cell(took, "dim", target.duration_s),
            cell(age(scraped_s, glyphs), "dim", scraped_s),
            cell(target.error, "bad" if target.health == "down" else "dim"),
        )
    )


def server_lines(
    servers: Sequence[ServerState], now: float, stale_after_s: float, glyphs: Glyphs
) -> tuple[Pieces, ...]:
    """Return a line per Prometheus: where it is, when it last answered; below it what is wrong and what to do."""
    lines: list[Pieces] = []
    for server in servers:
        age_s = None if server.answered_at is None else max(0.0, now - server.answered_at)
        answered = "has not answered yet" if age_s is None else f"answered {age(age_s, glyphs)} ago"
        tone = "warn" if server.fault is not None or is_stale(age_s, stale_after_s) else "dim"
        named = ((f" prometheus {glyphs.safe(server.name)}", "accent"), (f"  {glyphs.safe(server.url)}  ", "dim"))
        lines.append((*named, (answered, tone)))
        for what, fault in (("", server.fault), ("no targets: ", server.targets_fault)):
            if fault is not None:
                lines.append(((f"   {what}{glyphs.safe(fault.message)}", "warn"),))
                lines += [(("   " + glyphs.safe(fault.hint), "accent"),)] if fault.hint else []
    return tuple(lines)


def event_row(event: Event, zone: tzinfo | None, glyphs: Glyphs) -> Row:
    """Return the row of an event, its time in ``zone``, None for local."""
    at = datetime.fromtimestamp(event.at, zone).strftime("%Y-%m-%d %H:%M:%S")
    return Row(
        (
            cell(at, "dim", event.at),
            Cell(((glyphs.state(LEVEL_STATES[event.level]), event.level),), event.level),
            cell(event.cluster),
            cell(event.node, "dim"),
            cell(event.message),
        )
    )


def figure(value: float | None, unit: Unit, glyphs: Glyphs) -> str:
    """Return a figure with its unit, three digits at most."""
    match unit:
        case "percent":
            return percent(value, glyphs)
        case "bytes":
            return size(value, glyphs)
        case "bytes_per_s":
            return f"{size(value, glyphs)}/s"
        case "watts":
            return f"{number(value, glyphs)} W"
        case "celsius":
            return f"{number(value, glyphs)} C"
        case "cores":
            return number(value, glyphs)


def _figures_of(known: list[float]) -> tuple[float | None, ...]:
    """Return last, least, mean and most."""
    if not known:
        return (None, None, None, None)
    return (known[-1], min(known), sum(known) / len(known), max(known))


def _top(known: list[float], unit: Unit) -> float:
    return 100.0 if unit == "percent" else max(known, default=0.0)


def _columns(line: Line, columns: int) -> list[float | None]:
    """Return the means over equal stretches of the line, None where nothing was measured."""
    if not line.points or columns < 1:
        return []
    start, end = line.points[0][0], line.points[-1][0]
    span_s = (end - start) / columns or 1.0
    sums, counts = [0.0] * columns, [0] * columns
    for at, value in line.points:
        if value is not None:
            column = min(columns - 1, int((at - start) / span_s))
            sums[column] += value
            counts[column] += 1
    return [total / count if count else None for total, count in zip(sums, counts, strict=True)]
