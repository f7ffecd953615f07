"""Target ``services``: what makes a tunnelled cluster look like a Service in Kubernetes.

Each of a cluster's five ports is a Service without a selector whose endpoint is the VM's private address, where the
reverse tunnel listens. ``services/`` has Endpoints, ``services/endpointslices/`` the same for Kubernetes 1.33 and
later, which deprecates Endpoints. Each folder is complete in itself: an old kustomize takes no folder as a resource.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator

from console.artifacts.documents import Document, yaml_text
from console.artifacts.topology import Tunnelled, endpoint_ip, tunnelled
from console.config import Config
from console.model.portplan import SERVICES, PlannedService

_LABELS = {"app.kubernetes.io/managed-by": "raydeck"}
# Istio reads the protocol from the beginning of a port's name.
_PORT_NAMES: dict[PlannedService, str] = {
    "dash": "http-dash",
    "client": "tcp-client",
    "metrics-head": "http-metrics",
    "metrics-worker": "http-metrics",
    "serve": "http-serve",
}
_CURL_IMAGE = "curlimages/curl:8.11.1"

_Endpoint = Callable[[Tunnelled, PlannedService, Config], Document]


def services_files(config: Config) -> dict[str, str]:
    """Return the files below ``services/``, none without a tunnelled cluster."""
    clusters = tunnelled(config)
    if not clusters:
        return {}
    return {
        **_folder("services", clusters, config, _endpoints),
        **_folder("services/endpointslices", clusters, config, _endpoint_slice),
        "services/curl-pod.yaml": yaml_text([_curl_pod(config.kubernetes.namespace)]),
    }


def _folder(folder: str, clusters: tuple[Tunnelled, ...], config: Config, endpoint: _Endpoint) -> dict[str, str]:
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": config.kubernetes.namespace}}
    files = {"namespace.yaml": yaml_text([namespace])}
    for cluster in clusters:
        name = f"ray-{cluster.plan.kind}-{cluster.plan.slot}.yaml"
        files[name] = yaml_text(list(_documents(cluster, config, endpoint)), f"Cluster {cluster.name}")
    kustomization = kustomization_text(list(files))
    return {f"{folder}/{name}": content for name, content in {"kustomization.yaml": kustomization, **files}.items()}


def kustomization_text(resources: list[str]) -> str:
    """Return a kustomization that only lists files, which old and new kustomize take alike."""
    return yaml_text(
        [{"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", "resources": resources}]
    )


def _documents(cluster: Tunnelled, config: Config, endpoint: _Endpoint) -> Iterator[Document]:
    for service in SERVICES:
        yield {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": _metadata(cluster, service, config) | _annotations(cluster, service),
            "spec": {
                "type": "ClusterIP",
                "ports": [{**_port(cluster, service), "targetPort": cluster.plan.port(service)}],
            },
        }
        yield endpoint(cluster, service, config)


def _metadata(cluster: Tunnelled, service: PlannedService, config: Config) -> dict[str, object]:
    name = cluster.plan.service_name(service)
    return {"name": name, "namespace": config.kubernetes.namespace, "labels": _LABELS}


def _annotations(cluster: Tunnelled, service: PlannedService) -> dict[str, object]:
    if not service.startswith("metrics-"):
        return {}
    return {
        "annotations": {"prometheus.io/scrape": "true", "prometheus.io/port": str(cluster.plan.port(service))},
    }


def _port(cluster: Tunnelled, service: PlannedService) -> dict[str, object]:
    return {"name": _PORT_NAMES[service], "protocol": "TCP", "port": cluster.plan.port(service)}


def _endpoints(cluster: Tunnelled, service: PlannedService, config: Config) -> Document:
    """Return the Endpoints; they carry the Service's name, that is how Kubernetes joins the two."""
    addresses = [{"ip": endpoint_ip(cluster.gate, config)}]
    return {
        "apiVersion": "v1",
        "kind": "Endpoints",
        "metadata": _metadata(cluster, service, config),
        "subsets": [{"addresses": addresses, "ports": [_port(cluster, service)]}],
    }


def _endpoint_slice(cluster: Tunnelled, service: PlannedService, config: Config) -> Document:
    """Return the EndpointSlice; the label with the Service's name joins the two."""
    ip = endpoint_ip(cluster.gate, config)
    is_v6 = cluster.gate.private_ip is not None and ipaddress.ip_address(ip).version == 6
    name = cluster.plan.service_name(service)
    metadata = {
        "name": f"{name}-vm",
        "namespace": config.kubernetes.namespace,
        "labels": {"kubernetes.io/service-name": name, "endpointslice.kubernetes.io/managed-by": "raydeck"},
    }
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": metadata,
        "addressType": "IPv6" if is_v6 else "IPv4",
        "ports": [_port(cluster, service)],
        "endpoints": [{"addresses": [ip], "conditions": {"ready": True}}],
    }


def _curl_pod(namespace: str) -> Document:
    """Return a pod to ask the Services from inside, by ``kubectl exec``; it ends by itself after eight hours."""
    container = {
        "name": "curl",
        "image": _CURL_IMAGE,
        "command": ["sleep", "28800"],
        "resources": {"limits": {"cpu": "100m", "memory": "64Mi"}, "requests": {"cpu": "10m", "memory": "16Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "runAsNonRoot": True,
            "runAsUser": 100,
            "capabilities": {"drop": ["ALL"]},
        },
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "raydeck-curl", "namespace": namespace, "labels": _LABELS},
        "spec": {"restartPolicy": "Never", "containers": [container]},
    }
