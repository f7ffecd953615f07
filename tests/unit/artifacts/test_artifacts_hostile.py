"""Whatever stands in clusters.toml: a file is refused with its key path, or means what it meant before."""

import json
import shlex
import string
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from console.artifacts import TARGETS, render
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
    "clusters[1].client": "a-head-svc.default.svc.cluster.local:10001",
}
NASTY = [
    *("a b", 'a"b', "a'b", "a\nb", "a\r\nHost *", "$(id)", "`id`", "${HOME}", "%h", "a\\b", "a: b", "- a", "{a}", "*"),
    *(
        "&a",
        "a#b",
        " a",
        "a ",
        "",
        "__SET_x__",
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
    q = {key: json.dumps(value) for key, value in values.items()}
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
[[clusters]]
name = {q["clusters[0].name"]}
kind = "local"
tunnel = {{ via = "vm", slot = 1 }}
[[clusters]]
name = "cloud-1"
kind = "cloud"
dashboard = {json.dumps(f"http://ray.cloud.dash-1.{values['kubernetes.domain']}:7001")}
client = {q["clusters[1].client"]}
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


BEFORE = shape(outcome(VALUES))


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
            assert shape(found) == BEFORE, nasty
    assert refused > len(NASTY) / 2 or key == "ssh.vm.identity_file"


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(list(VALUES)), st.text(PLAIN, max_size=20))
def test_what_is_taken_changes_no_shape(key, text):
    found = outcome(VALUES | {key: text})
    if isinstance(found, ConfigError):
        assert found.where.startswith(f"/c.toml: {key.rpartition('.')[0]}")
    elif key != "clusters[1].client":  # another address is no head Service, so there is nothing to render for it
        assert shape(found) == BEFORE


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


def test_two_virtual_services_of_one_name_are_refused(render_text):
    content = toml(VALUES | {"clusters[0].name": "laptop"}).replace('"cloud-1"', '"local-1"')
    with pytest.raises(
        ConfigError, match=r"clusters\[1\]\.name: expected another name: ray-local-1-dash-virtualservice"
    ):
        render_text(content, "istio")
