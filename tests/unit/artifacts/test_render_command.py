"""``raydeck render``: printed, written, compared; what is missing is named, what is not ours is kept."""

import ipaddress
import re
import shutil
import subprocess

import pytest
import yaml

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


def test_a_placeholder_names_its_key_whatever_the_section_is_called(raydeck, tmp_path):
    (tmp_path / "c.toml").write_text(
        INCOMPLETE.replace("[ssh.vm]", '[ssh."a__b.c"]').replace('"vm", slot', '"a__b.c", slot')
    )
    status, out, err = raydeck("render", config=tmp_path / "c.toml")
    assert (status, 'HostName <set ssh."a__b.c".floating_ip in ./clusters.toml>' in out) == (1, True)
    for key in ("private_ip", "floating_ip", "user", "identity_file"):
        assert f'ssh."a__b.c".{key}: is missing in clusters.toml, so ' in err


@pytest.mark.parametrize("left", ["floating_ip", "user", "identity_file", "private_ip"])
def test_ssh_and_sshd_refuse_a_placeholder(program, render_text, examples, tmp_path, left):
    """A copy in which one value is missing; what has no tool that looks at it, `raydeck render` alone refuses."""
    content = re.sub(rf"^{left} = .*\n", "", (examples / "clusters.toml").read_text(), flags=re.MULTILINE)
    files = render_text(content, "ssh", "sshd")
    for name, path in (("conf", "ssh/local-1/raydeck.conf"), ("drop-in", "sshd/cpouta/50-raydeck.conf")):
        (tmp_path / name).write_text(files[path])
    ssh = (program("ssh", "openssh-client"), "-G", "-F", str(tmp_path / "conf"), "rf-GPU-cpouta")
    ran = subprocess.run(ssh, capture_output=True, text=True, timeout=20, check=False)
    assert ran.returncode == 255, ran.stdout
    sshd = (program("/usr/sbin/sshd", "openssh-server"), "-t", "-f", str(tmp_path / "drop-in"))
    ran = subprocess.run(sshd, capture_output=True, text=True, timeout=20, check=False)
    assert ("drop-in: line" in ran.stderr or "drop-in line" in ran.stderr) == (left in {"user", "private_ip"}), (
        ran.stderr
    )


def test_prometheus_and_kubernetes_refuse_a_placeholder(program, render_text, examples, tmp_path):
    content = re.sub(r"^private_ip = .*\n", "", (examples / "clusters.toml").read_text(), flags=re.MULTILINE)
    files = render_text(content, "services", "prometheus")
    for name in ("prometheus.yml", "alerts.yml"):
        (tmp_path / name).write_text(files[f"prometheus/{name}"])
    command = (program("promtool", "prometheus"), "check", "config", str(tmp_path / "prometheus.yml"))
    ran = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert ran.returncode != 0
    assert "is not a valid hostname" in ran.stderr
    endpoints = [d for d in yaml.safe_load_all(files["services/ray-local-1.yaml"]) if d["kind"] == "Endpoints"]
    addresses = [address["ip"] for endpoint in endpoints for address in endpoint["subsets"][0]["addresses"]]
    for address in addresses:  # the server demands an IP address here; no tool without a server looks
        with pytest.raises(ValueError, match="does not appear to be an IPv4 or IPv6 address"):
            ipaddress.ip_address(address)


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


CLOUD = """
[[clusters]]
name = "cloud-1"
kind = "cloud"
dashboard = "http://ray.cloud.dash-1.oss.{port}"
serve = "http://ray.cloud.serve-1.oss{port}"
client = "raycluster-head-svc.default.svc.cluster.local:10001"
"""


def test_a_default_port_and_a_dot_at_the_end_are_still_the_gateways_hosts(raydeck, tmp_path):
    (tmp_path / "c.toml").write_text(
        "[kubernetes]\ngateway_port = 80\ngateway_ip = '10.1.2.3'\n" + CLOUD.format(port="")
    )
    status, out, err = raydeck("render", "istio", "hosts", config=tmp_path / "c.toml")
    assert (status, err) == (0, "")
    assert "10.1.2.3 ray.cloud.dash-1.oss ray.cloud.serve-1.oss\n" in out
    assert out.count("kind: VirtualService\n") == 4


def test_hosts_that_are_not_the_gateways_are_named_as_left_out(raydeck, tmp_path):
    (tmp_path / "c.toml").write_text(CLOUD.format(port=":8001").replace("serve = ", "# "))
    status, out, err = raydeck("render", "istio", config=tmp_path / "c.toml")
    assert (status, out) == (0, "")
    assert (
        "cloud-1: its dashboard http://ray.cloud.dash-1.oss.:8001 is no host of the gateway such as http://NAME.oss"
        in err
    )
    assert "cloud-1: it has no serve such as http://NAME.oss:7001, so no VirtualService" in err


def test_the_gateways_address_follows_from_the_only_vm_of_tunnels_or_is_asked_for(raydeck, tmp_path, examples):
    gateway = CLOUD.format(port=":7001")
    (tmp_path / "c.toml").write_text(gateway)
    status, out, err = raydeck("render", "hosts", config=tmp_path / "c.toml")
    assert (status, "<set kubernetes.gateway_ip in ./clusters.toml> ray.cloud.dash-1.oss" in out) == (1, True)
    assert "kubernetes.gateway_ip: is missing in clusters.toml, so hosts/hosts cannot be used yet" in err
    other = "\n[ssh.other]\nhost = 'other'\nfloating_ip = '10.9.9.9'\n"
    (tmp_path / "c.toml").write_text((examples / "clusters.toml").read_text() + other)
    assert "203.0.113.7 ray.cloud.dash-1.oss" in raydeck("render", "hosts", config=tmp_path / "c.toml")[1]
    (tmp_path / "c.toml").write_text("[kubernetes]\ngateway_ip = '10.1.2.3'\n" + gateway + other)
    status, out, _ = raydeck("render", "hosts", config=tmp_path / "c.toml")
    assert (status, "10.1.2.3 ray.cloud.dash-1.oss" in out) == (0, True)


def test_an_address_for_documentation_is_named_in_a_copy_of_the_example_and_not_in_the_example(
    raydeck, tmp_path, examples
):
    shutil.copy(examples / "clusters.toml", tmp_path / "c.toml")
    status, _, err = raydeck("render", "--output", "out", config=tmp_path / "c.toml")
    said = "ssh.cpouta.floating_ip: 203.0.113.7 is an address for documentation and leads nowhere"
    assert (status, said in err) == (0, True)
    assert said in raydeck("render", "--check", "--output", "out", config=tmp_path / "c.toml")[2]
    assert "for documentation" not in raydeck("render", "--check", "--output", examples)[2]


def test_an_unknown_target_is_a_usage_error(raydeck):
    status, _, err = raydeck("render", "helm")
    assert (status, err.startswith("raydeck: ")) == (2, True)
