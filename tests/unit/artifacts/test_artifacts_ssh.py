"""Both ends of the tunnels as ssh and sshd themselves read them."""

import configparser
import shutil
import subprocess

import pytest

PORTS = {
    "local-1": "8100 8151 8201 8202 8301",
    "local-3": "8102 8153 8205 8206 8303",
    "hpc-1": "8125 8176 8251 8252 8351",
}
TARGETS = ["8265", "10001", "8500", "8501", "8350"]
KEPT = {
    "hostname": ["203.0.113.7"],
    "user": ["ubuntu"],
    "exitonforwardfailure": ["yes"],
    "serveraliveinterval": ["2"],
    "serveralivecountmax": ["2"],
    "connecttimeout": ["5"],
    "batchmode": ["yes"],
    "loglevel": ["INFO"],
    "controlmaster": ["false"],
    "controlpath": [],
    "stricthostkeychecking": ["ask"],
}


@pytest.fixture(scope="session")
def effective(program, call):
    """``effective(file, host)`` is option -> values as ssh would use them."""

    def ask(file, host):
        options = {}
        for line in call(program("ssh", "openssh-client"), "-G", "-F", file, host).splitlines():
            name, _, value = line.partition(" ")
            options.setdefault(name, []).append(value)
        return options

    return ask


@pytest.mark.parametrize("cluster", PORTS)
def test_a_computers_tunnel(effective, written, cluster):
    options = effective(written / f"ssh/{cluster}/raydeck.conf", "rf-GPU-cpouta")
    listens = [f"[192.168.1.19]:{port}" for port in PORTS[cluster].split()]
    assert options["remoteforward"] == [f"{a} [127.0.0.1]:{b}" for a, b in zip(listens, TARGETS, strict=True)]
    assert "localforward" not in options
    assert {name: options.get(name, []) for name in KEPT} == KEPT


def test_the_operators_way_back(effective, written):
    options = effective(written / "ssh/raydeck-operator.conf", "lf-GPU-cpouta")
    ports = {line.split()[0] for line in options["localforward"]}
    assert len(options["localforward"]) == len(ports) == 20
    assert options["localforward"][0] == "[127.0.0.1]:8100 [192.168.1.19]:8100"
    assert all(line.startswith("[127.0.0.1]:") for line in options["localforward"])
    assert {name: options.get(name, []) for name in KEPT} == KEPT


def test_the_plain_name_forwards_nothing_and_may_ask(effective, written, tmp_path):
    (tmp_path / "config").write_text(f"Include {written}/ssh/raydeck-operator.conf\nHost *\n    User other\n")
    options = effective(tmp_path / "config", "GPU-cpouta")
    assert "localforward" not in options
    assert (options["hostname"], options["user"], options["batchmode"]) == (["203.0.113.7"], ["ubuntu"], ["no"])


def test_the_unit_keeps_the_tunnel_of_that_file(files, effective, written):
    unit = configparser.ConfigParser(interpolation=None)
    unit.optionxform = str
    unit.read_string(files["ssh/local-1/raydeck-tunnel.service"])
    command = unit["Service"]["ExecStart"].split()
    assert command[:-1] == ["/usr/bin/ssh", "-N", "-T"]
    assert len(effective(written / "ssh/local-1/raydeck.conf", command[-1])["remoteforward"]) == 5
    assert (unit["Service"]["Restart"], unit["Unit"]["StartLimitIntervalSec"]) == ("always", "0")


@pytest.mark.parametrize(("written_as", "told"), [("Restart=always", ""), ("Restrat=always", "Unknown key 'Restrat'")])
def test_systemd_takes_the_unit(files, tmp_path, written_as, told):
    """Where systemd is; it warns of a key that it does not know, and goes on."""
    verify = shutil.which("systemd-analyze")
    if verify is None:
        pytest.skip("not permitted: this machine runs without systemd")
    unit = tmp_path / "raydeck-tunnel.service"
    unit.write_text(files["ssh/local-1/raydeck-tunnel.service"].replace("Restart=always", written_as))
    environ = {"XDG_RUNTIME_DIR": str(tmp_path), "HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    command = (verify, "verify", "--user", "--man=no", str(unit))
    ran = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stderr
    assert told in ran.stderr if told else ran.stderr == ""


@pytest.fixture(scope="session")
def sshd(program, call, written, tmp_path_factory):
    """``sshd(user)`` is what the VM's sshd does for a user, with the drop-in included as Debian includes it."""
    folder = tmp_path_factory.mktemp("sshd")
    call(program("ssh-keygen", "openssh-client"), "-q", "-t", "ed25519", "-N", "", "-f", folder / "key")
    drop_in = written / "sshd/cpouta/50-raydeck.conf"
    (folder / "sshd_config").write_text(f"Include {drop_in}\nHostKey {folder}/key\nGatewayPorts no\n")

    def ask(user):
        base = (program("/usr/sbin/sshd", "openssh-server"), "-f", folder / "sshd_config")
        call(*base, "-t")
        told = call(*base, "-T", "-C", f"user={user},host=h,addr=10.0.0.1")
        return dict(line.partition(" ")[::2] for line in told.splitlines())

    return ask


def test_the_drop_in_opens_the_port_plan_to_the_tunnels_user_and_nothing_else(sshd):
    options = sshd("ubuntu")
    listens = {f"192.168.1.19:{port}" for ports in PORTS.values() for port in ports.split()}
    assert listens < set(options["permitlisten"].split())
    assert len(options["permitlisten"].split()) == 20
    assert (options["gatewayports"], options["allowtcpforwarding"]) == ("clientspecified", "yes")
    assert (options["clientaliveinterval"], options["clientalivecountmax"]) == ("2", "2")


def test_other_users_of_the_vm_keep_what_they_had(sshd):
    options = sshd("somebody-else")
    assert (options["gatewayports"], options["permitlisten"], options["clientaliveinterval"]) == ("no", "any", "0")


IPV6 = """
[ssh.vm]
host = "ada@vm.example"
private_ip = "fd00::19"
identity_file = "~/my 'key' #1"
[[clusters]]
name = "a"
kind = "local"
tunnel = { via = "vm", slot = 1 }
"""


def test_an_ipv6_address_and_a_path_with_a_space_arrive(render_text, effective, tmp_path):
    (tmp_path / "conf").write_text(render_text(IPV6, "ssh")["ssh/a/raydeck.conf"])
    options = effective(tmp_path / "conf", "rf-vm.example")
    assert options["remoteforward"][0] == "[fd00::19]:8100 [127.0.0.1]:8265"
    assert (options["hostname"], options["user"], options["identityfile"]) == (
        ["vm.example"],
        ["ada"],
        ["~/my 'key' #1"],
    )
