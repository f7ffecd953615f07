"""The JSON documents of ``raydeck metrics``, ``targets`` and ``events``. What is not known is null, never 0."""

from __future__ import annotations

from collections.abc import Iterable

from console.metrics import METRICS
from console.model.event import Event
from console.model.metrics import Line, Target
from console.render.documents import Document, iso_utc


def metrics_document(cluster: str, node: str | None, lines: Iterable[Line], start: float, end: float) -> Document:
    """Return the document of ``raydeck metrics --json``; a point is [Unix seconds, value]."""
    return {
        "cluster": cluster,
        "node": node,
        "start": iso_utc(start),
        "end": iso_utc(end),
        "lines": [
            {
                "metric": line.metric,
                "unit": METRICS[line.metric].unit,
                "gpu": line.gpu,
                "source": line.source,
                "points": line.points,
            }
            for line in lines
        ],
    }


def targets_document(targets: Iterable[Target], taken_at: float) -> Document:
    """Return the document of ``raydeck targets --json``."""
    return {
        "taken_at": iso_utc(taken_at),
        "targets": [
            {
                "cluster": target.cluster,
                "prometheus": target.server,
                "job": target.job or None,
                "instance": target.instance or None,
                "state": target.health,
                "error": target.error or None,
                "age_s": None if target.scraped_at is None else round(max(0.0, taken_at - target.scraped_at), 3),
                "duration_s": target.duration_s,
                "interval_s": target.interval_s,
            }
            for target in targets
        ],
    }


def events_document(events: Iterable[Event]) -> Document:
    """Return the document of ``raydeck events --json``, the oldest event first."""
    return {
        "events": [
            {
                "at": iso_utc(event.at),
                "cluster": event.cluster,
                "node": event.node or None,
                "kind": event.kind,
                "subject": event.subject,
                "level": event.level,
                "message": event.message,
            }
            for event in events
        ]
    }
