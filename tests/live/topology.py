"""A small network of computers, each a network namespace with an address on one private LAN, made and ended as a whole.

``unshare_command`` runs a program in namespaces of its own: there it may make networks, and every process that it
leaves ends with it, however it ends. Inside, ``Lan`` makes the computers. Nothing reaches the machine's own network.
"""

import os
import pwd
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

NETWORK = "10.77.0"
Value = TypeVar("Value")


def unshare_command() -> list[str]:
    """The command before a program that gives it networks, mounts and process numbers of its own."""
    mapped = [] if os.geteuid() == 0 else ["-U", "--map-current-user", "--keep-caps"]
    return ["unshare", *mapped, "-n", "-m", "-p", "-f", "--kill-child", "--mount-proc"]


def why_not_permitted() -> str:
    """Why no network namespace can be made here, empty where it can."""
    probe = "mount -t tmpfs tmpfs /run && ip netns add probe && ip netns exec probe ip link set lo up"
    command = [*unshare_command(), "sh", "-c", probe]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    return "" if ran.returncode == 0 else (ran.stderr.strip().splitlines() or ["no reason given"])[-1]


def until(look: Callable[[], Value], timeout_s: float = 30.0) -> Value:
    """The first true value of ``look``, its last value when the time is over."""
    deadline = time.monotonic() + timeout_s
    while not (value := look()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return value


def without_shell_startup() -> None:
    """Hide what this user's shell reads when sshd starts it: it may be slow, or wait for a lock for a minute."""
    home = Path(pwd.getpwuid(os.getuid()).pw_dir)
    for path in (home / ".bashrc", home / ".zshenv", Path("/etc/bash.bashrc"), Path("/etc/zsh/zshenv")):
        with suppress(PermissionError):
            if path.is_file():
                subprocess.run(["mount", "--bind", "/dev/null", path], check=True)


class Lan:
    """The computers, by name. ``address`` is each one's; ``folder`` keeps what their programs print."""

    def __init__(self, folder: Path, names: tuple[str, ...]) -> None:
        self.folder = folder
        self.address = {name: f"{NETWORK}.{10 + number}" for number, name in enumerate(names)}
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True)
        Path("/run/sshd").mkdir()
        without_shell_startup()
        self._ip("netns", "add", "switch")
        self._ip("-n", "switch", "link", "add", "br0", "type", "bridge")
        self._ip("-n", "switch", "link", "set", "br0", "up")
        for name, address in self.address.items():
            self._add(name, address)

    def _add(self, name: str, address: str) -> None:
        self._ip("netns", "add", name)
        self._ip("link", "add", "eth0", "netns", name, "type", "veth", "peer", "name", f"p-{name}", "netns", "switch")
        self._ip("-n", "switch", "link", "set", f"p-{name}", "master", "br0", "up")
        self._ip("-n", name, "link", "set", "lo", "up")
        self._ip("-n", name, "addr", "add", f"{address}/24", "dev", "eth0")
        self._ip("-n", name, "link", "set", "eth0", "up")

    def _ip(self, *arguments: str) -> None:
        subprocess.run(["ip", *arguments], check=True, capture_output=True)

    def run(
        self, name: str, *command: str | Path, environ: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a program on a computer to its end, whatever that is."""
        return subprocess.run(
            self._on(name, command),
            env=os.environ | (environ or {}),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def start(
        self, name: str, log: str, *command: str | Path, environ: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        """Start a program on a computer; it ends with the LAN at the latest. ``told(log)`` is what it prints."""
        with (self.folder / f"{log}.log").open("wb") as file:
            return subprocess.Popen(  # ended with the namespaces
                self._on(name, command), env=os.environ | (environ or {}), stdout=file, stderr=file
            )

    def told(self, log: str) -> str:
        """What a started program has printed."""
        return (self.folder / f"{log}.log").read_text(errors="replace")

    def listening(self, name: str) -> set[str]:
        """``address:port`` of everything that listens on a computer."""
        return {line.split()[3] for line in self.run(name, "ss", "-Hltn").stdout.splitlines()}

    def _on(self, name: str, command: tuple[str | Path, ...]) -> list[str]:
        program = shutil.which(str(command[0])) or str(command[0])
        return ["ip", "netns", "exec", name, program, *map(str, command[1:])]
