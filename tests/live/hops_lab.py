"""What the scenarios of hops share inside their namespaces: a VM with sshd and a gateway, two computers, an operator.

The process that makes a ``HopsLab`` moves to the operator's machine: what it asks, it asks from there.
"""

import ctypes
import getpass
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.fakes.stand_in import PORTS as INNER
from tests.live.topology import Lan, until

PLANNED = {1: (8100, 8151, 8201, 8202, 8301), 2: (8101, 8152, 8203, 8204, 8302)}
NOWHERE = "10.77.0.99"
GATEWAY_PORT = 7001
CLUSTERS = """
[ssh.vm]
host = "vm"
private_ip = "{vm}"
floating_ip = "{vm}"

[[clusters]]
name = "local-1"
kind = "local"
tunnel = {{ via = "vm", slot = 1 }}
reach = "{reach}"

[[clusters]]
name = "local-2"
kind = "local"
tunnel = {{ via = "vm", slot = 2 }}
reach = "{reach}"
"""
SSHD = """
ListenAddress {vm}:22
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/id.pub
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
AllowTcpForwarding {forwarding}
GatewayPorts {ports}
"""
SSH = """
Host vm
    HostName {vm}
    Port {port}
    User {user}
    IdentityFile {folder}/{key}
    IdentitiesOnly yes
    UserKnownHostsFile {folder}/{known}
    GlobalKnownHostsFile /dev/null
    StrictHostKeyChecking yes
    HostKeyAlgorithms ssh-ed25519
"""
_NEW_NETWORK = 0x40000000


