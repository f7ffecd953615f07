"""Target ``kuberay``: a cloud cluster as values of the chart ``ray-cluster`` and as a RayCluster of its own.

Both describe the same cluster: a head and one to two workers, with the ports that the rest of the topology counts on.
KubeRay copies the head container's ports to the head Service, so all of them are listed.
"""

from __future__ import annotations

from msgspec import Struct

from console.artifacts.documents import Document, yaml_text
from console.artifacts.images import CPUS_PER_NODE, RAY_VERSION, REPOSITORY, VARIANTS, Variant, tag
from console.artifacts.ports import GCS_PORT, METRICS_HEAD_PORT, METRICS_WORKER_PORT
from console.artifacts.topology import KubeRayCluster, kuberay_clusters
from console.config import Config
from console.model.cluster import CLIENT_PORT, DASHBOARD_PORT, KUBERAY_SERVE_PORT

CHART_VERSION = "1.0.0"
_GROUP, _REPLICAS, _MIN_REPLICAS, _MAX_REPLICAS = "worker", 1, 1, 2
_MEMORY = "30G"
_GPU_RESOURCE = "nvshare.com/gpu"
_HEAD_PORTS = {
    "gcs": GCS_PORT,
    "dashboard": DASHBOARD_PORT,
    "client": CLIENT_PORT,
    "metrics": METRICS_HEAD_PORT,
    "serve": KUBERAY_SERVE_PORT,
}
_WORKER_PORTS = {"metrics": METRICS_WORKER_PORT, "serve": KUBERAY_SERVE_PORT}


class _NodeKind(Struct, frozen=True):
    """What head and worker pods differ in."""

    start: dict[str, str]
    ports: dict[str, int]

    @property
    def annotations(self) -> dict[str, str]:
        """Return the annotations by which a Prometheus without its operator finds the pod."""
        return {"prometheus.io/scrape": "true", "prometheus.io/port": str(self.ports["metrics"])}

    @property
    def container_ports(self) -> list[Document]:
        """Return the container's ports; the one called ``metrics`` is what the PodMonitor asks for."""
        return [{"containerPort": port, "name": name} for name, port in self.ports.items()]


_HEAD = _NodeKind({"dashboard-host": "0.0.0.0", "metrics-export-port": str(METRICS_HEAD_PORT)}, _HEAD_PORTS)  # noqa: S104 -- the pod's own network
_WORKER = _NodeKind({"metrics-export-port": str(METRICS_WORKER_PORT)}, _WORKER_PORTS)


def kuberay_files(config: Config) -> dict[str, str]:
    """Return the files below ``kuberay/``, one folder a cloud cluster."""
    files = {}
    for cluster in kuberay_clusters(config):
        folder = f"kuberay/{cluster.name}"
        for variant in VARIANTS:
            files[f"{folder}/{variant}-kuberay-cluster-values.yaml"] = _values(cluster, variant)
            files[f"{folder}/{variant}-raycluster.yaml"] = _manifest(cluster, variant)
        files[f"{folder}/podmonitor.yaml"] = _pod_monitor(cluster)
    return files


def _values(cluster: KubeRayCluster, variant: Variant) -> str:
    values = {
        "image": {"repository": REPOSITORY, "tag": tag(variant), "pullPolicy": "IfNotPresent"},
        "fullnameOverride": cluster.ray_cluster,
        "head": {"rayVersion": RAY_VERSION, **_chart_node(_HEAD, variant)},
        "worker": {**_group(), **_chart_node(_WORKER, variant)},
        "service": {"type": "ClusterIP"},
    }
    return yaml_text([values], f"Values of the chart kuberay/ray-cluster, version {CHART_VERSION}")


def _chart_node(kind: _NodeKind, variant: Variant) -> dict[str, object]:
    return {
        "rayStartParams": kind.start,
        "ports": kind.container_ports,
        "resources": _resources(variant),
        "annotations": kind.annotations,
        "volumes": _volumes(),
        "volumeMounts": _mounts(),
    }


def _manifest(cluster: KubeRayCluster, variant: Variant) -> str:
    document = {
        "apiVersion": "ray.io/v1",
        "kind": "RayCluster",
        "metadata": {"name": cluster.ray_cluster, "namespace": cluster.namespace},
        "spec": {
            "rayVersion": RAY_VERSION,
            "headGroupSpec": {
                "serviceType": "ClusterIP",
                "rayStartParams": _HEAD.start,
                "template": _template("ray-head", _HEAD, variant),
            },
            "workerGroupSpecs": [
                {
                    **_group(),
                    "rayStartParams": _WORKER.start,
                    "template": _template("ray-worker", _WORKER, variant),
                }
            ],
        },
    }
    return yaml_text([document], "The same cluster without helm: kubectl apply -f this file")


def _group() -> dict[str, object]:
    return {
        "groupName": _GROUP,
        "replicas": _REPLICAS,
        "minReplicas": _MIN_REPLICAS,
        "maxReplicas": _MAX_REPLICAS,
    }


def _template(container: str, kind: _NodeKind, variant: Variant) -> Document:
    spec = {
        "name": container,
        "image": f"{REPOSITORY}:{tag(variant)}",
        "imagePullPolicy": "IfNotPresent",
        "ports": kind.container_ports,
        "resources": _resources(variant),
        "volumeMounts": _mounts(),
    }
    return {
        "metadata": {"annotations": kind.annotations},
        "spec": {"containers": [spec], "volumes": _volumes()},
    }


def _resources(variant: Variant) -> Document:
    """Return limits and equal requests, from which KubeRay takes the logical CPUs, memory and GPUs."""
    amounts = {"cpu": str(CPUS_PER_NODE), "memory": _MEMORY}
    if variant == "gpu":
        amounts[_GPU_RESOURCE] = "1"
    return {"limits": amounts, "requests": amounts}


def _volumes() -> list[Document]:
    return [{"name": "log-volume", "emptyDir": {}}]


def _mounts() -> list[Document]:
    return [{"name": "log-volume", "mountPath": "/tmp/ray"}]  # noqa: S108 -- Ray's folder inside the pod


def _pod_monitor(cluster: KubeRayCluster) -> str:
    """Return how Prometheus' operator finds the pods, and the label ``ray_io_cluster`` that clusters.toml counts on."""
    label = {"sourceLabels": ["__meta_kubernetes_pod_label_ray_io_cluster"], "targetLabel": "ray_io_cluster"}
    document = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PodMonitor",
        "metadata": {
            "name": cluster.ray_cluster,
            "namespace": cluster.namespace,
            "labels": {"release": "prometheus"},
        },
        "spec": {
            "selector": {"matchLabels": {"ray.io/cluster": cluster.ray_cluster}},
            "podMetricsEndpoints": [{"port": "metrics", "relabelings": [label]}],
        },
    }
    return yaml_text(
        [document], "The label release is what the operator's podMonitorSelector asks for: kubectl get prometheus -A"
    )
