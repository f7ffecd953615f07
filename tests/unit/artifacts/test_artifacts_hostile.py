"""Whatever stands in clusters.toml: a file is refused with its key path, or means what it meant before."""

import json
import re
import shlex
import string
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from console.artifacts import TARGETS, render
from console.artifacts.documents import placeholder
from console.config import parse_config
from console.errors import ConfigError

VALUES = {
    "clusters[0].name": "local-1",
    "ssh.vm.host": "vm",
    "ssh.vm.private_ip": "10.0.0.1",
    "ssh.vm.floating_ip": "203.0.113.7",
    "ssh.vm.user": "ada",
    "ssh.vm.identity_file": "/keys/id",
    "kubernetes.namespace": "integration",
    "kubernetes.domain": "oss",
    "kubernetes.gateway_ip": "203.0.113.8",
    "prometheus.p.url": "http://prometheus.oss:7001",
    "clusters[1].dashboard": "http://ray.cloud.dash-1.oss:7001",
    "clusters[1].serve": "http://ray.cloud.serve-1.oss:7001",
    "clusters[1].client": "a-head-svc.default.svc.cluster.local:10001",
    "clusters[1].series.job": "a-(head|worker)",
}
URLS = ("clusters[1].dashboard", "clusters[1].serve", "prometheus.p.url")
# With an address elsewhere there is less to render.
FREE = (*URLS, "clusters[1].client")
NASTY = [
    *("a b", 'a"b', "a'b", "a\nb", "a\r\nHost *", "$(id)", "`id`", "${HOME}", "%h", "a\\b", "a: b", "- a", "{a}", "*"),
    *(
        "&a",
        "a#b",
        " a",
        "a ",
        "",
        placeholder("x"),
        "\x00",
        "\x1b[2J",
        "no",
        "~",
        "null",
        "1e3",
        "0x1f",
        "-oProxyCommand=id",
    ),
    *("A", "ä", "x" * 300),
]
PLAIN = string.ascii_letters + string.digits + "._-/~:@ "


def toml(values):
    given = values | {key: values[key].replace(".oss:", f".{values['kubernetes.domain']}:") for key in URLS}
    q = {key: json.dumps(value) for key, value in given.items()}
    return f"""
[ssh.vm]
host = {q["ssh.vm.host"]}
private_ip = {q["ssh.vm.private_ip"]}
floating_ip = {q["ssh.vm.floating_ip"]}
user = {q["ssh.vm.user"]}
identity_file = {q["ssh.vm.identity_file"]}
[kubernetes]
namespace = {q["kubernetes.namespace"]}
domain = {q["kubernetes.domain"]}
gateway_ip = {q["kubernetes.gateway_ip"]}
[prometheus.p]
url = {q["prometheus.p.url"]}
[[clusters]]
name = {q["clusters[0].name"]}
kind = "local"
tunnel = {{ via = "vm", slot = 1 }}
[[clusters]]
name = "cloud-1"
kind = "cloud"
dashboard = {q["clusters[1].dashboard"]}
serve = {q["clusters[1].serve"]}
client = {q["clusters[1].client"]}
prometheus = "p"
series = {{ job = {q["clusters[1].series.job"]} }}
"""


def outcome(values):
    """The rendered files, or the error that refused the values."""
    try:
        config = parse_config(toml(values).encode(), Path("/c.toml"), {"HOME": "/home/ada"})
        return render(config, tuple(TARGETS), Path("/home/ada"))
    except ConfigError as error:
        return error


def shape(files):
    """What no value may change: the keys and types of every document, the number of words of every other line."""
    return sorted(shape_of(content, path.endswith((".yaml", ".yml"))) for path, content in files.items())


def shape_of(content, is_yaml):
    if is_yaml:
        return json.dumps([leafless(document) for document in yaml.load_all(content, yaml.CSafeLoader)])
    lines = [line for line in content.splitlines() if not line.startswith("#")]
    return json.dumps([(line[:1] == " ", len(shlex.split(line))) for line in lines])


