"""What follows from kind, slot and reach, what is given instead, and what clusters must not share."""

from pathlib import Path

import pytest

from console.config import parse_config
from console.errors import ConfigError

FILE = Path("/etc/raydeck/clusters.toml")
ENVIRON = {"HOME": "/home/ada"}
# The contract's example, word for word in its keys and values.
CONTRACT = """
[console]
refresh_s = 2
stale_after_s = 15
read_only = false
[jobs]
paths = ["~/my-ray-jobs"]
[prometheus.oss]
url = "http://prometheus.oss:7001"
[ssh.cpouta]
host = "GPU-cpouta"
private_ip = "192.168.1.19"
[kubernetes]
namespace = "integration"
gateway_port = 7001
domain = "oss"
[[clusters]]
name = "laptop"
kind = "local"
dashboard = "http://127.0.0.1:8265"
serve = "http://127.0.0.1:8350"
client = "127.0.0.1:10001"
nodes = 2
[[clusters]]
name = "cloud-1"
kind = "cloud"
dashboard = "http://ray.cloud.dash-1.oss:7001"
serve = "http://ray.cloud.serve-1.oss:7001"
client = "raycluster-kuberay-head-svc.default.svc.cluster.local:10001"
prometheus = "oss"
series = { ray_io_cluster = "raycluster-kuberay" }
[[clusters]]
name = "local-1"
kind = "local"
tunnel = { via = "cpouta", slot = 1 }
reach = "gateway"
"""
SECTIONS = """
[prometheus.oss]
url = "http://prometheus.oss:7001"
[ssh.cpouta]
host = "GPU-cpouta"
private_ip = "192.168.1.19"
[ssh.bare]
host = "ada@vm.example"
"""


def cluster(name, **keys):
    """Return one [[clusters]] table; values are written as they stand."""
    keys = {"kind": '"local"', **keys}
    return f'[[clusters]]\nname = "{name}"\n' + "".join(f"{key} = {value}\n" for key, value in keys.items())


def slot(name, number, **keys):
    return cluster(name, tunnel=f'{{ via = "cpouta", slot = {number} }}', **keys)


def parse(text):
    return parse_config(text.encode(), FILE, ENVIRON)


def refusal(text):
    with pytest.raises(ConfigError) as caught:
        parse(text)
    assert caught.value.where.startswith(f"{FILE}: ")
    return caught.value.where.removeprefix(f"{FILE}: "), str(caught.value)


def test_the_contracts_example():
    config = parse(CONTRACT)
    assert (config.console.refresh_s, config.console.stale_after_s, config.console.read_only) == (2.0, 15.0, False)
    assert config.job_folders == (Path("/home/ada/my-ray-jobs"),)
    assert config.prometheus["oss"].url == "http://prometheus.oss:7001"
    assert (config.ssh["cpouta"].host, config.ssh["cpouta"].private_ip) == ("GPU-cpouta", "192.168.1.19")
    laptop, cloud, local = config.clusters
    assert (laptop.dashboard, laptop.serve, laptop.client) == (
        "http://127.0.0.1:8265",
        "http://127.0.0.1:8350",
        "127.0.0.1:10001",
    )
    assert (laptop.expected_nodes, laptop.prometheus, laptop.reach, laptop.serve_port) == (2, None, None, 8350)
    assert (cloud.prometheus, cloud.series, cloud.serve_port) == (
        "oss",
        {"ray_io_cluster": "raycluster-kuberay"},
        8000,
    )
    assert local.series == {"job": "ray-local-1-metrics-(head|worker)"}
    assert (local.prometheus, local.reach, local.serve_port) == ("oss", "gateway", 8350)


@pytest.mark.parametrize(
    ("keys", "dashboard", "serve"),
    [
        ({}, "http://ray.local.dash-3.oss:7001", "http://ray.local.serve-3.oss:7001"),
        ({"reach": '"gateway"'}, "http://ray.local.dash-3.oss:7001", "http://ray.local.serve-3.oss:7001"),
        ({"reach": '"vm"'}, "http://192.168.1.19:8102", "http://192.168.1.19:8303"),
        ({"reach": '"forward"'}, "http://127.0.0.1:8102", "http://127.0.0.1:8303"),
        ({"kind": '"hpc"'}, "http://ray.hpc.dash-3.oss:7001", "http://ray.hpc.serve-3.oss:7001"),
        ({"dashboard": '"https://other/ray/"'}, "https://other/ray", "http://ray.local.serve-3.oss:7001"),
    ],
)
def test_addresses_follow_from_slot_and_reach(keys, dashboard, serve):
    (spec,) = parse(SECTIONS + slot("local-3", 3, **keys)).clusters
    assert (spec.dashboard, spec.serve) == (dashboard, serve)
    assert spec.client == f"ray-{spec.kind}-3-client.integration.svc.cluster.local:{spec.plan.client}"
    assert spec.series == {"job": f"ray-{spec.kind}-3-metrics-(head|worker)"}
    assert (spec.prometheus, spec.serve_port, spec.tunnel.via) == ("oss", 8350, "cpouta")


