"""What the tests of kept forwards share inside their namespaces: a VM with sshd, computers, and raydeck on them."""

import fcntl
import json
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tests.live.topology import Lan, until

SERVICES = {"dashboard": 8100, "client": 8151, "metrics-head": 8201, "metrics-worker": 8202, "serve": 8301}
PATIENCE_S = 60.0
CLUSTERS = """
[ssh.vm]
host = "vm"
private_ip = "{vm}"

[[clusters]]
name = "local-1"
kind = "local"
tunnel = {{ via = "vm", slot = 1 }}
reach = "forward"

[[clusters]]
name = "local-2"
kind = "local"
tunnel = {{ via = "vm", slot = 2 }}
"""
SSHD = """
ListenAddress {vm}:{port}
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/id.pub
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
AllowTcpForwarding {forwarding}
GatewayPorts clientspecified
ClientAliveInterval {alive_s}
ClientAliveCountMax 2
MaxStartups 100
"""
SSH = """
Host vm
    HostName {vm}
    Port {port}
    IdentityFile {folder}/{key}
    IdentitiesOnly yes
    UserKnownHostsFile {folder}/{known}
    GlobalKnownHostsFile /dev/null
    StrictHostKeyChecking yes
"""
ECHO = """
import socket, sys, threading
def answer(caller):
    with caller:
        while data := caller.recv(4096):
            caller.sendall(data)
server = socket.create_server((sys.argv[1], int(sys.argv[2])))
while True:
    threading.Thread(target=answer, args=(server.accept()[0],), daemon=True).start()
"""


