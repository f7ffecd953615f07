"""What test_deploy.py runs inside namespaces: the rendered ssh, sshd and Prometheus files, used as they are.

Two computers with a real Ray cluster each, a VM, and the operator's machine, whose users have empty homes and type the
lines of deploy/README.md. The computers' tunnels end on the VM, the operator looks through forwards of his own, and the
console reads the Prometheus that scrapes on the VM. Then a hop breaks, and mends.
"""

import configparser
import fcntl
import getpass
import json
import os
import pty
import select
import shutil
import signal
import struct
import subprocess
import sys
import termios
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.live import runbook
from tests.live.topology import Lan, until

COMPUTERS = ("local-1", "local-2")
CLUSTERS = """
[prometheus.vm]
url = "http://127.0.0.1:9090"

[ssh.vm]
host = "GPU-cpouta"
private_ip = "{vm}"
floating_ip = "{vm}"
user = "{user}"
identity_file = "{folder}/id"

[[clusters]]
name = "local-1"
kind = "local"
tunnel = {{ via = "vm", slot = 1 }}
reach = "{reach}"
nodes = 2

[[clusters]]
name = "local-2"
kind = "local"
tunnel = {{ via = "vm", slot = 2 }}
reach = "{reach}"
nodes = 2
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
Include {folder}/{home}/.ssh/{include}
Host *
    UserKnownHostsFile {folder}/known_hosts
    GlobalKnownHostsFile /dev/null
    StrictHostKeyChecking yes
"""
RAY = (sys.executable, "-m", "ray.scripts.scripts", "start")
HEAD = ("--head", "--port=6379", "--dashboard-host=127.0.0.1", "--dashboard-port=8265", "--metrics-export-port=8500",
        "--ray-client-server-port=10001", "--num-cpus=3", "--object-store-memory=100000000")  # fmt: skip
WORKER = ("--metrics-export-port=8501", "--num-cpus=3", "--object-store-memory=100000000",
          "--dashboard-agent-listen-port=52366")  # fmt: skip
# As systemd keeps a unit: $0 is RestartSec.
KEPT = 'trap \'kill "$pid"; exit\' TERM; while :; do "$@" & pid=$!; wait "$pid"; sleep "$0" & pid=$!; wait "$pid"; done'


