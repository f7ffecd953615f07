"""One configuration from one file, or from none: sections in the file's order, the first error ends it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from console.config import values
from console.config.clashes import Ledger
from console.config.clusters import Surroundings, cluster_spec
from console.config.places import implicit_cluster
from console.config.reading import LONGEST_BYTES, At, clean, parse_toml, table
from console.config.result import Config, ConsoleOptions, Kubernetes, PrometheusServer, SshGate
from console.config.schema import (
    ClusterTable,
    ConsoleTable,
    JobsTable,
    KubernetesTable,
    PrometheusTable,
    Root,
    SshTable,
    Table,
)
from console.model.cluster import ClusterSpec


class _Origin(Struct, frozen=True):
    """Where relative paths and ``~`` lead."""

    folder: Path
    environ: Mapping[str, str]

    def path(self, text: str, at: At) -> Path:
        return values.path(text, self.folder, self.environ, at)

    def optional_path(self, text: str | None, at: At) -> Path | None:
        return None if text is None else self.path(text, at)


def load_config(path: Path | None, environ: Mapping[str, str]) -> Config:
    """Read the configuration; None means that there is no file: one cluster at Ray's own address. Raise ConfigError."""
    if path is None:
        return Config(clusters=(implicit_cluster(environ),))
    try:
        with path.open("rb") as file:
            content = file.read(LONGEST_BYTES + 1)
    except OSError as error:
        raise At(clean(str(path))).error(f"cannot be read: {error.strerror}") from None
    return parse_config(content, path, environ)


def parse_config(content: bytes, path: Path, environ: Mapping[str, str]) -> Config:
    """Return what ``content`` of the file ``path`` says, every address resolved; raise ConfigError."""
    at = At(clean(str(path)))
    root = table(parse_toml(content, at), Root, at)
    origin = _Origin(path.absolute().parent, environ)
    surroundings = Surroundings(
        kubernetes=_kubernetes(root.kubernetes, at.key("kubernetes")),
        ssh={name: _gate(name, raw, origin, at.key("ssh")) for name, raw in root.ssh.items()},
        prometheus={name: _server(name, raw, origin, at.key("prometheus")) for name, raw in root.prometheus.items()},
        path=origin.path,
    )
    return Config(
        path=path,
        console=_console(root.console, at.key("console")),
        job_folders=_job_folders(root.jobs, origin, at.key("jobs")),
        prometheus=surroundings.prometheus,
        ssh=surroundings.ssh,
        kubernetes=surroundings.kubernetes,
        clusters=_clusters(root.clusters, surroundings, at.key("clusters")),
    )


def _console(raw: Table, at: At) -> ConsoleOptions:
    options = table(raw, ConsoleTable, at)
    values.within(options.refresh_s, 0.2, 600, at.key("refresh_s"), "seconds ")
    stale_at, stale_after_s = at.key("stale_after_s"), options.stale_after_s
    if "stale_after_s" not in raw:
        stale_after_s = max(stale_after_s, options.refresh_s)
    values.within(stale_after_s, options.refresh_s, 86400, stale_at, "seconds ")
    return ConsoleOptions(float(options.refresh_s), float(stale_after_s), options.read_only)


def _job_folders(raw: Table, origin: _Origin, at: At) -> tuple[Path, ...]:
    paths = table(raw, JobsTable, at).paths
    return tuple(origin.path(text, at.key("paths").item(index)) for index, text in enumerate(paths))


def _kubernetes(raw: Table, at: At) -> Kubernetes:
    found = table(raw, KubernetesTable, at)
    values.within(found.gateway_port, 1, 65535, at.key("gateway_port"), "a port ")
    namespace = values.label(found.namespace, at.key("namespace"))
    return Kubernetes(
        namespace=namespace,
        gateway_port=found.gateway_port,
        domain=values.domain(found.domain, at.key("domain")),
        gateway_ip=_optional_ip(found.gateway_ip, at.key("gateway_ip")),
    )


def _optional_ip(text: str | None, at: At) -> str | None:
    return None if text is None else values.ip(text, at)


def _server(name: str, raw: object, origin: _Origin, above: At) -> PrometheusServer:
    at = above.key(values.section_name(name, above.key(name)))
    found = table(raw, PrometheusTable, at)
    return PrometheusServer(
        name=name,
        url=values.url(found.url, at.key("url")),
        bearer_token_file=origin.optional_path(found.bearer_token_file, at.key("bearer_token_file")),
        ca_file=origin.optional_path(found.ca_file, at.key("ca_file")),
    )


def _gate(name: str, raw: object, origin: _Origin, above: At) -> SshGate:
    at = above.key(values.section_name(name, above.key(name)))
    found = table(raw, SshTable, at)
    host = values.ssh_host(found.host, at.key("host"))
    return SshGate(
        name=name,
        host=host,
        private_ip=_optional_ip(found.private_ip, at.key("private_ip")),
        floating_ip=_optional_ip(found.floating_ip, at.key("floating_ip")),
        user=None if found.user is None else values.ssh_user(found.user, host, at.key("user")),
        identity_file=origin.optional_path(found.identity_file, at.key("identity_file")),
    )


def _clusters(raw: list[object], surroundings: Surroundings, at: At) -> tuple[ClusterSpec, ...]:
    ledger = Ledger(surroundings.kubernetes, surroundings.ssh)
    specs = []
    for index, item in enumerate(raw):
        place = at.item(index).of(_name(item))
        row = table(item, ClusterTable, place)
        values.label(row.name, at.item(index).key("name"))
        spec = cluster_spec(row, surroundings, place)
        ledger.enter(spec, row, place)
        specs.append(spec)
    return tuple(specs)


def _name(item: object) -> str:
    """Return the name that a cluster's errors carry, empty where it has none that may be shown as it stands."""
    name = item.get("name") if isinstance(item, dict) else None
    return name if isinstance(name, str) and values.is_label(name) else ""