def leafless(value):
    if isinstance(value, dict):
        return {key: leafless(part) for key, part in value.items()}
    return [leafless(part) for part in value] if isinstance(value, list) else type(value).__name__


BEFORE = outcome(VALUES)
SHAPE_BEFORE = shape(BEFORE)
HOSTS_LINE = re.compile(r"[0-9.]+( [a-z0-9]([a-z0-9.-]*[a-z0-9])?)+")


def assert_means_the_same(key, found):
    """What was taken changed no shape, or left something out that this key asks for."""
    if key not in FREE:
        assert shape(found) == SHAPE_BEFORE
    for path in found if key in FREE else ():
        if not path.endswith(("hosts", "kustomization.yaml", "gateway.yaml")):
            assert shape({path: found[path]}) == shape({path: BEFORE[path]}), path
    for line in found["hosts/hosts"].splitlines():
        assert line.startswith("# ") or HOSTS_LINE.fullmatch(line)


@pytest.mark.parametrize("key", VALUES)
def test_nasty_values_are_refused_by_their_key_or_change_nothing_else(key):
    refused = 0
    for nasty in NASTY:
        found = outcome(VALUES | {key: nasty})
        if isinstance(found, ConfigError):
            assert key in found.where
            assert str(found).isprintable()
            refused += 1
        else:
            assert_means_the_same(key, found)
    assert refused > len(NASTY) / 2 or key in {"ssh.vm.identity_file", "clusters[1].series.job"}


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.sampled_from(list(VALUES)), st.text(PLAIN, max_size=20))
def test_what_is_taken_changes_no_shape(key, text):
    found = outcome(VALUES | {key: text})
    if isinstance(found, ConfigError):
        assert found.where.startswith(f"/c.toml: {key.rpartition('.')[0]}")
    else:
        assert_means_the_same(key, found)


@pytest.mark.parametrize("key", URLS)
@pytest.mark.parametrize("url", ["http://a b.oss:7001", "http://$(id).oss:7001", "http://a_b.oss:7001", "http://-a.oss:7001",
    "http://*.oss:7001", "http://ü.oss:7001", "http://u:p@a.oss:7001", "http://a.oss:7001/?x", "http://a..oss:7001",
    "http://a.oss:7001\n10.0.0.1 bank", "http://" + "a" * 64 + ".oss:7001"])  # fmt: skip
def test_a_host_that_is_no_dns_name_is_refused(key, url):
    found = outcome(VALUES | {key: url})
    assert isinstance(found, ConfigError)
    assert found.where == f"/c.toml: {key}"
    assert str(found).isprintable()


@pytest.mark.parametrize("section", ["ssh", "prometheus"])
@pytest.mark.parametrize(
    "name", [nasty for nasty in NASTY if not nasty.isalnum()] + ["..", "../../etc", "a/b", ".a", "é"]
)
def test_a_sections_name_is_a_plain_word_as_it_becomes_a_folder(section, name):
    before = {"ssh": ("ssh.vm", 'via = "vm"', f"via = {json.dumps(name)}"), "prometheus": ("prometheus.p", "", "")}[
        section
    ]
    content = toml(VALUES).replace(f"[{before[0]}]", f"[{section}.{json.dumps(name)}]")
    content = content.replace(before[1] or "\0", before[2]).replace(
        'prometheus = "p"', f"prometheus = {json.dumps(name)}"
    )
    with pytest.raises(ConfigError) as refused:
        parse_config(content.encode(), Path("/c.toml"), {"HOME": "/home/ada"})
    assert refused.value.where.startswith((f"/c.toml: {section}", "/c.toml: line"))  # NUL is no TOML
    assert str(refused.value).isprintable()


@pytest.mark.parametrize(
    "port", ['"7001"', "0", "-1", "65536", "7001.5", "true", "[7001]", '"7001\\nHost *"', "0o7001_7001"]
)
def test_a_gateways_port_is_a_port(port):
    content = toml(VALUES).replace("[kubernetes]", f"[kubernetes]\ngateway_port = {port}")
    with pytest.raises(ConfigError) as refused:
        parse_config(content.encode(), Path("/c.toml"), {"HOME": "/home/ada"})
    assert refused.value.where == "/c.toml: kubernetes.gateway_port"


