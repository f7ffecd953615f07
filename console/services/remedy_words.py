"""The words of a path's remedies: addresses, names, and the commands that differ by the kind of the cluster. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Mapping

from console.model.address import is_loopback
from console.model.check import CheckedService
from console.model.cluster import ClusterSpec
from console.services.paths import INNER_PORTS, PLANNED, Endpoint, Path

# KubeRay's own names: its helm release puts the head into the default namespace.
_KUBERAY_NAMESPACE, _KUBERAY_HEAD = "default", "raycluster-kuberay-head-svc"
_HERE, _ON_THE_VM = "on this machine", "on the VM"


def words_of(path: Path, endpoint: Endpoint, vm_host: str = "") -> dict[str, str]:
    """Return what fills in the remedies of one service; empty: not known. ``vm_host``: what ssh resolves the VM to."""
    spec, gate = path.spec, path.gate
    host = gate.host if gate is not None else ""
    planned = "" if spec.plan is None else spec.plan.service_name(PLANNED[endpoint.service])
    return {
        "cluster": spec.name,
        "host": endpoint.host or "",
        "address": endpoint.host or "",
        "port": str(endpoint.port or ""),
        "own_port": str(endpoint.port) if is_loopback(endpoint.host or "") else "",
        "plan_port": str(endpoint.plan_port or ""),
        "url": _url(endpoint),
        "vm": host,
        "vm_host": vm_host or host,
        "alias": host.rpartition("@")[2],
        "vm_address": _bracketed(gate.private_ip or "") if gate is not None else "",
        "public_address": (gate.floating_ip or "") if gate is not None else "",
        "namespace": _KUBERAY_NAMESPACE if spec.kind == "cloud" else path.kubernetes.namespace,
        "kube_service": planned or _KUBERAY_HEAD,
        "far": _far(spec, endpoint),
        **_commands(spec, endpoint.service),
    }


def _url(endpoint: Endpoint) -> str:
    if endpoint.host is None:
        return ""
    scheme = "https" if endpoint.is_tls else "http"
    return f"{scheme}://{endpoint.host_header or endpoint.where}{endpoint.prefix}/"


def _far(spec: ClusterSpec, endpoint: Endpoint) -> str:
    """Return where the cluster's own commands are typed."""
    if spec.kind == "cloud":
        return _ON_THE_VM
    is_here = spec.plan is None and is_loopback(endpoint.host or "")
    return _HERE if is_here or spec.embedded else f"on the computer of {spec.name}"


def _commands(spec: ClusterSpec, service: CheckedService) -> Mapping[str, str]:
    """Return the commands that start a head, tell what it logs, look at its ports and at Serve."""
    if spec.kind == "cloud":
        return _KUBERAY
    if spec.embedded:
        return {**_RAY, "do_start": "raydeck up", "do_look_inside": f"raydeck check {shlex.quote(spec.name)}"}
    look = {"do_look_inside": f"curl -m 5 -i http://127.0.0.1:{INNER_PORTS[service]}/"}
    look["do_apply_services"] = "kubectl apply -k services" if spec.plan is not None else ""
    return {**(_COMPOSE if spec.kind == "local" and not spec.implicit else _RAY), **look}


_KUBERAY = {
    "do_start": f"kubectl get rayclusters,pods -n {_KUBERAY_NAMESPACE}",
    "do_log": f"kubectl logs -n {_KUBERAY_NAMESPACE} -l ray.io/node-type=head --tail=50",
    "do_look_inside": f"kubectl get pods -n {_KUBERAY_NAMESPACE} -l ray.io/node-type=head -o wide",
    "do_serve_status": f"kubectl exec -n {_KUBERAY_NAMESPACE} svc/{_KUBERAY_HEAD} -- serve status",
    "do_apply_services": f"kubectl get services,podmonitors -n {_KUBERAY_NAMESPACE}",
}
_COMPOSE = {
    "do_start": "docker compose -f cpu-ray-cluster.yaml up -d",
    "do_log": "docker compose -f cpu-ray-cluster.yaml logs --tail 50 ray-head",
    "do_serve_status": "docker compose -f cpu-ray-cluster.yaml exec ray-head serve status",
}
_RAY = {
    "do_start": "ray start --head --port=6379",
    "do_log": "tail -n 50 /tmp/ray/session_latest/logs/dashboard.log",
    "do_agent_log": "tail -n 50 /tmp/ray/session_latest/logs/dashboard_agent.log",
    "do_serve_status": "serve status",
}


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
