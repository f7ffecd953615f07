"""The command lines and environments of what a guard starts: pure functions of the plan."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from console.config import TOKEN_PREFIX
from console.services.embedded.record import MARKER, Plan, targets_file, token_file

# What would lead a head, its jobs or their drivers to another cluster, or to another token than ours.
_MISLEADING = frozenset(
    {
        "RAY_ADDRESS",
        "RAY_API_SERVER_ADDRESS",
        "RAY_AUTH_MODE",
        "RAY_AUTH_TOKEN",
        "RAY_AUTH_TOKEN_PATH",
        "RAY_JOB_CONFIG_JSON_ENV_VAR",
        "RAY_NAMESPACE",
        "RAY_TMPDIR",
    }
)
SCRAPE_INTERVAL_S = 2


def ray_temp_folder(folder: str) -> str:
    """Return Ray's ``--temp-dir``; Ray opens it to everyone (mode 0777), so it lies inside the private folder."""
    return f"{folder}/r"


def command(plan: Plan) -> list[str]:
    """Return the command that starts what ``plan`` names."""
    if plan.role == "prometheus":
        return [
            plan.program,
            f"--config.file={plan.folder}/prometheus.yml",
            f"--storage.tsdb.path={plan.folder}/data",
            "--storage.tsdb.retention.time=6h",
            "--storage.tsdb.retention.size=256MB",
            f"--web.listen-address=127.0.0.1:{plan.ports.dashboard}",
            "--log.level=warn",
        ]
    return _ray_command(plan)


def _ray_command(plan: Plan) -> list[str]:
    ports = plan.ports
    return [
        # -P: a folder called `ray` where `raydeck up` was typed must not be taken for the package.
        *(sys.executable, "-P", "-m", "ray.scripts.scripts", "start", "--head"),
        f"--port={ports.gcs}",
        "--include-dashboard=true",
        "--dashboard-host=127.0.0.1",
        f"--dashboard-port={ports.dashboard}",
        f"--dashboard-agent-listen-port={ports.agent_http}",
        f"--dashboard-agent-grpc-port={ports.agent_grpc}",
        f"--runtime-env-agent-port={ports.runtime_env}",
        f"--metrics-export-port={ports.metrics}",
        f"--ray-client-server-port={ports.client}",
        # Zero lets the kernel choose from the ephemeral ports: no range that two clusters could share.
        "--min-worker-port=0",
        "--max-worker-port=0",
        f"--num-cpus={plan.cpus}",
        f"--temp-dir={ray_temp_folder(plan.folder)}",
        "--disable-usage-stats",
        "--log-style=record",
        "--log-color=false",
    ]


def environment(plan: Plan, state_folder: Path, inherited: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of the started processes, and so of every job and driver in the cluster."""
    # The operator's tokens of other clusters stay here, too: every job could read them.
    left_out = _MISLEADING | {name for name in inherited if name.startswith(TOKEN_PREFIX)}
    kept = {name: value for name, value in inherited.items() if name not in left_out}
    ours = {MARKER: plan.marker}
    if plan.role == "ray":
        # The folder as it stands in sys.executable: resolving the link would leave the virtual environment.
        programs = [str(Path(sys.executable).parent), kept.get("PATH", os.defpath)]
        ours |= {
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN_PATH": str(state_folder / token_file(plan.name)),
            "RAY_USAGE_STATS_ENABLED": "0",
            # Where a job serves that was not told: two clusters on one machine must not share a port.
            "RAYDECK_SERVE_HOST": "127.0.0.1",
            "RAYDECK_SERVE_PORT": str(plan.ports.serve),
            "AUTOSCALER_METRIC_PORT": str(plan.ports.autoscaler_metrics),
            "DASHBOARD_METRIC_PORT": str(plan.ports.dashboard_metrics),
            "PATH": os.pathsep.join(programs),
        }
    return kept | ours


def targets(plan: Plan) -> bytes:
    """Return the file_sd document that tells Prometheus of one cluster; ``ray_cluster`` is the label to select by."""
    entry = {"targets": [f"127.0.0.1:{plan.ports.metrics}"], "labels": {"ray_cluster": plan.name}}
    return json.dumps([entry]).encode()


def prometheus_configuration(state_folder: Path) -> bytes:
    """Return Prometheus' configuration; JSON is YAML, and its strings need no other quoting."""
    every = f"{SCRAPE_INTERVAL_S}s"
    files = [str(state_folder / targets_file("*"))]
    document = {
        "global": {"scrape_interval": every, "scrape_timeout": every},
        "scrape_configs": [{"job_name": "embedded", "file_sd_configs": [{"files": files, "refresh_interval": "2s"}]}],
    }
    return json.dumps(document).encode()
