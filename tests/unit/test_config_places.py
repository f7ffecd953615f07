"""Where the file is looked for, what is shown without one, and the example that everybody gets."""

import os
import re
from pathlib import Path

import pytest

from console.config import example_text, find_config, load_config, parse_config, searched_places
from console.errors import ConfigError


@pytest.fixture
def home(tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "work").mkdir()
    return tmp_path / "home"


@pytest.fixture
def cwd(home):
    return home.parent / "work"


def written(path, text=""):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_the_order_of_the_four_places(home, cwd):
    environ = {"HOME": str(home), "RAYDECK_CONFIG": "~/named.toml", "XDG_CONFIG_HOME": str(home / "xdg")}
    explicit = written(cwd / "explicit.toml")
    named = written(home / "named.toml")
    here = written(cwd / "clusters.toml")
    xdg = written(home / "xdg/raydeck/clusters.toml")
    assert find_config(Path("explicit.toml"), environ, cwd) == explicit
    assert find_config(None, environ, cwd) == named
    del environ["RAYDECK_CONFIG"]
    assert find_config(None, environ, cwd) == here
    here.unlink()
    assert find_config(None, environ, cwd) == xdg
    xdg.unlink()
    assert find_config(None, environ, cwd) is None


@pytest.mark.parametrize("xdg", [None, "", "relative"])
def test_without_a_usable_xdg_folder_it_is_dot_config(home, cwd, xdg):
    environ = {"HOME": str(home)} if xdg is None else {"HOME": str(home), "XDG_CONFIG_HOME": xdg}
    expected = written(home / ".config/raydeck/clusters.toml")
    assert find_config(None, environ, cwd) == expected


def test_places_are_told_with_their_names(home, cwd):
    places = searched_places(None, {"HOME": str(home)}, cwd)
    assert [(place.name, place.path) for place in places] == [
        ("--config", None),
        ("$RAYDECK_CONFIG", None),
        ("./clusters.toml", cwd / "clusters.toml"),
        ("$XDG_CONFIG_HOME/raydeck/clusters.toml", home / ".config/raydeck/clusters.toml"),
    ]


@pytest.mark.parametrize("way", ["--config", "$RAYDECK_CONFIG"])
@pytest.mark.parametrize(("target", "words"), [("missing.toml", "does not exist"), (".", "is a folder")])
def test_a_demanded_file_must_be_there(home, cwd, way, target, words):
    written(cwd / "clusters.toml")
    environ = {"HOME": str(home)}
    explicit = Path(target) if way == "--config" else None
    if explicit is None:
        environ["RAYDECK_CONFIG"] = target
    with pytest.raises(ConfigError, match=words) as caught:
        find_config(explicit, environ, cwd)
    assert caught.value.where == str(cwd / target)
    assert way in caught.value.hint


def test_a_folder_of_that_name_is_not_the_file(home, cwd):
    (cwd / "clusters.toml").mkdir()
    assert find_config(None, {"HOME": str(home)}, cwd) is None


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read") as caught:
        load_config(tmp_path, {})
    assert caught.value.where == str(tmp_path)


def test_a_pipe_is_read(home):
    reading, writing = os.pipe()
    os.write(writing, b"[console]\nread_only = true\n")
    os.close(writing)
    path = find_config(Path(f"/dev/fd/{reading}"), {"HOME": str(home)}, home)
    assert load_config(path, {}).console.read_only
    os.close(reading)


@pytest.mark.parametrize(
    ("environ", "dashboard", "serve", "client"),
    [
        ({}, "http://127.0.0.1:8265", "http://127.0.0.1:8350", "127.0.0.1:10001"),
        ({"RAY_API_SERVER_ADDRESS": ""}, "http://127.0.0.1:8265", "http://127.0.0.1:8350", "127.0.0.1:10001"),
        (
            {"RAY_API_SERVER_ADDRESS": "http://localhost:9000/"},
            "http://localhost:9000",
            "http://127.0.0.1:8350",
            "127.0.0.1:10001",
        ),
        ({"RAY_API_SERVER_ADDRESS": "http://far:8265"}, "http://far:8265", None, None),
    ],
)
def test_without_a_file_there_is_one_cluster_where_ray_says(environ, dashboard, serve, client):
    config = load_config(None, environ)
    (spec,) = config.clusters
    assert config.path is None
    assert (spec.name, spec.kind, spec.implicit) == ("local", "local", True)
    assert (spec.dashboard, spec.serve, spec.client, spec.serve_port) == (dashboard, serve, client, 8350)


@pytest.mark.parametrize("address", ["auto", "ray://h:10001", "http://u:s3cret@h"])
def test_an_address_of_ray_that_is_no_dashboard(address):
    with pytest.raises(ConfigError) as caught:
        load_config(None, {"RAY_API_SERVER_ADDRESS": address})
    assert caught.value.where == "$RAY_API_SERVER_ADDRESS"
    assert "s3cret" not in str(caught.value)


def test_the_example_is_one_laptop_as_ray_starts_it():
    config = parse_config(example_text().encode(), Path("/x/clusters.toml"), {"HOME": "/h"})
    (spec,) = config.clusters
    assert (spec.name, spec.dashboard, spec.serve, spec.client, spec.expected_nodes) == (
        "laptop",
        "http://127.0.0.1:8265",
        "http://127.0.0.1:8350",
        "127.0.0.1:10001",
        2,
    )


def test_every_commented_example_is_valid_too():
    text = re.sub(r"(?m)^# (?=\[|\w+ = )", "", example_text())
    config = parse_config(text.encode(), Path("/x/clusters.toml"), {"HOME": "/h"})
    assert [spec.name for spec in config.clusters] == ["laptop", "cloud-1", "local-1"]
    assert config.job_folders == (Path("/h/my-ray-jobs"),)
    assert config.clusters[2].dashboard == "http://ray.local.dash-1.oss:7001"
