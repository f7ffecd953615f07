"""Tokens: only from private files and the environment, to the right cluster, and never in a message."""

import os
from pathlib import Path

import pytest

from console.config import (
    PrometheusServer,
    auth_token,
    bearer_token,
    load_config,
    parse_config,
    read_secret,
    token_variable,
)
from console.errors import ConfigError
from console.model.cluster import ClusterSpec

SECRET = "s3cret-token"


@pytest.fixture
def token_file(tmp_path):
    path = tmp_path / "a token"
    path.write_text(f"{SECRET}\n")
    path.chmod(0o600)
    return path


def spec(name="local-1", **keys):
    return ClusterSpec(name=name, kind="local", dashboard="http://h", **keys)


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_private_file_is_read_and_stripped(token_file, mode):
    token_file.chmod(mode)
    assert read_secret(token_file) == SECRET


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o610, 0o644, 0o666])
def test_a_file_that_others_may_use_is_refused(token_file, mode):
    token_file.chmod(mode)
    with pytest.raises(ConfigError, match=f"mode {mode:04o}, expected 0600") as caught:
        read_secret(token_file)
    assert caught.value.hint == f"chmod 600 '{token_file}'"
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no token"),
        (b" \n\t", "no token"),
        (b"qwxz with spaces", "printable ASCII"),
        (b"qwxz\nX-Header: 1", "printable ASCII"),
        (b"qwxz\x1b[2J", "printable ASCII"),
        (b"qwxz\x00", "printable ASCII"),
        ("qwxzä".encode(), "printable ASCII"),
        (b"qwxz\xff", "printable ASCII"),
    ],
)
def test_what_is_no_token(token_file, content, words):
    token_file.write_bytes(content)
    with pytest.raises(ConfigError, match=words) as caught:
        read_secret(token_file)
    assert "qwxz" not in caught.value.what + caught.value.hint


def test_a_missing_file_a_folder_and_a_pipe_without_writer(tmp_path):
    os.mkfifo(tmp_path / "pipe", 0o600)
    for name, words in (("missing", "No such file"), ("", "Is a directory"), ("pipe", "not a file")):
        with pytest.raises(ConfigError, match=words):
            read_secret(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "variable"),
    [("local-1", "RAYDECK_AUTH_TOKEN_LOCAL_1"), ("a.b-c", "RAYDECK_AUTH_TOKEN_A_B_C")],
)
def test_the_variable_of_a_cluster(name, variable):
    assert token_variable(name) == variable
    assert auth_token(spec(name), {variable: f" {SECRET} "}) == SECRET


def test_no_token_is_no_token():
    assert auth_token(spec(), {"RAYDECK_AUTH_TOKEN_LOCAL_2": SECRET, "RAYDECK_AUTH_TOKEN_LOCAL_1": ""}) is None


def test_the_environment_comes_before_the_file(token_file):
    cluster = spec(auth_token_file=token_file)
    assert auth_token(cluster, {}) == SECRET
    assert auth_token(cluster, {"RAYDECK_AUTH_TOKEN_LOCAL_1": "other"}) == "other"


def test_a_bad_token_in_the_environment_is_refused_by_its_variable():
    with pytest.raises(ConfigError) as caught:
        auth_token(spec(), {"RAYDECK_AUTH_TOKEN_LOCAL_1": "s3cret\ninjected"})
    assert caught.value.where == "$RAYDECK_AUTH_TOKEN_LOCAL_1"
    assert "s3cret" not in str(caught.value)


def test_rays_own_variables_count_for_the_implicit_cluster_only(token_file):
    (implicit,) = load_config(None, {"RAY_AUTH_TOKEN_PATH": str(token_file)}).clusters
    assert auth_token(implicit, {}) == SECRET
    assert auth_token(implicit, {"RAY_AUTH_TOKEN": "rays"}) == "rays"
    configured = parse_config(
        b'[[clusters]]\nname = "local"\nkind = "local"\ndashboard = "http://elsewhere"\n', Path("/x/c.toml"), {}
    ).clusters[0]
    assert auth_token(configured, {"RAY_AUTH_TOKEN": "rays", "RAY_AUTH_TOKEN_PATH": str(token_file)}) is None


def test_a_bearer_token_of_prometheus(token_file):
    assert bearer_token(PrometheusServer("p", "http://p")) is None
    assert bearer_token(PrometheusServer("p", "http://p", token_file)) == SECRET


def test_a_configuration_never_shows_a_token(token_file):
    text = f'[[clusters]]\nname = "a"\nkind = "local"\ndashboard = "http://h"\nauth_token_file = "{token_file}"\n'
    config = parse_config(text.encode(), token_file.parent / "clusters.toml", {})
    assert auth_token(config.clusters[0], {}) == SECRET
    assert SECRET not in repr(config)