class HopsLab:
    """Everything is well once it is made; a scenario breaks one thing and mends it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lan = Lan(folder, ("vm", "operator", "c1", "c2"))
        self.vm = self.lan.address["vm"]
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self._make_keys()
        self._own_etc()
        self.sshd()
        self.routes()
        self.gateway()
        for number in (1, 2):
            self.stand_in(number)
            self.tunnel(number)
        for reach in ("gateway", "vm", "forward"):
            self.config(reach).write_text(CLUSTERS.format(vm=self.vm, reach=reach))
        self.way_back()
        self._move_to_operator()

    @property
    def routes_file(self) -> Path:
        return self.folder / "routes.json"

    def config(self, reach: str) -> Path:
        return self.folder / f"{reach}.toml"

    # -- programs

    def start(self, key: str, computer: str, *command: object) -> "subprocess.Popen[bytes]":
        process = self.running[key] = self.lan.start(computer, key, *map(str, command))
        return process

    def stop(self, key: str) -> None:
        process = self.running.pop(key)
        process.send_signal(signal.SIGCONT)
        process.terminate()
        process.wait(20)

    def freeze(self, key: str, *, frozen: bool) -> None:
        self.running[key].send_signal(signal.SIGSTOP if frozen else signal.SIGCONT)

    def stand_in(self, number: int, mode: str = "ray", session: str = "") -> None:
        """(Re)start Ray's stand-in on a computer."""
        key, computer = f"ray-{number}", f"c{number}"
        if key in self.running:
            self.stop(key)
        session = session or f"session_2026-01-0{number}_08-00-00_000000_{number}"
        self.start(key, computer, sys.executable, "-m", "tests.fakes.stand_in", session, mode)
        wanted = {f"127.0.0.1:{port}" for name, port in INNER.items() if (mode, name) != ("no-metrics", "metrics-head")}
        assert until(lambda: wanted <= self.lan.listening(computer)), self.lan.told(key)

    def tunnel(self, number: int, *, slot: int = 0, bind: str = "", listens: str = "") -> None:
        """Start a computer's tunnel; ``slot``: on the ports of another, ``bind``: where it asks to listen."""
        ports, bind = PLANNED[slot or number], bind or self.vm
        forwards = [f"-R{bind}:{port}:127.0.0.1:{inner}" for port, inner in zip(ports, INNER.values(), strict=True)]
        options = ("-N", "-oBatchMode=yes", "-oExitOnForwardFailure=yes")
        self.start(f"tunnel-{number}", f"c{number}", self.ssh, *options, *forwards, "vm")
        self.listens(f"{listens or bind}:{ports[0]}", True)

    def end_tunnel(self, number: int) -> None:
        self.stop(f"tunnel-{number}")
        self.listens(f":{PLANNED[number][0]}", False)

    def listens(self, address: str, wanted: bool, computer: str = "vm") -> None:
        """Wait until something listens there, or nothing does."""

        def found() -> bool:
            return any(each.endswith(address) for each in self.lan.listening(computer))

        assert until(lambda: found() == wanted), (address, self.lan.listening(computer))

    def gateway(self) -> None:
        """Start the ingress."""
        command = (sys.executable, "-m", "tests.fakes.gateway", self.vm, GATEWAY_PORT, self.routes_file)
        self.start("gateway", "vm", *command)
        self.listens(f"{self.vm}:{GATEWAY_PORT}", True)

    def way_back(self, instead: Mapping[int, str] | None = None) -> None:
        """Open the operator's local forwards; ``instead``: where some of the ports lead, as the VM sees it."""
        ports = [port for planned in PLANNED.values() for port in planned]
        targets = {port: f"{self.vm}:{port}" for port in ports} | dict(instead or {})
        forwards = [f"-L127.0.0.1:{port}:{target}" for port, target in targets.items()]
        self.start("way-back", "operator", self.ssh, "-N", "-oBatchMode=yes", *forwards, "vm")
        self.listens(f"127.0.0.1:{ports[-1]}", True, "operator")

    def end_way_back(self) -> None:
        self.stop("way-back")
        self.listens("127.0.0.1:8100", False, "operator")

    def sshd(self, *, ports: str = "clientspecified", forwarding: str = "yes") -> None:
        """(Re)start the VM's sshd; sessions that stand go on with what was so before."""
        text = SSHD.format(vm=self.vm, folder=self.folder, ports=ports, forwarding=forwarding)
        (self.folder / "sshd_config").write_text(text)
        if "sshd" in self.running:
            self.stop("sshd")
            self.listens(f"{self.vm}:22", False)
        self.start("sshd", "vm", "/usr/sbin/sshd", "-D", "-e")
        self.listens(f"{self.vm}:22", True)

    def sshd_children(self, port: int) -> list[int]:
        """Return the pids of the sessions that hold a port on the VM."""
        lines = self.lan.run("vm", "ss", "-Htlnp", f"sport = :{port}").stdout.splitlines()
        return [int(line.partition("pid=")[2].partition(",")[0]) for line in lines if "pid=" in line]

    # -- files

    def routes(self, **changed: object) -> None:
        """Write the gateway's routes; a host given as None has none."""
        routes: dict[str, object] = {}
        for number, ports in PLANNED.items():
            routes[f"ray.local.dash-{number}.oss"] = [self.vm, ports[0]]
            routes[f"ray.local.serve-{number}.oss"] = [self.vm, ports[4]]
        kept = {host: place for host, place in (routes | changed).items() if place is not None}
        draft = self.routes_file.with_suffix(".new")
        draft.write_text(json.dumps(kept))
        draft.replace(self.routes_file)

    def hosts(self, address: str | None = "") -> None:
        """Write /etc/hosts: the gateway's names at ``address``, the VM's by default, none at all for None."""
        names = [f"ray.local.{kind}-{number}.oss" for kind in ("dash", "serve") for number in PLANNED]
        lines = ["127.0.0.1 localhost", *(f"{address or self.vm} {name}" for name in names if address is not None)]
        (self.folder / "hosts").write_text("\n".join(lines) + "\n")

    def ssh_config(self, *, key: str = "id", known: str = "known_hosts", port: int = 22, host: str = "vm") -> None:
        text = SSH.format(vm=self.vm, folder=self.folder, key=key, known=known, port=port, user=getpass.getuser())
        (self.folder / "ssh_config").write_text(text.replace("Host vm\n", f"Host {host}\n"))

    # -- the network

    def link(self, computer: str, *, up: bool) -> None:
        """Pull or plug a computer's cable, at the switch."""
        self.lan._ip("-n", "switch", "link", "set", f"p-{computer}", "up" if up else "down")

    def offline(self, *, offline: bool) -> None:
        """Take the operator's own link down, or bring it back."""
        self.lan._ip("-n", "operator", "link", "set", "eth0", "down" if offline else "up")

    def drop(self, *rule: str, drop: bool) -> None:
        """Have the VM drop packets that come from the operator, or not any more."""
        action = "-A" if drop else "-D"
        source = self.lan.address["operator"]
        ran = self.lan.run("vm", "iptables", "-w", action, "INPUT", "-s", source, *rule, "-j", "DROP")
        assert ran.returncode == 0, ran.stderr

    def _make_keys(self) -> None:
        for key in ("id", "stranger", "host_key", "other_host_key"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.folder / key], check=True)
        shutil.copy(self.folder / "id", self.folder / "open_key")
        (self.folder / "open_key").chmod(0o644)
        for name, key in (("known_hosts", "host_key"), ("old_known_hosts", "other_host_key")):
            public = (self.folder / f"{key}.pub").read_text()
            (self.folder / name).write_text(f"{self.vm} {public}")
        (self.folder / "unknown_hosts").write_text("")

    def _own_etc(self) -> None:
        """Put files of our own over the system's, in this mount namespace only."""
        self.hosts()
        self.ssh_config()
        (self.folder / "resolv.conf").write_text("nameserver 127.0.0.1\n")
        (self.folder / "sshd_config").write_text("")
        targets = {"hosts": "/etc/hosts", "resolv.conf": "/etc/resolv.conf", "sshd_config": "/etc/ssh/sshd_config"}
        for name, target in targets.items():
            subprocess.run(["mount", "--bind", self.folder / name, target], check=True)
        self.ssh = self.folder / "bin" / "ssh"
        self.ssh.parent.mkdir()
        self.ssh.write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -F {self.folder}/ssh_config "$@"\n')
        self.ssh.chmod(0o755)
        os.environ["PATH"] = f"{self.ssh.parent}:{os.environ['PATH']}"

    def _move_to_operator(self) -> None:
        with Path("/run/netns/operator").open() as network:
            moved = ctypes.CDLL(None, use_errno=True).setns(network.fileno(), _NEW_NETWORK)
        assert moved == 0, os.strerror(ctypes.get_errno())
