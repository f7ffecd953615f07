"""``raydeck render``: printed, written, compared; what is missing is named, what is not ours is kept."""

import shutil

import pytest

from console.__main__ import run

INCOMPLETE = """
[ssh.vm]
host = "vm"
[[clusters]]
name = "local-1"
kind = "local"
tunnel = { via = "vm", slot = 1 }
"""


@pytest.fixture(autouse=True)
def surroundings(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("RAYDECK_CONFIG", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "none"))


@pytest.fixture
def raydeck(capsys, examples):
    """``raydeck(*arguments)`` is exit status, standard output and standard error, on the example's configuration."""

    def call(*arguments, config=None):
        status = run(["--config", str(config or examples / "clusters.toml"), *map(str, arguments)])
        told = capsys.readouterr()
        return status, told.out, told.err

    return call


def incomplete(tmp_path):
    (tmp_path / "incomplete.toml").write_text(INCOMPLETE)
    return tmp_path / "incomplete.toml"


def test_the_committed_examples_are_fresh(raydeck, examples):
    status, out, err = raydeck("render", "--check", "--output", examples)
    assert (status, out) == (0, ""), out + err


def test_one_file_is_printed_as_it_is_and_several_below_their_names(raydeck, examples):
    status, out, _ = raydeck("render", "sshd")
    assert (status, out) == (0, (examples / "sshd/cpouta/50-raydeck.conf").read_text())
    status, out, _ = raydeck("render", "ssh", "hosts")
    assert next(line for line in out.splitlines() if line.startswith("==> ")) == "==> ssh/local-1/raydeck.conf <=="
    assert "==> hosts/hosts <==" in out
    assert "==> compose/" not in out


def test_what_is_written_is_what_is_checked_and_twice_is_the_same(raydeck, tmp_path):
    assert raydeck("render", "--output", "out")[0] == 0
    before = {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    status, _, err = raydeck("render", "--output", "out")
    assert (status, "0 of them new or changed" in err) == (0, True)
    assert {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()} == before
    assert raydeck("render", "--check", "--output", "out")[:2] == (0, "")


def test_a_changed_file_a_missing_one_and_one_too_many_differ(raydeck, tmp_path):
    raydeck("render", "--output", "deploy")
    drop_in = tmp_path / "deploy/sshd/cpouta/50-raydeck.conf"
    drop_in.write_text(drop_in.read_text().replace("clientspecified", "yes"))
    (tmp_path / "deploy/hosts/hosts").unlink()
    shutil.copy(drop_in, tmp_path / "deploy/sshd/old.conf")
    status, out, err = raydeck("render", "--check")
    assert status == 1
    assert "-    GatewayPorts yes\n+    GatewayPorts clientspecified" in out
    assert "+203.0.113.7 ray.local.dash-1.oss ray.local.serve-1.oss" in out
    assert "old.conf: follows from nothing any more; remove it" in err
    assert "3 of 60 files differ" in err
    assert raydeck("render", "compose", "--check")[0] == 0


def test_the_diff_of_a_hostile_file_controls_no_terminal(raydeck, tmp_path):
    raydeck("render", "hosts", "--output", "deploy")
    (tmp_path / "deploy/hosts/hosts").write_bytes(b"\x1b]0;owned\x07\xff\x9b2J")
    status, out, _ = raydeck("render", "hosts", "--check")
    assert status == 1
    assert "\x1b" not in out
    assert "\x07" not in out


def test_files_of_others_are_never_written_over(raydeck, tmp_path):
    (tmp_path / "out/hosts").mkdir(parents=True)
    (tmp_path / "out/hosts/hosts").write_text("127.0.0.1 localhost\n")
    status, _, err = raydeck("render", "--output", "out")
    assert (status, "was not rendered by raydeck" in err) == (2, True)
    assert [path.name for path in (tmp_path / "out").rglob("*") if path.is_file()] == ["hosts"]


def test_read_only_refuses_to_write_and_only_that(raydeck, tmp_path):
    status, _, err = raydeck("--read-only", "render", "--output", "out")
    assert (status, "read-only: render --output is refused" in err) == (2, True)
    assert not (tmp_path / "out").exists()
    assert raydeck("--read-only", "render", "hosts")[0] == 0
    assert raydeck("--read-only", "render", "--check", "--output", "out")[0] == 1


@pytest.mark.parametrize("how", [(), ("--output", "out"), ("--check", "--output", "out")])
def test_what_only_the_operator_knows_is_asked_for_by_its_key(raydeck, tmp_path, how):
    if "--check" in how:
        raydeck("render", "--output", "out", config=incomplete(tmp_path))
    status, _, err = raydeck("render", *how, config=incomplete(tmp_path))
    assert status == 1
    for key in ("private_ip", "floating_ip", "user", "identity_file"):
        assert f"ssh.vm.{key}: is missing in clusters.toml, so " in err


def test_a_placeholder_is_nothing_that_a_tool_would_take(raydeck, tmp_path):
    assert "HostName __SET_ssh.vm.floating_ip__" in raydeck("render", "ssh", config=incomplete(tmp_path))[1]
    assert "__SET_ssh.vm.private_ip__:8100" in raydeck("render", "sshd", config=incomplete(tmp_path))[1]


def test_a_laptop_alone_gets_compose_and_is_told_that_there_is_no_more(raydeck, examples):
    laptop = examples.parent.parent / "clusters.toml"
    status, out, err = raydeck("render", config=laptop)
    assert status == 0
    assert {line.split()[1].partition("/")[0] for line in out.splitlines() if line.startswith("==> ")} == {"compose"}
    status, out, err = raydeck("render", "istio", config=laptop)
    assert (status, out) == (0, "")
    assert "istio: clusters.toml has nothing that asks for it" in err


def test_a_cloud_cluster_that_is_not_ours_to_make_is_named(raydeck, tmp_path):
    (tmp_path / "c.toml").write_text('[[clusters]]\nname = "far"\nkind = "cloud"\ndashboard = "https://ray.example"\n')
    status, _, err = raydeck("render", config=tmp_path / "c.toml")
    assert (status, "far: its client is no head Service" in err) == (0, True)


def test_an_unknown_target_is_a_usage_error(raydeck):
    status, _, err = raydeck("render", "helm")
    assert (status, err.startswith("raydeck: ")) == (2, True)