class Deployed:
    """The rendered topology on a LAN; every computer has a user with an empty home, ``folder``/NAME."""

    def __init__(self, folder):
        self.folder = folder
        self.lan = Lan(folder, ("vm", "operator", *COMPUTERS))
        self.vm = self.lan.address["vm"]
        self.tunnels = {}
        for name in self.lan.address:
            (folder / name / "bin").mkdir(parents=True)
            (folder / name / "raydeck").symlink_to(folder / "deploy")
            ssh = folder / name / "bin" / "ssh"  # ssh takes the home of the user database, and this user has another
            ssh.write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -F {folder}/ssh-{name} "$@"\n')
            ssh.chmod(0o755)

    def environ(self, computer):
        home = self.folder / computer
        return {
            "HOME": str(home),
            "XDG_STATE_HOME": str(home / "state"),
            "RAY_USAGE_STATS_ENABLED": "0",
            "PATH": os.pathsep.join([str(home / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]]),
        }

    def typed(self, *lines):
        """The bash that runs lines of the runbook in deploy/, with the VM's address in place of the example's."""
        script = "\n".join(lines).replace("192.168.1.19", self.vm)
        return ("bash", "-e", "-o", "pipefail", "-c", f"cd {self.folder}/deploy\n{script}")

    def types(self, computer, *lines):
        return self.lan.run(computer, *self.typed(*lines), environ=self.environ(computer))

    def starts(self, computer, log, line):
        return self.lan.start(computer, log, *self.typed(f"exec {line}"), environ=self.environ(computer))

    def render(self):
        for reach in ("vm", "forward"):
            self.write(f"{reach}.toml", CLUSTERS, user=getpass.getuser(), reach=reach)
        made = self.raydeck("operator", "vm", "render", "--output", self.folder / "deploy")
        assert made.returncode == 0, made.stderr

    def write(self, file, template, **values):
        (self.folder / file).write_text(template.format(vm=self.vm, folder=self.folder, **values))

    def raydeck(self, computer, reach, *arguments):
        config = self.folder / f"{reach}.toml"
        command = (sys.executable, "-m", "console", "--config", config, *arguments)
        return self.lan.run(computer, *command, environ=self.environ(computer))

    def start_sshd(self):
        for key in ("id", "host_key"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.folder / key], check=True)
        self.write("known_hosts", "{vm} " + (self.folder / "host_key.pub").read_text())
        self.write("sshd_config", SSHD)
        self.lan.start("vm", "sshd", "/usr/sbin/sshd", "-D", "-e", "-f", self.folder / "sshd_config")
        assert until(lambda: f"{self.vm}:22" in self.lan.listening("vm"))

    def include_files(self):
        """Steps 3 and 6, as far as they prepare ssh; what asks the console's questions on the VM is the operator's."""
        words = ("mkdir -p -m 700", "raydeck-operator.conf", "touch")
        operators = [line for line in runbook.lines("3. ") if any(word in line for word in words)]
        self.prepare("operator", "raydeck-operator.conf", operators)
        self.write("ssh-vm", SSH, home="operator", include="raydeck-operator.conf")
        for name in COMPUTERS:
            laptops = [line.replace("local-1", name) for line in runbook.lines("6. ") if "~/.ssh" in line]
            self.prepare(name, "raydeck.conf", [operators[0], *laptops])

    def prepare(self, name, include, lines):
        self.write(f"ssh-{name}", SSH, home=name, include=include)
        prepared = self.types(name, *lines)
        assert prepared.returncode == 0, prepared.stderr
        assert (self.folder / name / ".ssh" / "config").read_text() == f"Include {include}\n"

    def start_clusters(self):
        """Start a head on each computer, then a worker, whose state the console tells; nobody waits for the other."""
        # Ray's socket paths have to be short; /run is the LAN's own.
        heads = {name: self.start_ray(name, "head", *HEAD) for name in COMPUTERS}
        for name, head in heads.items():
            assert until(lambda head=head: head.poll() is not None, 120), self.lan.told(f"ray-{name}-head")
            assert head.returncode == 0, self.lan.told(f"ray-{name}-head")
        for name in COMPUTERS:
            self.start_ray(name, "worker", f"--address={self.lan.address[name]}:6379", *WORKER)

    def start_ray(self, name, role, *options):
        here = (f"--node-ip-address={self.lan.address[name]}", f"--temp-dir=/run/{name}-{role}")
        return self.lan.start(name, f"ray-{name}-{role}", *RAY, *options, *here, environ=self.environ(name))

    def keep_tunnel(self, name):
        """Run what the rendered systemd unit runs, again and again, as systemd does."""
        unit = configparser.ConfigParser(interpolation=None)
        unit.read(self.folder / f"deploy/ssh/{name}/raydeck-tunnel.service")
        ssh, *options = unit["Service"]["ExecStart"].split()
        assert (ssh, unit["Service"]["Restart"]) == ("/usr/bin/ssh", "always")
        kept = ("sh", "-c", KEPT, unit["Service"]["RestartSec"], ssh, "-F", str(self.folder / f"ssh-{name}"), *options)
        self.tunnels[name] = self.lan.start(name, f"tunnel-{name}", *kept)

    def start_prometheus(self):
        """Start the rendered one as it was before local-2 got its slot, when another port was scraped for its head."""
        path = self.folder / "deploy/prometheus/prometheus.yml"
        self.rendered = path.read_text()
        path.write_text(self.rendered.replace(":8203", ":8299").replace(": 10s", ": 1s"))
        self.prometheus = self.starts("vm", "prometheus", runbook.line("9. ", "prometheus --config.file"))

    def renew_prometheus(self):
        (self.folder / "deploy/prometheus/prometheus.yml").write_text(self.rendered)
        self.prometheus.send_signal(signal.SIGHUP)

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
    topology.include_files()
    topology.start_prometheus()
    topology.start_clusters()
    return topology


WAYS = (("vm", "vm"), ("operator", "forward"))
UP = (0, {"local-1": "up", "local-2": "up"})


