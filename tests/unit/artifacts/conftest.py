"""The tutorial's topology, rendered; the committed examples are the same files (test_render_command.py proves it)."""

import functools
import os
import subprocess
from pathlib import Path

import pytest
import yaml

from console.artifacts import TARGETS, render
from console.config import parse_config

REPOSITORY = Path(__file__).parents[3]
EXAMPLES = REPOSITORY / "deploy" / "examples"
HOME = Path("/home/ada")


@pytest.fixture(scope="session")
def examples():
    return EXAMPLES


@pytest.fixture(scope="session")
def config_of():
    """``config_of(toml)`` is the Config of a file's text."""

    def parse(content):
        return parse_config(content.encode(), Path("/etc/raydeck/clusters.toml"), {"HOME": str(HOME)})

    return parse


@pytest.fixture(scope="session")
def render_text(config_of):
    """``render_text(toml, *targets)`` is path -> content, of all targets by default."""
    return lambda content, *targets: render(config_of(content), targets or tuple(TARGETS), HOME)


@pytest.fixture(scope="session")
def files(render_text):
    return render_text((EXAMPLES / "clusters.toml").read_text())


@pytest.fixture(scope="session")
def documents(files):
    """``documents(path)`` are the YAML documents of a rendered file."""
    return functools.cache(lambda path: list(yaml.load_all(files[path], yaml.CSafeLoader)))


@pytest.fixture(scope="session")
def written(files, tmp_path_factory):
    """The folder that holds the rendered files, for programs that read files."""
    folder = tmp_path_factory.mktemp("deploy")
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(content)
    return folder


@pytest.fixture(scope="session")
def call():
    """``call(*arguments)`` runs a program, which has to succeed, and is what it printed."""

    def run(*arguments):
        ran = subprocess.run([str(a) for a in arguments], capture_output=True, text=True, timeout=60, check=False)
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran.stdout

    return run


@pytest.fixture(scope="session", autouse=True)
def privilege_separation():
    """The empty folder that sshd asks for when root starts it; a running service or a boot would have made it."""
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
