"""The tables and keys that clusters.toml may hold, with the words that an error uses for what was expected.

Types are checked here; what a value means is checked where it is resolved.
"""

from __future__ import annotations

from typing import Annotated, Literal, get_type_hints

from msgspec import Meta, Struct

Table = dict[str, object]


class Root(Struct, forbid_unknown_fields=True):
    """The top level."""

    console: Annotated[Table, Meta(description="a table [console]")] = {}
    jobs: Annotated[Table, Meta(description="a table [jobs]")] = {}
    prometheus: Annotated[Table, Meta(description="tables [prometheus.NAME]")] = {}
    ssh: Annotated[Table, Meta(description="tables [ssh.NAME]")] = {}
    kubernetes: Annotated[Table, Meta(description="a table [kubernetes]")] = {}
    clusters: Annotated[list[object], Meta(description="tables [[clusters]]")] = []


class ConsoleTable(Struct, forbid_unknown_fields=True):
    """``[console]``."""

    refresh_s: Annotated[float, Meta(description="seconds from 0.2 to 600")] = 2.0
    stale_after_s: Annotated[float, Meta(description="seconds from refresh_s to 86400")] = 15.0
    read_only: Annotated[bool, Meta(description="true or false")] = False


class JobsTable(Struct, forbid_unknown_fields=True):
    """``[jobs]``."""

    paths: Annotated[tuple[str, ...], Meta(description='a list of folders such as ["~/my-ray-jobs"]')] = ()


class PrometheusTable(Struct, forbid_unknown_fields=True):
    """``[prometheus.NAME]``."""

    url: Annotated[str, Meta(description="a URL such as http://prometheus.oss:7001")]
    bearer_token_file: Annotated[str | None, Meta(description="the path of a file with mode 0600")] = None
    ca_file: Annotated[str | None, Meta(description="the path of a file")] = None


class SshTable(Struct, forbid_unknown_fields=True):
    """``[ssh.NAME]``."""

    host: Annotated[str, Meta(description="a Host of ~/.ssh/config, or user@host")]
    private_ip: Annotated[str | None, Meta(description="an IP address such as 192.168.1.19")] = None
    floating_ip: Annotated[str | None, Meta(description="an IP address such as 203.0.113.7")] = None
    user: Annotated[str | None, Meta(description="a login name")] = None
    identity_file: Annotated[str | None, Meta(description="the path of a private key")] = None


class KubernetesTable(Struct, forbid_unknown_fields=True):
    """``[kubernetes]``."""

    namespace: Annotated[str, Meta(description="a namespace's name")] = "integration"
    gateway_port: Annotated[int, Meta(description="a port from 1 to 65535")] = 7001
    domain: Annotated[str, Meta(description='a DNS name such as "oss"')] = "oss"
    gateway_ip: Annotated[str | None, Meta(description="an IP address such as 203.0.113.7")] = None


class TunnelTable(Struct, forbid_unknown_fields=True):
    """``tunnel`` of a cluster."""

    via: Annotated[str, Meta(description="the NAME of a section [ssh.NAME]")]
    slot: Annotated[int, Meta(description="a slot from 1 to 25")]


class ClusterTable(Struct, forbid_unknown_fields=True):
    """One ``[[clusters]]``."""

    name: Annotated[str, Meta(description="a name such as local-1")]
    kind: Annotated[Literal["local", "cloud", "hpc"], Meta(description="local, cloud or hpc")]
    dashboard: Annotated[str | None, Meta(description="a URL such as http://127.0.0.1:8265")] = None
    serve: Annotated[str | None, Meta(description="a URL such as http://127.0.0.1:8350")] = None
    client: Annotated[str | None, Meta(description="host:port without a scheme, such as 127.0.0.1:10001")] = None
    prometheus: Annotated[str | None, Meta(description="the NAME of a section [prometheus.NAME]")] = None
    series: Annotated[Table | None, Meta(description='a table of label = "regex"')] = None
    auth_token_file: Annotated[str | None, Meta(description="the path of a file with mode 0600")] = None
    nodes: Annotated[int | None, Meta(description="a number of nodes from 1 to 100000")] = None
    tunnel: Annotated[Table | None, Meta(description='a table such as { via = "cpouta", slot = 1 }')] = None
    reach: Annotated[Literal["gateway", "vm", "forward"] | None, Meta(description="gateway, vm or forward")] = None


def expected(table: type[Struct], key: str) -> str:
    """Return the words for what ``key`` of ``table`` has to be."""
    hint = get_type_hints(table, include_extras=True).get(key)
    metadata: tuple[object, ...] = getattr(hint, "__metadata__", ())
    return next((meta.description for meta in metadata if isinstance(meta, Meta) and meta.description), "another value")
