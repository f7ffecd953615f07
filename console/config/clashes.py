"""What two clusters must not share: names, slots, addresses, series. One ledger per file, entered in its order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal
from urllib.parse import urlsplit

from msgspec import Struct

from console.config.reading import At
from console.config.result import Kubernetes, SshGate
from console.config.schema import ClusterTable
from console.model.cluster import ClusterSpec
from console.model.portplan import SERVICES

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
Key = Literal["dashboard", "serve", "client", "metrics-head", "metrics-worker"]


class _Address(Struct, frozen=True):
    """``seen_from`` tells loopback addresses apart: that of a driver is not that of this console."""

    seen_from: Literal["anywhere", "console", "driver"]
    host: str
    port: int
    path: str = ""

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}{self.path}"


class Ledger:
    """The clusters that were read so far, by everything that identifies one."""

    def __init__(self, kubernetes: Kubernetes, ssh: Mapping[str, SshGate]) -> None:
        self._kubernetes = kubernetes
        self._ssh = ssh
        self._names: dict[str, int] = {}
        self._slots: dict[tuple[str, int], str] = {}
        self._addresses: dict[_Address, tuple[str, Key]] = {}
        self._series: dict[tuple[str, frozenset[tuple[str, str]]], str] = {}

    def enter(self, spec: ClusterSpec, row: ClusterTable, at: At) -> None:
        """Take one cluster in; raise ConfigError at the key that clashes with an earlier cluster."""
        if spec.name in self._names:
            raise at.key("name").error(f"expected a name of its own: clusters[{self._names[spec.name]}] has it already")
        self._names[spec.name] = len(self._names)
        self._enter_slot(spec, at.key("tunnel").key("slot"))
        self._enter_addresses(spec, row, at)
        self._enter_series(spec, at)

    def _enter_slot(self, spec: ClusterSpec, at: At) -> None:
        """Refuse a slot that is taken on whichever VM: Service names and hosts follow from kind and slot alone."""
        if spec.tunnel is None:
            return
        holder = self._slots.setdefault((spec.kind, spec.tunnel.slot), spec.name)
        if holder != spec.name:
            what = f"expected a free slot: {spec.kind} slot {spec.tunnel.slot} is that of cluster {holder}"
            raise at.error(what, "ports, Service names and hosts follow from kind and slot")

    def _enter_addresses(self, spec: ClusterSpec, row: ClusterTable, at: At) -> None:
        slot = at.key("tunnel").key("slot")
        for key, address in _used(spec):
            self._claim(spec.name, key, address, slot if getattr(row, key) is None else at.key(key))
        for key, address in self._planned(spec):
            self._claim(spec.name, key, address, slot)

    def _claim(self, name: str, key: Key, address: _Address, at: At) -> None:
        holder, held_key = self._addresses.setdefault(address, (name, key))
        if (holder, held_key) != (name, key):
            owner = "this cluster" if holder == name else f"cluster {holder}"
            raise at.error(f"expected an address of its own: {address} is {held_key} of {owner}")

    def _planned(self, spec: ClusterSpec) -> Iterator[tuple[Key, _Address]]:
        """Yield every address that the port plan gives this cluster, used by this console or not."""
        if spec.plan is None or spec.tunnel is None:
            return
        private_ip = self._ssh[spec.tunnel.via].private_ip
        for service in SERVICES:
            key: Key = "dashboard" if service == "dash" else service
            yield key, _host_port(spec.plan.address(service, self._kubernetes.namespace), "driver")
            if private_ip is not None:
                yield key, _address(private_ip, spec.plan.port(service), "console")
            if service in {"dash", "serve"}:
                host = spec.plan.host(service, self._kubernetes.domain)
                yield key, _address(host, self._kubernetes.gateway_port, "console")

    def _enter_series(self, spec: ClusterSpec, at: At) -> None:
        if spec.prometheus is None:
            return
        for (server, held), name in self._series.items():
            if server == spec.prometheus and (not held or not spec.series or held == frozenset(spec.series.items())):
                what = f"expected series that tell this cluster from cluster {name}, also in prometheus {server}"
                raise at.key("series").error(what, 'add series = { label = "regex" } to both')
        self._series[spec.prometheus, frozenset(spec.series.items())] = spec.name


def _used(spec: ClusterSpec) -> Iterator[tuple[Key, _Address]]:
    yield "dashboard", _url_address(spec.dashboard)
    if spec.serve is not None:
        yield "serve", _url_address(spec.serve)
    if spec.client is not None:
        yield "client", _host_port(spec.client, "driver")


def _url_address(url: str) -> _Address:
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return _address(parts.hostname or "", port, "console", parts.path)


def _host_port(text: str, viewer: Literal["console", "driver"]) -> _Address:
    host, _, port = text.rpartition(":")
    return _address(host.strip("[]"), int(port), viewer)


def _address(host: str, port: int, viewer: Literal["console", "driver"], path: str = "") -> _Address:
    host = host.removesuffix(".")
    if host in _LOOPBACK:
        return _Address(viewer, "127.0.0.1", port, path)
    return _Address("anywhere", host, port, path)
