"""``raydeck tunnel`` with an ssh that only plays its part: what is printed, what is refused, with which status."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from console.cli.root import raydeck

CONFIG = """
[ssh.vm]
host = "vm"
private_ip = "192.0.2.7"

[[clusters]]
name = "local-1"
kind = "local"
tunnel = {{ via = "vm", slot = 1 }}
reach = "forward"
dashboard = "http://127.0.0.1:{port}"
"""
REFUSES = "#!/bin/sh\necho 'op@vm: Permission denied (publickey).' >&2\nexit 255\n"


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.fixture
def run(tmp_path: Path, port: int):
    (tmp_path / "clusters.toml").write_text(CONFIG.format(port=port))
    (tmp_path / "ssh").write_text(REFUSES)
    (tmp_path / "ssh").chmod(0o755)
    environ = {
        "XDG_STATE_HOME": str(tmp_path / "state"), "HOME": str(tmp_path), "PATH": f"{tmp_path}:{os.environ['PATH']}",
    }  # fmt: skip

    def run(*words: str, before: tuple[str, ...] = ()) -> Result:
        arguments = [*before, "--config", str(tmp_path / "clusters.toml"), "tunnel", *words]
        return CliRunner().invoke(raydeck, arguments, env=environ)

    return run


@pytest.mark.parametrize("what", ["up", "down"])
def test_read_only_refuses_what_changes_anything(run, what: str) -> None:
    result = run(what, before=("--read-only",))
    assert f"tunnel {what} is refused" in result.output
    assert result.exit_code == 2
    assert run("status", before=("--read-only",)).exit_code in {0, 1}


def test_what_only_a_person_can_mend_ends_it_with_status_one_and_the_fix(run) -> None:
    result = run("up")
    assert "local-1: the VM refuses our key (publickey) (ssh-copy-id vm" in result.output
    assert result.exit_code == 1
    assert "local-1: to VM: given-up: the VM refuses our key" in result.output


def test_a_port_of_another_program_is_named_with_its_pid(run, port: int) -> None:
    with socket.create_server(("127.0.0.1", port)):
        told = run("up").output
        document = json.loads(run("status", "--json").output)
    assert f"127.0.0.1:{port} is held by" in told
    assert f"kill {os.getpid()}" in told
    (tunnel,) = document["tunnels"]
    assert (tunnel["state"], tunnel["kept_by"], tunnel["forwards"][0]["state"]) == ("held", None, "held")


def test_status_of_what_nobody_keeps_open(run) -> None:
    result = run("status", "--json")
    (tunnel,) = json.loads(result.output)["tunnels"]
    assert (tunnel["cluster"], tunnel["direction"], tunnel["state"]) == ("local-1", "local", "closed")
    assert [each["service"] for each in tunnel["forwards"]] == [
        "dashboard", "client", "metrics-head", "metrics-worker", "serve",
    ]  # fmt: skip
    assert tunnel["since"] is None
    assert "closed" in run("status", before=("--ascii",)).output
    assert run("status", before=("--ascii",)).output.isascii()


def test_down_without_anything_in_the_background_is_harmless(run) -> None:
    result = run("down")
    assert result.exception is None
    assert "nothing of it is kept open in the background" in result.output


def test_a_cluster_that_is_not_configured(run) -> None:
    assert "no such cluster" in run("up", "nobody").output
