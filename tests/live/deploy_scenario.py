"""What test_deploy.py runs inside namespaces: the rendered ssh, sshd and Prometheus files, used as they are.

Two computers with a real Ray head each, a VM, and the operator's machine. The computers' tunnels end on the VM, the
operator looks through forwards of his own, Prometheus scrapes on the VM. Then a hop breaks, and mends.
"""

import configparser
import getpass
import json
import os
import shutil
import subprocess
import sys

import pytest

from tests.live.topology import Lan, until

COMPUTERS = ("local-1", "local-2")
CLUSTERS = """
[ssh.vm]
host = "vm"
private_ip = "{vm}"
floating_ip = "{vm}"
user = "{user}"
identity_file = "{folder}/id"

[[clusters]]
name = "local-1"
kind = "local"
tunnel = {{ via = "vm", slot = 1 }}
reach = "{reach}"
nodes = 1

[[clusters]]
name = "local-2"
kind = "local"
tunnel = {{ via = "vm", slot = 2 }}
reach = "{reach}"
nodes = 1
"""
SSHD = """
Include {folder}/deploy/sshd/vm/50-raydeck.conf
ListenAddress {vm}:22
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/id.pub
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
"""
SSH = """
Include {folder}/deploy/ssh/{file}
Host *
    UserKnownHostsFile {folder}/known_hosts
    GlobalKnownHostsFile /dev/null
    StrictHostKeyChecking yes
"""
HEAD = ("--head", "--port=6379", "--dashboard-host=127.0.0.1", "--dashboard-port=8265", "--metrics-export-port=8500",
        "--ray-client-server-port=10001", "--num-cpus=3", "--object-store-memory=100000000")  # fmt: skip


class Deployed:
    """The rendered topology on a LAN."""

    def __init__(self, folder):
        self.folder = folder
        self.lan = Lan(folder, ("vm", "operator", *COMPUTERS))
        self.vm = self.lan.address["vm"]
        self.environ = {
            "HOME": str(folder / "home"),
            "XDG_STATE_HOME": str(folder / "state"),
            "RAY_USAGE_STATS_ENABLED": "0",
            "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
        }
        (folder / "bin").mkdir()
        ssh = folder / "bin" / "ssh"  # finds the rendered file as it would ~/.ssh/config
        ssh.write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -F {folder}/ssh-operator "$@"\n')
        ssh.chmod(0o755)

    def render(self):
        for reach in ("vm", "forward"):
            self.write(f"{reach}.toml", CLUSTERS, user=getpass.getuser(), reach=reach)
        made = self.raydeck("operator", "vm", "render", "--output", self.folder / "deploy")
        assert made.returncode == 0, made.stderr

    def write(self, name, template, **values):
        (self.folder / name).write_text(template.format(vm=self.vm, folder=self.folder, **values))

    def raydeck(self, computer, reach, *arguments):
        config = self.folder / f"{reach}.toml"
        command = (sys.executable, "-m", "console", "--config", config, *arguments)
        return self.lan.run(computer, *command, environ=self.environ)

    def start_sshd(self):
        for key in ("id", "host_key"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.folder / key], check=True)
        self.write("known_hosts", "{vm} " + (self.folder / "host_key.pub").read_text())
        self.write("sshd_config", SSHD)
        self.lan.start("vm", "sshd", "/usr/sbin/sshd", "-D", "-e", "-f", self.folder / "sshd_config")
        assert until(lambda: f"{self.vm}:22" in self.lan.listening("vm"))

    def start_heads(self):
        """Start the heads beside each other; a second of one costs no second of the other."""
        starting = [self.start_head(name) for name in COMPUTERS]
        for name, head in zip(COMPUTERS, starting, strict=True):
            assert until(lambda head=head: head.poll() is not None, 120), self.lan.told(f"ray-{name}")
            assert head.returncode == 0, self.lan.told(f"ray-{name}")

    def start_head(self, name):
        # Ray's socket paths have to be short; /run is the LAN's own.
        here = (f"--node-ip-address={self.lan.address[name]}", f"--temp-dir=/run/{name}")
        ray = (sys.executable, "-m", "ray.scripts.scripts", "start", *HEAD, *here)
        return self.lan.start(name, f"ray-{name}", *ray, environ=self.environ)

    def start_tunnel(self, name):
        """Run what the rendered systemd unit runs."""
        unit = configparser.ConfigParser(interpolation=None)
        unit.read(self.folder / f"deploy/ssh/{name}/raydeck-tunnel.service")
        ssh, *options = unit["Service"]["ExecStart"].split()
        assert ssh == "/usr/bin/ssh"
        self.write(f"ssh-{name}", SSH, file=f"{name}/raydeck.conf")
        return self.lan.start(name, f"tunnel-{name}", ssh, "-F", self.folder / f"ssh-{name}", *options)

    def start_way_back(self):
        self.write("ssh-operator", SSH, file="raydeck-operator.conf")
        self.lan.start("operator", "way-back", "ssh", "-F", self.folder / "ssh-operator", "-N", "lf-vm")

    def start_prometheus(self):
        config, store = self.folder / "deploy/prometheus/prometheus.yml", self.folder / "tsdb"
        address = "--web.listen-address=127.0.0.1:9090"
        self.lan.start(
            "vm", "prometheus", "prometheus", f"--config.file={config}", f"--storage.tsdb.path={store}", address
        )

    def query(self, expression):
        """Label ``job`` -> value, as Prometheus on the VM answers."""
        asked = ("promtool", "query", "instant", "-o", "json", "http://127.0.0.1:9090", expression)
        told = self.lan.run("vm", *asked).stdout
        return {row["metric"]["job"]: row["value"][1] for row in json.loads(told or "[]")}

    def check(self, computer, reach):
        """Exit status, and cluster -> its part of ``raydeck check --json``."""
        told = self.raydeck(computer, reach, "check", "--json")
        return told.returncode, {cluster["name"]: cluster for cluster in json.loads(told.stdout)["clusters"]}

    def status(self, computer, reach):
        """Exit status, and cluster -> its part of ``raydeck status --json``."""
        told = self.raydeck(computer, reach, "status", "--json")
        return told.returncode, {cluster["name"]: cluster for cluster in json.loads(told.stdout)["clusters"]}


