"""What Ray Serve runs on a cluster: applications, their deployments, replicas and routes, and how they do."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct


class Replica(Struct, frozen=True):
    """One replica of a deployment."""

    replica_id: str = ""
    state: str = ""
    node_ip: str | None = None


class Deployment(Struct, frozen=True):
    """One deployment; ``target_num_replicas`` are those that it is to have."""

    name: str = ""
    status: str = ""
    message: str = ""
    target_num_replicas: int | None = None
    replicas: tuple[Replica, ...] = ()

    @property
    def running(self) -> int:
        """Return how many replicas run."""
        return sum(replica.state == "RUNNING" for replica in self.replicas)


class Application(Struct, frozen=True):
    """One Serve application as the dashboard tells of it; times are Unix seconds."""

    status: str = ""
    route_prefix: str | None = None
    message: str = ""
    docs_path: str | None = None
    last_deployed_time_s: float | None = None
    deployments: dict[str, Deployment] = {}


class HttpOptions(Struct, frozen=True):
    """Where Serve's proxies listen."""

    port: int | None = None


class ServeStatus(Struct, frozen=True):
    """What Serve runs on a cluster: applications by name, and the port that its proxies answer on."""

    applications: dict[str, Application] = {}
    http_options: HttpOptions | None = None


class Route(Struct, frozen=True):
    """What can be called of an application."""

    method: str
    path: str


class ServeFigures(Struct, frozen=True):
    """How a deployment did in the last minutes, from Prometheus. None is not known."""

    requests_per_s: float | None = None
    errors_per_s: float | None = None
    p50_ms: float | None = None
    p95_ms: float | None = None


class ServeState(Struct, frozen=True):
    """What a cluster serves. ``trouble`` says why nothing is known; ``figures`` are by application and deployment."""

    cluster: str
    address: str | None = None
    port: int | None = None
    applications: Mapping[str, Application] = {}
    routes: Mapping[str, tuple[Route, ...]] = {}
    figures: Mapping[tuple[str, str], ServeFigures] = {}
    trouble: str = ""
    figures_trouble: str = ""
    asked: bool = True
