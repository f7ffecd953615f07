"""Target ``istio``: the gateway's hosts of all Ray clusters, one VirtualService each.

The Gateway ``dashboards-gateway-1`` carries other people's hosts too, so no file here holds it: ``istio/`` has the list
of hosts to add to it. ``istio/own-gateway/`` is the other way, a Gateway of our own beside it, with our hosts only.
"""

from __future__ import annotations

from console.artifacts.documents import Document, text, yaml_text
from console.artifacts.gateway import ISTIO_NAMESPACE, GatewayHost, gateway_hosts
from console.artifacts.services import kustomization_text
from console.config import Config

EXISTING_GATEWAY = "dashboards-gateway-1"
OWN_GATEWAY = "raydeck-gateway"
_API = "networking.istio.io/v1beta1"


def istio_files(config: Config) -> dict[str, str]:
    """Return the files below ``istio/``, none where no cluster is behind the gateway."""
    hosts = gateway_hosts(config)
    if not hosts:
        return {}
    gateway = {"gateway.yaml": yaml_text([_own_gateway(hosts, config.kubernetes.gateway_port)])}
    return {
        **_folder("istio", {}, hosts, EXISTING_GATEWAY),
        **_folder("istio/own-gateway", gateway, hosts, OWN_GATEWAY),
        "istio/gateway-hosts.txt": text(
            [host.host for host in hosts], f"To add to spec.servers[].hosts of the Gateway {EXISTING_GATEWAY}"
        ),
    }


def _folder(folder: str, first: dict[str, str], hosts: tuple[GatewayHost, ...], gateway: str) -> dict[str, str]:
    services = {f"{host.virtual_service}.yaml": yaml_text([_virtual_service(host, gateway)]) for host in hosts}
    files = first | services
    files["kustomization.yaml"] = kustomization_text(list(files))
    return {f"{folder}/{name}": content for name, content in files.items()}


def _virtual_service(host: GatewayHost, gateway: str) -> Document:
    destination = {"host": host.service, "port": {"number": host.port}}
    return {
        "apiVersion": _API,
        "kind": "VirtualService",
        "metadata": {"name": host.virtual_service, "namespace": ISTIO_NAMESPACE},
        "spec": {
            "hosts": [host.host],
            "gateways": [gateway],
            "http": [{"match": [{"uri": {"prefix": "/"}}], "route": [{"destination": destination}]}],
        },
    }


def _own_gateway(hosts: tuple[GatewayHost, ...], port: int) -> Document:
    server = {
        "port": {"number": port, "name": "http", "protocol": "HTTP"},
        "hosts": [host.host for host in hosts],
    }
    return {
        "apiVersion": _API,
        "kind": "Gateway",
        "metadata": {"name": OWN_GATEWAY, "namespace": ISTIO_NAMESPACE},
        "spec": {"selector": {"istio": "ingressgateway"}, "servers": [server]},
    }