def broken_hop(check, cluster):
    """The hop at which a cluster is broken, once it is said with what mends it; None where nothing is."""
    _, clusters = check
    name = clusters[cluster]["first_broken"]
    broken = [one for one in clusters[cluster]["checks"] if one["outcome"] == "broken"]
    assert all(one["detail"] and one["hint"] for one in broken)
    assert (name is None) == (not broken)
    return name


def scraped(check, cluster):
    """Service -> outcome of the hop ``scrape``."""
    return {one["service"]: one["outcome"] for one in check[1][cluster]["checks"] if one["probe"] == "scrape"}


def asks_an_old_port(check):
    """Whether the hop of local-2's head is broken, and nothing else is."""
    outcomes = {"metrics-head": "broken", "metrics-worker": "ok"}
    hops = [broken_hop(check, name) for name in COMPUTERS]
    return hops == [None, "scrape"] and scraped(check, "local-2") == outcomes


def sources(status):
    return {cluster["source"] for cluster in status[1].values()}


def states(status):
    return status[0], {name: cluster["state"] for name, cluster in status[1].items()}


def test_step_6_by_hand_shows_what_the_runbook_says_and_leaves_the_ports_free(deployed):
    by_hand = deployed.starts("local-1", "by-hand", runbook.line("6. ", "ssh -N rf-"))
    listeners, version = runbook.line("6. ", "ss -Htln"), runbook.line("6. ", "/api/version")
    assert until(lambda: len(deployed.types("vm", listeners).stdout.splitlines()) == 6)  # and sshd's own
    assert "ray_version" in deployed.types("vm", version).stdout
    by_hand.send_signal(signal.SIGINT)
    assert until(lambda: by_hand.poll() is not None)
    assert until(lambda: len(deployed.types("vm", listeners).stdout.splitlines()) == 1)


def test_a_heads_ports_bind_what_the_table_of_addresses_says(deployed):
    """`--dashboard-host=127.0.0.1` keeps the dashboard to the node itself, and nothing else."""
    assert until(lambda: any(line.endswith(":8501") for line in deployed.lan.listening("local-1")))
    listening, own = deployed.lan.listening("local-1"), deployed.lan.address["local-1"]
    assert {line for line in listening if line.endswith(":8265")} == {"127.0.0.1:8265"}
    for port in ("6379", "8500", "8501"):
        assert listening & {f"*:{port}", f"0.0.0.0:{port}"}, port
    for port in ("10001", "52365"):
        assert listening & {f"{own}:{port}", f"[::ffff:{own}]:{port}"}, port


def test_tunnels_listen_on_the_private_address_and_nowhere_else(deployed):
    for name in COMPUTERS:
        deployed.keep_tunnel(name)
    ports = ("8100", "8151", "8201", "8202", "8301", "8101", "8152", "8203", "8204", "8302")
    wanted = {f"{deployed.vm}:{port}" for port in ports}
    assert until(lambda: wanted <= deployed.lan.listening("vm"))
    assert deployed.lan.listening("vm") - wanted == {f"{deployed.vm}:22", "127.0.0.1:9090"}
    deployed.starts("operator", "way-back", "ssh -N lf-GPU-cpouta")
    assert until(lambda: {f"127.0.0.1:{port}" for port in ports} <= deployed.lan.listening("operator"))


def test_all_clusters_are_up_on_the_vm_and_through_the_operators_forwards(deployed):
    deployed.starts("operator", "prometheus-here", runbook.line("9. ", "ssh -N -L"))
    assert until(lambda: "127.0.0.1:9090" in deployed.lan.listening("operator"))
    for way in WAYS:
        found = until(lambda way=way: found if states(found := deployed.status(*way)) == UP else None)
        assert found, deployed.status(*way)
        assert len({cluster["session_name"] for cluster in found[1].values()}) == 2


def is_scraped(check):
    whole = {"metrics-head": "ok", "metrics-worker": "ok"}
    return check[0] == 0 and all(scraped(check, name) == whole for name in COMPUTERS)


