"""The serve table: per cluster its applications, under each its deployments and routes. All texts come from outside."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import Struct

from console.model.serve import Application, Deployment, Route, ServeFigures, ServeState
from console.render.cells import BLANK, Cell, Column, Row, cell, unknown
from console.render.figures import number
from console.render.glyphs import Glyphs

SERVE_COLUMNS = (
    Column("state", "", 1, right=False),
    Column("cluster", "CLUSTER", 11, right=False),
    Column("what", "APPLICATION, DEPLOYMENT, ROUTE", 30, right=False, flex=True, width_most=44),
    Column("status", "STATUS", 13, right=False, drop=3),
    Column("replicas", "REPLICAS", 8, drop=2),
    Column("rate", "REQ/S", 6),
    Column("errors", "ERR/S", 6),
    Column("p50", "P50 MS", 6, drop=5),
    Column("p95", "P95 MS", 6, drop=1),
    Column("message", "MESSAGE", 16, right=False, flex=True, width_most=100, drop=4),
)
_LONGEST = 300
_GOOD = {"RUNNING", "HEALTHY"}
_BAD = {"DEPLOY_FAILED", "UNHEALTHY", "NOT_STARTED"}


class Place(Struct, frozen=True):
    """What a row stands for: where a call from it would go; ``route`` is None where nothing can be called."""

    cluster: str
    route: Route | None = None


def serve_rows(states: Iterable[ServeState], glyphs: Glyphs) -> dict[str, tuple[Place, Row]]:
    """Return the rows by key, with what each stands for, in the order of the clusters."""
    rows: dict[str, tuple[Place, Row]] = {}
    for state in states:
        rows.update(_cluster_rows(state, glyphs))
    return rows


def _cluster_rows(state: ServeState, glyphs: Glyphs) -> Iterator[tuple[str, tuple[Place, Row]]]:
    place, figures = Place(state.cluster), _Figures(state, glyphs)
    if not state.applications:
        sign, tone = (glyphs.unknown, "warn") if state.trouble else (glyphs.unreached, "dim")
        nothing = "nothing is served" if state.asked else "asking"
        words = cell(state.trouble or nothing, "bad" if state.trouble else "dim")
        cells = (Cell(((sign, tone),), sign), cell(state.cluster), words, *[BLANK] * 7)
        yield state.cluster, (place, Row(cells))
    for name, app in state.applications.items():
        key = f"{state.cluster}/{name}"
        routes = state.routes.get(name, ())
        first = routes[0] if routes else Route("GET", app.route_prefix) if app.route_prefix is not None else None
        yield key, (Place(state.cluster, first), Row(_application(state.cluster, name, app, figures, glyphs)))
        for deployment in app.deployments.values():
            row = Row(_deployment(state.cluster, name, deployment, figures, glyphs))
            yield f"{key}#{deployment.name}", (Place(state.cluster, first), row)
        for route in routes:
            row = Row(_route(state.cluster, route, glyphs))
            yield f"{key} {route.method} {route.path}", (Place(state.cluster, route), row)


class _Figures:
    """The cells of figures; all are unknown where no Prometheus tells them."""

    def __init__(self, state: ServeState, glyphs: Glyphs) -> None:
        self._figures, self._glyphs = state.figures, glyphs
        self.trouble = state.figures_trouble

    def of(self, application: str, deployment: str) -> tuple[Cell, ...]:
        found = self._figures.get((application, deployment), ServeFigures())
        values = (found.requests_per_s, found.errors_per_s, found.p50_ms, found.p95_ms)
        cells = [self._cell(value) for value in values]
        if found.errors_per_s:
            cells[1] = cell(f"{number(found.errors_per_s, self._glyphs)} !", "bad", found.errors_per_s)
        return tuple(cells)

    def _cell(self, value: float | None) -> Cell:
        return unknown(self._glyphs) if value is None else cell(number(value, self._glyphs), "", value)


def _application(cluster: str, name: str, app: Application, figures: _Figures, glyphs: Glyphs) -> tuple[Cell, ...]:
    running = sum(deployment.running for deployment in app.deployments.values())
    targets = [deployment.target_num_replicas for deployment in app.deployments.values()]
    target = None if None in targets else sum(each or 0 for each in targets)
    return (
        _sign(app.status, glyphs),
        cell(cluster),
        Cell(((name[:_LONGEST], "accent"), (f"  {(app.route_prefix or '')[:_LONGEST]}", "dim")), name.casefold()),
        cell(app.status.lower(), _tone(app.status)),
        _replicas(running, target, glyphs),
        *[BLANK] * 4,
        cell((app.message or figures.trouble)[:_LONGEST], "dim"),
    )


def _deployment(
    cluster: str, application: str, deployment: Deployment, figures: _Figures, glyphs: Glyphs
) -> tuple[Cell, ...]:
    return (
        _sign(deployment.status, glyphs),
        cell(cluster, "dim"),
        cell(f"  {deployment.name[:_LONGEST]}"),
        cell(deployment.status.lower(), _tone(deployment.status)),
        _replicas(deployment.running, deployment.target_num_replicas, glyphs),
        *figures.of(application, deployment.name),
        cell((deployment.message or _replica_words(deployment))[:_LONGEST], "dim"),
    )


def _route(cluster: str, route: Route, glyphs: Glyphs) -> tuple[Cell, ...]:
    words = Cell(((f"  {glyphs.pointer} {route.method:<5}", "dim"), (route.path[:_LONGEST], "")), route.path)
    return (BLANK, cell(cluster, "dim"), words, *[BLANK] * 7)


def _replicas(running: int, target: int | None, glyphs: Glyphs) -> Cell:
    wanted = glyphs.dash if target is None else str(target)
    return cell(f"{running}/{wanted}", "" if target is None or running >= target else "warn", float(running))


def _replica_words(deployment: Deployment) -> str:
    """Return where the replicas are, and in which state those that do not run."""
    return ", ".join(
        f"{replica.node_ip or '?'}" + ("" if replica.state == "RUNNING" else f" {replica.state.lower()}")
        for replica in deployment.replicas[:4]
    )


def _tone(status: str) -> str:
    return "ok" if status in _GOOD else "bad" if status in _BAD else "warn"


def _sign(status: str, glyphs: Glyphs) -> Cell:
    sign = glyphs.up if status in _GOOD else glyphs.down if status in _BAD else glyphs.degraded
    return Cell(((sign, _tone(status)),), status, fresh=True)
