"""Addresses in their order, which nodes share a host, and why a figure of a node is not there."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.model.address import address_order
from console.model.cluster import ClusterSnapshot, ClusterSpec, Gpu, Identity, Node, Sample
from console.model.hosts import host_mates, with_host_cpu
from console.render.glyphs import UNICODE
from console.render.node_detail import detail_rows

NOW = 1_000_000.0


def node(ip: str, hostname: str = "", cpu: float | None = 10.0, at: float = NOW - 1, **more: object) -> Node:
    samples = {} if cpu is None else {"cpu_percent": Sample(cpu, at, "dashboard")}
    return Node(ip, ip, hostname or f"host-{ip}", "worker", alive=True, samples=samples, **more)  # type: ignore[arg-type]


def cluster(*nodes: Node, kind: str = "local", version: str = "2.40.0") -> ClusterSnapshot:
    spec = ClusterSpec(name="a", kind=kind, dashboard="http://a", prometheus="oss")  # type: ignore[arg-type]
    return ClusterSnapshot(spec=spec, taken_at=NOW, identity=Identity(version, "s"), nodes=nodes, exported=frozenset())


def test_addresses_are_sorted_by_number() -> None:
    wanted = ["9.0.0.1", "10.0.0.2", "10.0.0.9", "10.0.0.10", "10.0.0.100", "fe80::2", "fe80::10", "a-host", "B-host"]
    shuffled = random.Random(3).sample(wanted, len(wanted))
    assert sorted(shuffled, key=address_order) == wanted


@settings(deadline=None)
@given(st.text(max_size=30), st.text(max_size=30))
def test_any_two_names_can_be_compared(one: str, other: str) -> None:
    assert (address_order(one) <= address_order(other)) or (address_order(other) <= address_order(one))


@pytest.mark.parametrize(
    ("kind", "names", "shared"),
    [
        ("local", ("0a1b2c3d4e5f", "4f1c2d3e5a6b"), True),  # containers of one laptop
        ("cloud", ("0a1b2c3d4e5f", "4f1c2d3e5a6b"), False),
        ("local", ("workstation", "workstation"), True),
        ("local", ("one", "other"), False),
    ],
)
def test_which_nodes_share_a_host(kind: str, names: tuple[str, str], shared: bool) -> None:
    nodes = [node(ip, name) for ip, name in zip(("10.0.0.1", "10.0.0.2"), names, strict=True)]
    mates = host_mates(cluster(*nodes, kind=kind))
    assert set(mates) == ({"10.0.0.1", "10.0.0.2"} if shared else set())


def test_the_hosts_figure_is_the_newest_that_any_of_its_nodes_told() -> None:
    old, new, none = node("1", cpu=10, at=NOW - 9), node("2", cpu=30, at=NOW - 1), node("3", cpu=None)
    assert with_host_cpu(old, (new, none)).value("cpu_percent") == 30
    assert with_host_cpu(new, (old,)).value("cpu_percent") == 30
    assert with_host_cpu(none, (none,)).samples == {}


def test_a_figure_that_is_not_there_says_why() -> None:
    card = Gpu(0, "u", "RTX 4070", None, 900 * 1024**2, 8 * 1024**3, sampled_at=NOW - 1)
    shown = node("10.0.0.1", gpus=(card,))
    rows = detail_rows(cluster(shown), shown, (), (NOW, 15.0), UNICODE)
    notes = {name: (row.cells[1].text, row.cells[-1].text) for name, row in rows.items()}
    assert notes["memory_used_bytes"] == ("—", "not exported by Ray 2.40.0")
    assert notes["gpu_power_watts 0"] == ("—", "not exported by Ray 2.40.0, but from 2.55 on")
    assert notes["gpu_percent 0"] == ("—", "n/a: the driver does not measure it; RTX 4070")
    assert notes["gram_used_bytes 0"] == ("900", "11 % of 8 G")


@pytest.mark.parametrize(("age_s", "value", "stale"), [(1, "10", False), (16, "10", True), (61, "—", True)])
def test_old_figures_are_dim_and_very_old_ones_unknown(age_s: float, value: str, stale: bool) -> None:
    shown = node("10.0.0.1")
    row = detail_rows(cluster(shown), shown, (), (NOW - 1 + age_s, 15.0), UNICODE)["cpu_percent"]
    assert (row.cells[1].text, row.stale) == (value, stale)
    assert row.cells[4].pieces[0][1] == ("warn" if stale else "dim")