class Lab:
    """A VM and computers on one LAN. ssh finds its configuration as a user's own would be."""

    def __init__(self, folder: Path, computers: tuple[str, ...] = ("operator", "laptop")) -> None:
        self.folder = folder
        self.lan = Lan(folder, ("vm", *computers))
        self.vm = self.lan.address["vm"]
        for key in ("id", "other", "host_key"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / key], check=True)
        (folder / "known_hosts").write_text(f"{self.known_as(22)} {(folder / 'host_key.pub').read_text()}")
        (folder / "clusters.toml").write_text(CLUSTERS.format(vm=self.vm))
        self.configure_ssh()
        wrapper = folder / "bin" / "ssh"
        wrapper.parent.mkdir()
        wrapper.write_text(f'#!/bin/sh\nexec /usr/bin/ssh -F {folder}/ssh_config "$@"\n')
        wrapper.chmod(0o755)
        self.environ = {
            "HOME": str(folder),
            "PATH": f"{wrapper.parent}:{os.environ['PATH']}",
            "XDG_STATE_HOME": str(folder / "state"),
        }
        self.sshd = self.start_sshd()

    def known_as(self, port: int) -> str:
        return self.vm if port == 22 else f"[{self.vm}]:{port}"

    def configure_ssh(self, *, key: str = "id", known: str = "known_hosts", port: int = 22) -> None:
        text = SSH.format(vm=self.vm, folder=self.folder, key=key, known=known, port=port)
        (self.folder / "ssh_config").write_text(text)

    def known(self, port: int) -> None:
        """Make the VM's key known for another port, in a file of its own."""
        text = f"{self.known_as(port)} {(self.folder / 'host_key.pub').read_text()}"
        (self.folder / f"known_{port}").write_text(text)

    def kill(self, pid: int, number: int) -> None:
        os.kill(pid, number)

    def start_sshd(self, port: int = 22, *, forwarding: str = "yes", alive_s: int = 2) -> "subprocess.Popen[bytes]":
        file = self.folder / f"sshd_{port}"
        file.write_text(SSHD.format(vm=self.vm, port=port, folder=self.folder, forwarding=forwarding, alive_s=alive_s))
        process = self.lan.start("vm", f"sshd-{port}", "/usr/sbin/sshd", "-D", "-e", "-f", file)
        assert until(lambda: f"{self.vm}:{port}" in self.lan.listening("vm")), self.lan.told(f"sshd-{port}")
        return process

    def start_echo(self, computer: str, host: str, port: int) -> "subprocess.Popen[bytes]":
        process = self.lan.start(computer, f"echo-{port}", sys.executable, "-c", ECHO, host, str(port))
        assert until(lambda: f"{host}:{port}" in self.lan.listening(computer)), self.lan.told(f"echo-{port}")
        return process

    def command(self, *arguments: str) -> list[str | Path]:
        return [sys.executable, "-m", "console", "--config", self.folder / "clusters.toml", *arguments]

    def raydeck(self, computer: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return self.lan.run(computer, *self.command(*arguments), environ=self.environ)

    def start_raydeck(self, computer: str, log: str, *arguments: str) -> "subprocess.Popen[bytes]":
        return self.lan.start(computer, log, *self.command(*arguments), environ=self.environ)

    def start_console(self, computer: str) -> tuple["subprocess.Popen[bytes]", Callable[[bytes], None]]:
        """Start the full-screen console on a terminal of its own; return it, and what presses its keys."""
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
        environ = os.environ | self.environ | {"TERM": "xterm-256color"}
        command = self.lan._on(computer, tuple(self.command()))
        console = subprocess.Popen(command, env=environ, stdin=theirs, stdout=theirs, stderr=theirs)
        os.close(theirs)
        threading.Thread(target=_swallow, args=(ours,), daemon=True).start()
        return console, lambda keys: os.write(ours, keys) and None

    def status(self, computer: str = "operator", *arguments: str) -> dict:
        """Cluster -> its part of ``tunnel status --json``."""
        told = self.raydeck(computer, "tunnel", "status", *arguments, "--json")
        return {each["cluster"]: each for each in json.loads(told.stdout)["tunnels"]}

    def record(self, role: str) -> dict | None:
        """What a keeper wrote down of its first tunnel, read without starting anything."""
        for path in (self.folder / "state" / "raydeck" / "tunnels").glob(f"{role}-*.json"):
            tunnels = json.loads(path.read_text())["tunnels"]
            return tunnels[0] if tunnels else None
        return None

    def comes(self, role: str, state: str, timeout_s: float = PATIENCE_S) -> dict:
        """Wait until the first tunnel of a keeper is in this state; return it."""
        until(lambda: (self.record(role) or {}).get("state") == state, timeout_s)
        record = self.record(role)
        assert record is not None, f"no {role} keeper wrote anything down"
        assert record["state"] == state, record
        return record

    def ssh_pids(self) -> list[int]:
        """The forwarding ssh of all computers here: process numbers are shared."""
        found = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                words = path.read_bytes().split(b"\0")
            except OSError:
                continue
            if words[0].endswith(b"ssh") and b"-N" in words and b"-G" not in words:  # -G only tells what it would do
                found.append(int(path.parent.name))
        return found

    def echoes(self, computer: str, host: str, port: int, timeout_s: float = 5.0) -> bool:
        """Whether bytes sent to a port come back: true only if all of the way works."""
        ask = (
            "import socket,sys\n"
            f"with socket.create_connection((sys.argv[1], int(sys.argv[2])), {timeout_s}) as s:\n"
            " s.sendall(b'there?'); sys.exit(s.recv(6) != b'there?')"
        )
        return self.lan.run(computer, sys.executable, "-S", "-c", ask, host, str(port)).returncode == 0

    def pull_cable(self, computer: str) -> None:
        self.lan._ip("-n", "switch", "link", "set", f"p-{computer}", "down")

    def plug_in(self, computer: str) -> None:
        self.lan._ip("-n", "switch", "link", "set", f"p-{computer}", "up")

    def readdress(self, computer: str, old: str, new: str) -> None:
        self.lan._ip("-n", computer, "addr", "del", f"{old}/24", "dev", "eth0")
        self.lan._ip("-n", computer, "addr", "add", f"{new}/24", "dev", "eth0")


def _swallow(terminal: int) -> None:
    """Take what is painted, so that the painting never waits."""
    with suppress(OSError):
        while os.read(terminal, 65536):
            pass


def end(process: "subprocess.Popen[bytes]", number: int = signal.SIGTERM) -> int:
    """Send a signal and return the exit status."""
    process.send_signal(number)
    return process.wait(30)
