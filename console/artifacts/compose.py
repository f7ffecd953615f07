"""Target ``compose``: one head and one worker on a laptop, every port on its loopback address only.

Image and sizes are variables with defaults, to be set in the environment or in a file ``.env`` beside the Compose file.
An optional ``ray.env`` goes into both containers, such as the settings of Ray's token authentication.
"""

from __future__ import annotations

from console.artifacts.documents import Document, yaml_text
from console.artifacts.images import CPUS_PER_NODE, REPOSITORY, VARIANTS, Variant, tag
from console.artifacts.ports import GCS_PORT, METRICS_HEAD_PORT, METRICS_WORKER_PORT
from console.config import Config
from console.model.cluster import CLIENT_PORT, DASHBOARD_PORT, SERVE_PORT

SUBNET, HEAD_ADDRESS = "172.29.0.0/16", "172.29.0.15"
_NETWORK = "study_network"
_PROMETHEUS_IMAGE = "prom/prometheus:v2.53.4"
_PROMETHEUS_PORT = 9090
# 401 is a healthy answer, too: that of a dashboard that wants a token.
_HEALTHY = (
    "import http.client; "
    f"dashboard = http.client.HTTPConnection('127.0.0.1', {DASHBOARD_PORT}, timeout=4); "
    "dashboard.request('GET', '/api/version'); "
    "raise SystemExit(dashboard.getresponse().status not in (200, 401))"
)


def compose_files(config: Config) -> dict[str, str]:
    """Return the files below ``compose/``; every laptop's are the same, so they follow from no cluster."""
    del config
    files = {f"compose/{variant}-ray-cluster.yaml": _compose_file(variant) for variant in VARIANTS}
    files["compose/prometheus.yml"] = _prometheus_file()
    return files


def _compose_file(variant: Variant) -> str:
    document = {
        "name": "ray-cluster",
        "services": {"ray-head": _head(variant), "ray-worker": _worker(variant), "prometheus": _prometheus()},
        "networks": {_NETWORK: {"driver": "bridge", "ipam": {"config": [{"subnet": SUBNET}]}}},
    }
    return yaml_text(
        [document],
        f"docker compose -f {variant}-ray-cluster.yaml up",
        "Variables: RAY_IMAGE RAY_CPUS RAY_MEMORY RAY_SHM" + (" RAY_GPUS" if variant == "gpu" else ""),
        "docker compose --profile prometheus … starts a Prometheus as well, on 127.0.0.1:9090.",
    )


def _head(variant: Variant) -> Document:
    command = [
        "ray",
        "start",
        "--head",
        f"--port={GCS_PORT}",
        "--dashboard-host=0.0.0.0",
        f"--dashboard-port={DASHBOARD_PORT}",
        f"--metrics-export-port={METRICS_HEAD_PORT}",
        f"--ray-client-server-port={CLIENT_PORT}",
        _cpus(),
        "--num-gpus=0",
        "--block",
    ]
    ports = (GCS_PORT, DASHBOARD_PORT, CLIENT_PORT, METRICS_HEAD_PORT, SERVE_PORT)
    check = {
        "test": ["CMD", "python", "-c", _HEALTHY],
        "interval": "5s",
        "timeout": "5s",
        "retries": 12,
        "start_period": "20s",
    }
    return {
        **_node(variant, command, ports),
        "networks": {_NETWORK: {"ipv4_address": HEAD_ADDRESS}},
        "healthcheck": check,
        "deploy": {"resources": {"limits": _limits()}},
    }


def _worker(variant: Variant) -> Document:
    gpus = "${RAY_GPUS:-1}" if variant == "gpu" else "0"
    command = [
        "ray",
        "start",
        f"--address=ray-head:{GCS_PORT}",
        f"--metrics-export-port={METRICS_WORKER_PORT}",
        _cpus(),
        f"--num-gpus={gpus}",
        "--block",
    ]
    resources: dict[str, object] = {"limits": _limits()}
    if variant == "gpu":
        # Only the worker gets the card: with both, Ray would count one card twice.
        resources["reservations"] = {"devices": [{"driver": "nvidia", "count": gpus, "capabilities": ["gpu"]}]}
    return {
        **_node(variant, command, (METRICS_WORKER_PORT,)),
        "networks": {_NETWORK: {}},
        "depends_on": {"ray-head": {"condition": "service_healthy"}},
        "deploy": {"resources": resources},
    }


def _cpus() -> str:
    return f"--num-cpus=${{RAY_CPUS:-{CPUS_PER_NODE}}}"


def _limits() -> Document:
    return {"cpus": f"${{RAY_CPUS:-{CPUS_PER_NODE}}}", "memory": "${RAY_MEMORY:-4g}"}


def _node(variant: Variant, command: list[str], ports: tuple[int, ...]) -> dict[str, object]:
    return {
        "image": f"${{RAY_IMAGE:-{REPOSITORY}:{tag(variant)}}}",
        "command": command,
        "env_file": [{"path": "ray.env", "required": False}],
        "ports": [f"127.0.0.1:{port}:{port}" for port in ports],
        "shm_size": "${RAY_SHM:-2gb}",
        "init": True,
        "restart": "unless-stopped",
    }


def _prometheus() -> Document:
    return {
        "profiles": ["prometheus"],
        "image": f"${{PROMETHEUS_IMAGE:-{_PROMETHEUS_IMAGE}}}",
        "volumes": ["./prometheus.yml:/etc/prometheus/prometheus.yml:ro"],
        "ports": [f"127.0.0.1:{_PROMETHEUS_PORT}:{_PROMETHEUS_PORT}"],
        "networks": {_NETWORK: {}},
        "restart": "unless-stopped",
    }


def _prometheus_file() -> str:
    nodes = (("ray-head", METRICS_HEAD_PORT), ("ray-worker", METRICS_WORKER_PORT))
    jobs = [
        {"job_name": f"{name}-metrics", "static_configs": [{"targets": [f"{name}:{port}"]}]} for name, port in nodes
    ]
    document = {"global": {"scrape_interval": "10s"}, "scrape_configs": jobs}
    return yaml_text(
        [document],
        'In clusters.toml: [prometheus.laptop] with url = "http://127.0.0.1:9090", and for the cluster',
        'prometheus = "laptop" and series = { job = "ray-(head|worker)-metrics" }',
    )