def test_the_console_reads_the_rendered_prometheus(deployed):
    """First it asks an old port for one head, which the hop says of its cluster alone; then all of it is green."""
    operator, vm = ("operator", "forward"), ("vm", "vm")
    targets = {f"ray-{name}-metrics-{end}": "1" for name in COMPUTERS for end in ("head", "worker")}
    old = targets | {"ray-local-2-metrics-head": "0"}
    assert until(lambda: deployed.query("up") == old), deployed.query("up")
    assert until(lambda: asks_an_old_port(deployed.check(*operator))), deployed.check(*operator)
    deployed.renew_prometheus()
    assert until(lambda: deployed.query("up") == targets), deployed.query("up")
    # `up` of before its renewal may answer for a target that it has not scraped again yet, which it calls unknown.
    assert until(lambda: is_scraped(deployed.check(*vm))), deployed.check(*vm)
    told = deployed.raydeck(*operator, "targets")
    assert told.returncode == 0
    assert all(target in told.stdout for target in targets)
    assert until(lambda: sources(deployed.status(*vm)) == {"prometheus"}), deployed.status(*vm)
    (deployed.folder / "deploy" / "clusters.toml").write_text((deployed.folder / "forward.toml").read_text())
    shown = deployed.types("operator", runbook.line("10. ", "raydeck status"))
    assert (shown.returncode, shown.stdout.count("prom"), shown.stdout.count("●")) == (0, 2, 2)


def test_step_10_opens_the_console_on_all_of_it(deployed):
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 120, 0, 0))
    command = ["ip", "netns", "exec", "operator", *deployed.typed("exec " + runbook.lines("10. ")[-1])]
    environ = os.environ | deployed.environ("operator") | {"TERM": "xterm-256color"}
    console = subprocess.Popen(command, env=environ, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True)
    os.close(theirs)
    shown = b""
    deadline = time.monotonic() + 40
    while console.poll() is None and time.monotonic() < deadline:
        with suppress(OSError):  # the console has closed its side
            if select.select([ours], [], [], 0.5)[0]:
                shown += os.read(ours, 65536)
            if all(word in shown for word in (b"local-1", b"local-2", b"prom")):
                os.write(ours, b"q")
    os.close(ours)
    assert console.wait(5) == 0, shown[-2000:]
    assert b"local-2" in shown


def test_a_port_outside_the_plan_is_not_permitted(deployed):
    options = ("-N", "-o", "ExitOnForwardFailure=yes", "-R", f"{deployed.vm}:9999:127.0.0.1:8265")
    refused = deployed.lan.run("local-1", "ssh", "-F", deployed.folder / "ssh-local-1", *options, "GPU-cpouta")
    assert refused.returncode == 255
    assert "remote port forwarding failed for listen port 9999" in refused.stderr
    assert f"{deployed.vm}:9999" not in deployed.lan.listening("vm")


def dark_alone(check):
    """What was found, if one tunnel alone is dark; a busy machine may miss a deadline of the other's."""
    broken = [broken_hop(check, name) for name in ("local-1", "local-2")]
    return check if (check[0], broken) == (1, [None, "listener"]) else None


def test_a_broken_tunnel_darkens_its_own_cluster_until_it_is_mended(deployed):
    deployed.tunnels["local-2"].terminate()
    assert until(lambda: f"{deployed.vm}:8101" not in deployed.lan.listening("vm"))
    check = until(lambda: dark_alone(deployed.check("operator", "forward")))
    assert check, deployed.check("operator", "forward")
    assert any("rf-GPU-cpouta" in one["hint"] for one in check[1]["local-2"]["checks"])
    status = deployed.status("operator", "forward")
    assert states(status) == (1, {"local-1": "up", "local-2": "down"})
    (fault,) = (fault for fault in status[1]["local-2"]["faults"] if fault["source"] == "tunnel")
    assert fault["message"]
    assert fault["hint"]
    assert status[1]["local-2"]["tunnel"]["first_broken"] == "listener"
    up = {"ray-local-1-metrics-head": "1", "ray-local-2-metrics-head": "0"}
    assert until(lambda: deployed.query('up{job=~".*-head"}') == up)
    deployed.keep_tunnel("local-2")
    assert until(lambda: deployed.check("operator", "forward")[0] == 0), deployed.check("operator", "forward")
    assert until(lambda: states(deployed.status("operator", "forward")) == UP)
