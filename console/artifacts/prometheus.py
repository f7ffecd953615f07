"""Target ``prometheus``: a stand-alone server on the VM, or wherever its private address is reached, and its alerts.

Jobs are called as the Services in Kubernetes are, so ``series`` of clusters.toml fits both servers; the label
``ray_cluster`` carries the cluster's name besides. Clusters without a tunnel have a Prometheus of their own.
"""

from __future__ import annotations

from console.artifacts.alerts import alert_groups
from console.artifacts.documents import Document, yaml_text
from console.artifacts.topology import Tunnelled, bracketed, private_ip, tunnelled
from console.config import Config
from console.model.portplan import PlannedService

CLUSTER_LABEL = "ray_cluster"
_SCRAPE_INTERVAL_S = 10
_METRICS: tuple[PlannedService, ...] = ("metrics-head", "metrics-worker")


def prometheus_files(config: Config) -> dict[str, str]:
    """Return the files below ``prometheus/``, none without a tunnelled cluster."""
    clusters = tunnelled(config)
    if not clusters:
        return {}
    jobs = [_job(cluster, service) for cluster in clusters for service in _METRICS]
    document = {
        "global": {
            "scrape_interval": f"{_SCRAPE_INTERVAL_S}s",
            "scrape_timeout": f"{_SCRAPE_INTERVAL_S}s",
            "evaluation_interval": f"{_SCRAPE_INTERVAL_S}s",
        },
        "rule_files": ["alerts.yml"],
        "scrape_configs": jobs,
    }
    return {
        "prometheus/prometheus.yml": yaml_text([document]),
        "prometheus/alerts.yml": yaml_text([{"groups": alert_groups(CLUSTER_LABEL)}]),
    }


def _job(cluster: Tunnelled, service: PlannedService) -> Document:
    target = f"{bracketed(private_ip(cluster.gate))}:{cluster.plan.port(service)}"
    return {
        "job_name": cluster.plan.service_name(service),
        "static_configs": [{"targets": [target], "labels": {CLUSTER_LABEL: cluster.name}}],
    }
