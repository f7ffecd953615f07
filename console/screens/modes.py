"""The modes: each has one screen, imported when it is gone to first, so that the start pays for its own alone."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from textual.screen import Screen

from console import screens
from console.screens.clusters import ClustersScreen


def _jobs() -> Screen[None]:
    from console.screens.jobs import JobsScreen

    return JobsScreen()


def _tunnels() -> Screen[None]:
    from console.screens.tunnels import TunnelsScreen

    return TunnelsScreen()


def _metrics() -> Screen[None]:
    from console.screens.metrics import MetricsScreen

    return MetricsScreen()


def _serve() -> Screen[None]:
    from console.screens.serve import ServeScreen

    return ServeScreen()


def _results() -> Screen[None]:
    from console.screens.results import ResultsScreen

    return ResultsScreen()


MODES: dict[str, str | Callable[[], Screen[Any]]] = {
    "clusters": ClustersScreen,
    "jobs": _jobs,
    "tunnels": _tunnels,
    "metrics": _metrics,
    "serve": _serve,
    "results": _results,
}


def import_all() -> None:
    """Import every screen, for a thread beside the running console: then no key waits for it."""
    for module in iter_modules(screens.__path__):
        import_module(f"{screens.__name__}.{module.name}")