@pytest.fixture(scope="module")
def deployed(tmp_path_factory):
    topology = Deployed(tmp_path_factory.mktemp("t"))
    topology.render()
    topology.start_sshd()
    topology.tunnels = {name: topology.start_tunnel(name) for name in COMPUTERS}
    topology.start_way_back()
    topology.start_prometheus()
    topology.start_heads()
    return topology


def broken_hop(check, cluster):
    """The hop at which a cluster is broken, once it is said with what mends it; None where nothing is."""
    _, clusters = check
    name = clusters[cluster]["first_broken"]
    broken = [one for one in clusters[cluster]["checks"] if one["outcome"] == "broken"]
    assert all(one["detail"] and one["hint"] for one in broken)
    assert (name is None) == (not broken)
    return name


def faults_of(clusters):
    return [fault["message"] for cluster in clusters.values() for fault in cluster["faults"]]


def states(status):
    return status[0], {name: cluster["state"] for name, cluster in status[1].items()}


def test_tunnels_listen_on_the_private_address_and_nowhere_else(deployed):
    ports = ("8100", "8151", "8201", "8202", "8301", "8101", "8152", "8203", "8204", "8302")
    wanted = {f"{deployed.vm}:{port}" for port in ports}
    assert until(lambda: wanted <= deployed.lan.listening("vm"))
    others = deployed.lan.listening("vm") - wanted
    assert others == {f"{deployed.vm}:22", "127.0.0.1:9090"}
    assert until(lambda: {f"127.0.0.1:{port}" for port in ports} <= deployed.lan.listening("operator"))


def test_all_clusters_are_up_on_the_vm_and_through_the_operators_forwards(deployed):
    for computer, reach in (("vm", "vm"), ("operator", "forward")):
        code, clusters = deployed.status(computer, reach)
        assert (code, {cluster["state"] for cluster in clusters.values()}) == (0, {"up"}), faults_of(clusters)
        assert len({cluster["session_name"] for cluster in clusters.values()}) == 2


def test_prometheus_scrapes_both_heads_under_their_names(deployed):
    heads = {"ray-local-1-metrics-head": "1", "ray-local-2-metrics-head": "1"}
    assert until(lambda: deployed.query('up{job=~".*-head"}') == heads)
    figures = until(lambda: deployed.query('ray_node_cpu_count{ray_cluster=~"local-[12]"}'))
    assert set(figures) <= set(heads)
    assert until(lambda: set(deployed.query('ray_node_mem_total{ray_cluster=~"local-[12]"}')) == set(heads))


def test_a_port_outside_the_plan_is_not_permitted(deployed):
    options = ("-N", "-o", "ExitOnForwardFailure=yes", "-R", f"{deployed.vm}:9999:127.0.0.1:8265")
    refused = deployed.lan.run("local-1", "ssh", "-F", deployed.folder / "ssh-local-1", *options, "vm")
    assert refused.returncode == 255
    assert "remote port forwarding failed for listen port 9999" in refused.stderr
    assert f"{deployed.vm}:9999" not in deployed.lan.listening("vm")


def test_a_broken_tunnel_darkens_its_own_cluster_until_it_is_mended(deployed):
    deployed.tunnels["local-2"].terminate()
    assert until(lambda: f"{deployed.vm}:8101" not in deployed.lan.listening("vm"))
    for computer, reach in (("vm", "vm"), ("operator", "forward")):
        check = deployed.check(computer, reach)
        assert check[0] == 1
        assert broken_hop(check, "local-1") is None
        assert broken_hop(check, "local-2") == "listener", check
        assert any("rf-vm" in one["hint"] for one in check[1]["local-2"]["checks"])
        status = deployed.status(computer, reach)
        assert states(status) == (1, {"local-1": "up", "local-2": "down"})
        (fault,) = status[1]["local-2"]["faults"]
        assert fault["source"] == "tunnel"
        assert fault["message"]
        assert fault["hint"]
        assert status[1]["local-2"]["tunnel"]["first_broken"] == broken_hop(deployed.check(computer, reach), "local-2")
    assert until(lambda: deployed.query('up{job=~".*-head"}').get("ray-local-2-metrics-head") == "0")
    assert deployed.query('up{job=~".*-head"}')["ray-local-1-metrics-head"] == "1"
    deployed.tunnels["local-2"] = deployed.start_tunnel("local-2")
    assert until(lambda: deployed.check("operator", "forward")[0] == 0), deployed.check("operator", "forward")
    assert until(lambda: states(deployed.status("operator", "forward")) == (0, {"local-1": "up", "local-2": "up"}))