@pytest.mark.parametrize("path", ['/keys/"id', "/keys/%u", "/keys/${USER}", "/keys/a\\b"])
def test_a_key_file_that_ssh_would_read_as_another_is_refused(path):
    found = outcome(VALUES | {"ssh.vm.identity_file": path})
    assert isinstance(found, ConfigError)
    assert found.where == "/c.toml: ssh.vm.identity_file"


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "169.254.0.1", "fe80::1"])
def test_an_address_that_no_pod_reaches_is_refused(address):
    found = outcome(VALUES | {"ssh.vm.private_ip": address})
    assert isinstance(found, ConfigError)
    assert found.where == "/c.toml: ssh.vm.private_ip"


SHARED = """
[ssh.a]
host = "ada@vm"
[ssh."b.c"]
host = "bob@vm"
[[clusters]]
name = "x"
kind = "local"
tunnel = { via = "a", slot = 1 }
[[clusters]]
name = "y"
kind = "local"
tunnel = { via = "b.c", slot = 2 }
"""


def test_two_machines_that_ssh_would_call_by_one_name_are_refused(render_text):
    with pytest.raises(ConfigError, match=r'ssh\."b\.c"\.host: expected a host of its own'):
        render_text(SHARED, "ssh")


@pytest.mark.parametrize("host", ["rf-vm", "lf-vm"])
def test_a_machine_that_is_called_as_anothers_tunnel_is_refused(render_text, host):
    with pytest.raises(
        ConfigError, match=rf'ssh\."b\.c"\.host: expected a host of its own: ssh calls ssh\.a {host}, too'
    ):
        render_text(SHARED.replace("bob@vm", f"bob@{host}"), "ssh")


def test_two_virtual_services_of_one_name_are_refused(render_text):
    content = toml(VALUES | {"clusters[0].name": "laptop"}).replace('"cloud-1"', '"local-1"')
    with pytest.raises(
        ConfigError, match=r"clusters\[1\]\.name: expected another name: ray-local-1-dash-virtualservice"
    ):
        render_text(content, "istio")


@pytest.mark.parametrize(
    ("key", "value", "where", "what"),
    [
        ("clusters[1].serve", "http://ray.cloud.dash-1.oss:7001/serve", "clusters[1].serve", "expected no path"),
        ("clusters[1].dashboard", "http://ray.cloud.dash-1.oss:7001/ray", "clusters[1].dashboard", "expected no path"),
        ("clusters[1].serve", "http://prometheus.oss:7001", "clusters[1].serve", "is that of prometheus.p.url"),
        ("clusters[1].serve", "http://prometheus.oss.:7001", "clusters[1].serve", "is that of prometheus.p.url"),
        ("prometheus.p.url", "http://ray.local.serve-1.oss:7001/p", "clusters[0].tunnel.slot", "of prometheus.p.url"),
        (
            "clusters[1].client",
            "a-head-svc.default.svc.cluster.local:10002",
            "clusters[1].client",
            "expected port 10001",
        ),
    ],
)
def test_one_host_is_one_thing_and_a_head_service_has_one_port(key, value, where, what):
    found = outcome(VALUES | {key: value})
    assert isinstance(found, ConfigError)
    assert found.where == f"/c.toml: {where}"
    assert what in found.what


@pytest.mark.parametrize("port", [10001, 10002])
def test_two_clusters_that_are_one_ray_cluster_are_refused(render_text, port):
    second = f"""
[[clusters]]
name = "cloud-2"
kind = "cloud"
dashboard = "http://ray.cloud.dash-2.oss:7001"
client = "a-head-svc.default.svc.cluster.local:{port}"
prometheus = "p"
series = {{ job = "b" }}
"""
    with pytest.raises(ConfigError, match=r"clusters\[2\]\.client: "):
        render_text(toml(VALUES) + second)
