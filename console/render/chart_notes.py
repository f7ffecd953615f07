"""What stands around the charts of metrics mode: whose figures, of which time, and what is missing and why."""

from __future__ import annotations

from datetime import datetime
from textwrap import wrap

from console.errors import RaydeckError
from console.model.cluster import ClusterSnapshot, Node, State
from console.render.cells import Pieces
from console.render.fault_lines import fault_lines
from console.render.glyphs import Glyphs
from console.render.line_chart import Span
from console.render.nodes_table import node_name

HOW_TO_ADD = 'add one: [prometheus.NAME] url = "…", prometheus = "NAME" in clusters.toml'
_ADD_ASCII = HOW_TO_ADD.replace("…", "...")


def chart_title(
    cluster: str, node: Node | None, span_name: str, span: Span | None, pages: str, glyphs: Glyphs
) -> Pieces:  # fmt: skip
    """Return `` local-1 172.29.0.15 head   last 5 m   13:58 to 14:03 EET``; without a span it is being asked for."""
    pieces: list[tuple[str, str]] = [(f" {cluster}", "accent")]
    if node is not None:
        pieces += [(f" {node_name(node)}", ""), (f" {node.role}", "dim")]
    pieces.append((f"   last {span_name[:-1]} {span_name[-1]}", ""))
    if span is None:
        pieces.append((f"   asking {glyphs.ellipsis}", "dim"))
    else:
        pieces.append((f"   {_times(span)}", "dim"))
    if pages:
        pieces.append((f"   charts {pages}", "dim"))
    return tuple(pieces)


def _times(span: Span) -> str:
    start, end = (datetime.fromtimestamp(at, span.zone).astimezone(span.zone) for at in (span.start, span.end))
    day = "%d %b " if start.date() != end.date() else ""
    return f"{start.strftime(f'{day}%H:%M')} to {end.strftime(f'{day}%H:%M %Z')}"


def chart_notes(
    snapshot: ClusterSnapshot, error: RaydeckError | None, gone: tuple[str, ...], span: Span, width: int, glyphs: Glyphs
) -> tuple[Pieces, ...]:  # fmt: skip
    """Return what is to be said: why Prometheus told nothing, how to have one, what no source tells."""
    name, lines = snapshot.spec.name, list[Pieces]()
    if error is not None:
        words = f"{error.where}: {error.what}; this is what raydeck has seen"
        lines += [((f" {text}", "warn"),) for text in _wrapped(words, width, glyphs)]
        lines += [((f" {text}", "accent"),) for text in _wrapped(error.hint, width, glyphs)]
    elif snapshot.spec.prometheus is None:
        words = f"{name} has no Prometheus: this is what raydeck has seen, a day at most"
        lines += [((f" {text}", "dim"),) for text in _wrapped(words, width, glyphs)]
        lines.append(((f" {_ADD_ASCII if glyphs.ascii_only else HOW_TO_ADD}", "accent"),))
    elif gone:
        lines.append(((f" told by no source: {', '.join(gone)}", "dim"),))
    if snapshot.state is State.DOWN:
        lines += fault_lines(snapshot, span.end, span.zone, glyphs, width)[:1]
    return tuple(lines)


def _wrapped(text: str, width: int, glyphs: Glyphs) -> list[str]:
    return wrap(glyphs.safe(text), max(20, width - 2), max_lines=2, placeholder=f" {glyphs.ellipsis}")
