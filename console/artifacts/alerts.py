"""The alert rules: what is wrong with a cluster, as Prometheus sees it, each with what to do about it."""

from __future__ import annotations

from console.artifacts.documents import Document

_GPU_FULL_PERCENT = 95
_STALE_AFTER_S = 60
_LOOKED_BACK_S = 3600
_FIGURE = "ray_node_mem_used"  # every version of Ray writes it for every node


def alert_groups(label: str) -> list[Document]:
    """Return the rule groups; ``label`` is the label that holds the cluster's name."""
    up = f'up{{{label}!=""}}'
    best = f"max by ({label}) ({up})"
    used, free = (f'ray_node_gram_{part}{{{label}!=""}}' for part in ("used", "available"))
    newest = _newest_figure(label)
    # Where it finds none, figures are older than it looks back, or there never were any.
    never = f"{best} * 0 + {_LOOKED_BACK_S} unless on ({label}) {newest}"
    rules = [
        _rule(
            "RayNodeGone",
            f"{up} == 0 and on ({label}) {best} == 1",
            "1m",
            f"A node of {{{{ $labels.{label} }}}} does not answer: {{{{ $labels.job }}}}",
            "The tunnel stands, as another node answers. Look at the container or process of this node.",
        ),
        _rule(
            "RayScrapeDown",
            f"{best} == 0",
            "1m",
            f"No node of {{{{ $labels.{label} }}}} answers",
            f"raydeck check {{{{ $labels.{label} }}}} names the hop that is broken; mostly it is the tunnel.",
        ),
        _rule(
            "RayGpuMemoryFull",
            f"{used} / ({used} + {free}) * 100 > {_GPU_FULL_PERCENT}",
            "5m",
            f"GPU {{{{ $labels.GpuIndex }}}} of {{{{ $labels.{label} }}}} is full",
            "Its memory is used up to {{ $value | humanize }} %; the next allocation may end a job.",
        ),
        _rule(
            "RayClusterStale",
            f"time() - {newest} > {_STALE_AFTER_S} or on ({label}) ({never})",
            "1m",
            f"Figures of {{{{ $labels.{label} }}}} are old",
            f"{{{{ if ge $value {_LOOKED_BACK_S}.0 }}}}There are none of the last hour{{{{ else }}}}The newest is "
            "{{ $value | humanizeDuration }} old{{ end }}: what dashboards show is not the present.",
        ),
    ]
    return [{"name": "raydeck", "rules": rules}]


def _newest_figure(label: str) -> str:
    """Return when a cluster's figures were last seen: after a failed scrape a series ends, so its past is asked for."""
    return f'max by ({label}) (max_over_time(timestamp({_FIGURE}{{{label}!=""}})[{_LOOKED_BACK_S}s:10s]))'


def _rule(name: str, expression: str, lasting: str, summary: str, description: str) -> Document:
    return {
        "alert": name,
        "expr": expression,
        "for": lasting,
        "labels": {"severity": "warning"},
        "annotations": {"summary": summary, "description": description},
    }