def test_a_private_ipv6_address_stands_in_brackets():
    text = SECTIONS.replace("192.168.1.19", "fd00:0::19") + slot("a", 1, reach='"vm"')
    assert parse(text).clusters[0].dashboard == "http://[fd00::19]:8100"


def test_explicit_keys_override_what_follows():
    keys = {"serve": '"http://s:1"', "client": '"c:2"', "series": '{ ip = "10[.].*" }', "auth_token_file": '"t"'}
    (spec,) = parse(SECTIONS + slot("a", 1, **keys)).clusters
    assert (spec.serve, spec.client, spec.series) == ("http://s:1", "c:2", {"ip": "10[.].*"})
    assert spec.auth_token_file == FILE.parent / "t"


@pytest.mark.parametrize(
    ("keys", "port"),
    [
        ({"serve": '"http://127.0.0.1:9000"'}, 9000),
        ({"serve": '"http://proxy/serve"'}, 8350),
        ({}, 8350),
        ({"serve": '"http://s:7001"', "kind": '"cloud"'}, 8000),
    ],
)
def test_the_port_that_a_job_binds(keys, port):
    assert parse(cluster("a", dashboard='"http://d:1"', **keys)).clusters[0].serve_port == port


def test_with_two_prometheus_servers_none_follows():
    text = SECTIONS + '[prometheus.two]\nurl = "http://two"\n' + slot("a", 1) + slot("b", 2, prometheus='"two"')
    assert [spec.prometheus for spec in parse(text).clusters] == [None, "two"]


def test_all_fifty_slots_fit_side_by_side():
    text = SECTIONS + "".join(
        slot(f"{kind}-{number}", number, kind=f'"{kind}"') for kind in ("local", "hpc") for number in range(1, 26)
    )
    assert len(parse(text).clusters) == 50


