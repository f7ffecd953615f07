"""Whatever stands in the file: a Config without control characters in it, or one line that names the file."""

import json
import string
from datetime import date
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from console.config import Config, parse_config
from console.config.schema import (
    ClusterTable,
    ConsoleTable,
    JobsTable,
    KubernetesTable,
    PrometheusTable,
    Root,
    SshTable,
    TunnelTable,
)
from console.errors import ConfigError

FILE = Path("/etc/raydeck/clusters.toml")
TABLES = [Root, ConsoleTable, JobsTable, PrometheusTable, SshTable, KubernetesTable, TunnelTable, ClusterTable]
KEYS = sorted({field for table in TABLES for field in table.__struct_fields__} | {"job", "oss", "vm"})
NASTY = ["", "\x1b[2J", "\x9b31m", "[@click=app.quit]x[/]", "a\nb", "\u202e", "\u200b", "(", "~", "-o"]
PLAIN = ["http://h:1", "http://u:p@h", "h:1", "vm", "oss", "local", "forward", "10.0.0.1", "a-1", "b-2"]


def toml(value):
    """Write a value as inline TOML; JSON's strings are TOML's, but for DEL."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{toml(key)} = {toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    if isinstance(value, str):
        return json.dumps(value).replace("\x7f", "\\u007f")
    if isinstance(value, bool):
        return str(value).lower()
    return value.isoformat() if isinstance(value, date) else repr(value)


TEXTS = st.sampled_from(NASTY + PLAIN) | st.text(st.characters(max_codepoint=0x2FFF), max_size=8)
SCALARS = TEXTS | st.integers(-3, 30) | st.integers() | st.floats() | st.booleans() | st.dates()
NAMES = st.sampled_from(KEYS) | st.text(string.printable + "\x1b\x9b", max_size=6)
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4))
CLUSTER = st.fixed_dictionaries(
    {"name": st.sampled_from(["a-1", "b-2"]) | TEXTS, "kind": st.sampled_from(["local", "cloud", "hpc"])},
    optional={
        "dashboard": st.sampled_from(["http://h:1", "http://h:2/x"]) | TEXTS,
        "serve": SCALARS,
        "client": SCALARS,
        "nodes": SCALARS,
        "series": VALUES,
        "reach": SCALARS,
        "prometheus": SCALARS,
        "auth_token_file": SCALARS,
        "tunnel": st.fixed_dictionaries({"via": st.just("vm"), "slot": SCALARS}) | VALUES,
    },
)
PLAUSIBLE = st.fixed_dictionaries(
    {"clusters": st.lists(CLUSTER, max_size=3), "ssh": st.just({"vm": {"host": "vm", "private_ip": "10.0.0.1"}})},
    optional={
        "console": VALUES,
        "jobs": st.fixed_dictionaries({"paths": st.lists(TEXTS, max_size=2)}) | VALUES,
        "kubernetes": VALUES,
        "prometheus": st.dictionaries(NAMES, VALUES),
    },
)
DOCUMENTS = st.dictionaries(NAMES, VALUES, max_size=4) | PLAUSIBLE


def outcome(content):
    """Return the Config or the error; anything else raised is what these tests are for."""
    try:
        return parse_config(content, FILE, {"HOME": "/home/ada"})
    except ConfigError as error:
        return error


def check(result):
    if isinstance(result, ConfigError):
        assert result.where.startswith(str(FILE))
        assert result.what
        assert str(result).isprintable()
        assert len(str(result)) < 700
        return
    assert isinstance(result, Config)
    for text in texts(msgspec.to_builtins(result, enc_hook=str)):
        assert text.isprintable()


def texts(value):
    if isinstance(value, str):
        yield value
    for item in value if isinstance(value, list | tuple) else ():
        yield from texts(item)
    for key, item in value.items() if isinstance(value, dict) else ():
        yield from texts(key)
        yield from texts(item)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(DOCUMENTS)
def test_any_typed_garbage_is_a_config_or_one_line(document):
    content = "\n".join(f"{toml(key)} = {toml(value)}" for key, value in document.items())
    check(outcome(content.encode("utf-8", "surrogatepass")))


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=60) | st.text(string.printable, max_size=60).map(str.encode))
def test_any_bytes_are_a_config_or_one_line(content):
    check(outcome(content))


@pytest.mark.parametrize("key", ["\\u001b[2J", "a\\nb", "x" * 5000])
def test_a_hostile_key_is_shown_as_escapes(key):
    result = outcome(f'"{key}" = 1\n'.encode())
    assert isinstance(result, ConfigError)
    check(result)


def test_a_hostile_file_name_is_shown_as_escapes():
    with pytest.raises(ConfigError) as caught:
        parse_config(b"x = 1", Path("/tmp/\x1b[2J\n.toml"), {})
    assert str(caught.value).isprintable()
    assert "\\x1b[2J\\n" in str(caught.value)
