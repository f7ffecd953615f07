"""How deployments do, from Prometheus: requests, errors and latency of the last five minutes, in one query a cluster.

Ray exports a counter of errors only once there was one; a deployment that counts requests and no errors has had none.
"""

from __future__ import annotations

from collections.abc import Mapping

from console.clients.grouping import matchers
from console.clients.promql import KIND, tagged
from console.model.serve import ServeFigures
from console.services.fleet import Fleet

_BY = "application,deployment"
_WINDOW = "5m"
_REQUESTS, _ERRORS = "ray_serve_deployment_request_counter", "ray_serve_deployment_error_counter"
_LATENCY = "ray_serve_deployment_processing_latency_ms_bucket"


def figures_query(series: Mapping[str, str]) -> str:
    """Return the one query for a cluster with these matchers; ``_total`` comes and goes between versions of Ray."""
    scope = matchers(series)
    requests, errors = (_rates(name, scope) for name in (_REQUESTS, _ERRORS))
    buckets = f"sum by (le,{_BY})(rate({_LATENCY}{{{scope}}}[{_WINDOW}]))"
    parts = {
        "requests_per_s": requests,
        "errors_per_s": f"(({errors}) or (({requests})*0))",
        "p50_ms": f"histogram_quantile(0.5,{buckets})",
        "p95_ms": f"histogram_quantile(0.95,{buckets})",
    }
    return " or ".join(tagged(query, kind) for kind, query in parts.items())


def _rates(name: str, scope: str) -> str:
    each = (f"sum by ({_BY})(rate({alias}{{{scope}}}[{_WINDOW}]))" for alias in (f"{name}_total", name))
    return f"({' or '.join(each)})"


async def serve_figures(fleet: Fleet, cluster: str) -> dict[tuple[str, str], ServeFigures]:
    """Return the figures by application and deployment, empty without a Prometheus; raise its SourceError."""
    watch = fleet.metrics.watch_of(cluster) if fleet.metrics is not None else None
    series = next((spec.series for spec in watch.specs if spec.name == cluster), None) if watch is not None else None
    if watch is None or not series:
        return {}
    answer = await watch.client.instant(figures_query(series), "history")
    found: dict[tuple[str, str], dict[str, float | None]] = {}
    for one in answer.series:
        key = (one.labels.get("application", ""), one.labels.get("deployment", ""))
        found.setdefault(key, {})[one.labels.get(KIND, "")] = one.value
    names = ServeFigures.__struct_fields__
    return {key: ServeFigures(**{n: v for n, v in values.items() if n in names}) for key, values in found.items()}