AT = 'dashboard = "http://127.0.0.1:8265"\n'
REFUSED = [
    ("a slot too high", slot("a", 26), "clusters[0].tunnel.slot", "1 to 25, got 26"),
    ("slot 0", slot("a", 0), "clusters[0].tunnel.slot", "1 to 25, got 0"),
    (
        "a slot that is text",
        slot("a", '"1"'),
        "clusters[0].tunnel.slot",
        'cluster a: expected a slot from 1 to 25, got "1"',
    ),
    ("a slot that is true", slot("a", "true"), "clusters[0].tunnel.slot", "got true"),
    ("an unknown gate", cluster("a", tunnel='{ via = "x", slot = 1 }'), "clusters[0].tunnel.via", "bare, cpouta"),
    ("a tunnel without slot", cluster("a", tunnel='{ via = "bare" }'), "clusters[0].tunnel.slot", "is missing"),
    (
        "an unknown key of tunnel",
        cluster("a", tunnel='{ via = "bare", slots = 1 }'),
        "clusters[0].tunnel.slots",
        "slot?",
    ),
    ("cloud with a tunnel", slot("a", 1, kind='"cloud"'), "clusters[0].tunnel", "kind is cloud"),
    ("reach alone", cluster("a", dashboard='"http://d"', reach='"vm"'), "clusters[0].reach", "without a tunnel"),
    (
        "vm without private_ip",
        cluster("a", tunnel='{ via = "bare", slot = 1 }', reach='"vm"'),
        "clusters[0].reach",
        "add private_ip to [ssh.bare]",
    ),
    (
        "forward without private_ip",
        cluster("a", tunnel='{ via = "bare", slot = 1 }', reach='"forward"'),
        "clusters[0].reach",
        "add private_ip to [ssh.bare]",
    ),
    ("an unknown reach", slot("a", 1, reach='"vpn"'), "clusters[0].reach", "gateway, vm or forward"),
    ("no way at all", cluster("a"), "clusters[0].dashboard", "is missing"),
    ("an unknown kind", cluster("a", kind='"clod"'), "clusters[0].kind", "local, cloud or hpc"),
    ("no kind", '[[clusters]]\nname = "a"\n', "clusters[0].kind", "is missing"),
    ("an unknown server", slot("a", 1, prometheus='"x"'), "clusters[0].prometheus", "(there is: oss)"),
    ("no expected nodes", slot("a", 1, nodes="0"), "clusters[0].nodes", "1 to 100000"),
    ("half a node", slot("a", 1, nodes="1.5"), "clusters[0].nodes", "got 1.5"),
    ("doubled names", slot("a", 1) + slot("b", 2) + slot("a", 3), "clusters[2].name", "clusters[0] has it already"),
    ("doubled slots", slot("a", 1) + slot("b", 1), "clusters[1].tunnel.slot", "that of cluster a"),
    (
        "doubled slots on two VMs: hosts and Service names are the same",
        slot("a", 1) + cluster("b", tunnel='{ via = "bare", slot = 1 }'),
        "clusters[1].tunnel.slot",
        "that of cluster a",
    ),
    (
        "doubled dashboards",
        cluster("a", dashboard='"http://h:80"') + cluster("b", dashboard='"http://H/"'),
        "clusters[1].dashboard",
        "h:80 is dashboard of cluster a",
    ),
    (
        "doubled by another name of this machine",
        cluster("a", dashboard='"http://127.0.0.1:1"') + cluster("b", dashboard='"http://localhost:1"'),
        "clusters[1].dashboard",
        "127.0.0.1:1 is dashboard of cluster a",
    ),
    (
        "one's serve is the other's dashboard",
        cluster("a", dashboard='"http://h:1"') + cluster("b", dashboard='"http://h:2"', serve='"http://h:1"'),
        "clusters[1].serve",
        "dashboard of cluster a",
    ),
    (
        "one cluster's dashboard and serve",
        cluster("a", dashboard='"http://h:1"', serve='"http://h:1"'),
        "clusters[0].serve",
        "dashboard of this cluster",
    ),
    (
        "doubled clients",
        cluster("a", dashboard='"http://h:1"', client='"c:1"') + cluster("b", dashboard='"http://h:2"', client='"c:1"'),
        "clusters[1].client",
        "client of cluster a",
    ),
    (
        "an explicit address that an earlier slot has",
        slot("a", 1) + cluster("b", dashboard='"http://192.168.1.19:8100"'),
        "clusters[1].dashboard",
        "dashboard of cluster a",
    ),
    (
        "an explicit address that a later slot has",
        cluster("a", dashboard='"http://192.168.1.19:8301"') + slot("b", 1, dashboard='"http://d"'),
        "clusters[1].tunnel.slot",
        "dashboard of cluster a",
    ),
    (
        "an explicit client that a slot has",
        slot("a", 1)
        + cluster("b", dashboard='"http://d"', client='"ray-local-1-client.integration.svc.cluster.local:8151"'),
        "clusters[1].client",
        "client of cluster a",
    ),
    (
        "a Service of a slot whose client is elsewhere",
        slot("a", 1, client='"c:1"')
        + cluster("b", dashboard='"http://d"', client='"ray-local-1-client.integration.svc.cluster.local:8151"'),
        "clusters[1].client",
        "client of cluster a",
    ),
    (
        "a gateway's host of a slot that is reached otherwise",
        slot("a", 1, reach='"vm"') + cluster("b", dashboard='"http://ray.local.dash-1.oss:7001"'),
        "clusters[1].dashboard",
        "dashboard of cluster a",
    ),
    (
        "a forward's port",
        slot("a", 1, reach='"forward"') + cluster("b", dashboard='"http://localhost:8100"'),
        "clusters[1].dashboard",
        "dashboard of cluster a",
    ),
    (
        "two clusters that share all series",
        cluster("a", dashboard='"http://h:1"', prometheus='"oss"') + slot("b", 1),
        "clusters[1].series",
        "from cluster a",
    ),
    (
        "two clusters with the same series",
        slot("a", 1) + cluster("b", dashboard='"http://h:1"', series='{ job = "ray-local-1-metrics-(head|worker)" }'),
        "clusters[1].series",
        "from cluster a",
    ),
]


@pytest.mark.parametrize(("text", "path", "words"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_refused(text, path, words):
    where, message = refusal(SECTIONS + text)
    assert where == path
    assert words in message


def test_drivers_and_this_console_have_different_loopbacks():
    text = cluster("a", dashboard='"http://127.0.0.1:1"') + cluster("b", dashboard='"http://h"', client='"127.0.0.1:1"')
    assert len(parse(text).clusters) == 2


def test_one_host_with_two_paths_is_two_addresses():
    text = cluster("a", dashboard='"http://proxy/one"') + cluster("b", dashboard='"http://proxy/two"')
    assert [spec.dashboard for spec in parse(text).clusters] == ["http://proxy/one", "http://proxy/two"]
