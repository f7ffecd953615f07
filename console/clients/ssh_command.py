"""How ssh is called: the system's own, never asking anybody, host keys always verified, no master shared unseen."""

from __future__ import annotations

from collections.abc import Sequence

from console.config import SshGate

CONNECT_TIMEOUT_S = 5
# ssh(1) gives up a dead line after 4 to 6 s of silence.
_KEEP_ALIVE = ("ServerAliveInterval=2", "ServerAliveCountMax=2")
_ASKS_NOBODY = ("BatchMode=yes", f"ConnectTimeout={CONNECT_TIMEOUT_S}", "LogLevel=INFO", *_KEEP_ALIVE)


def ssh_options(options: Sequence[str]) -> list[str]:
    """Return ``-o`` before each option."""
    return [word for option in options for word in ("-o", option)]


def ssh_command(gate: SshGate, *words: str, control_path: str = "none") -> list[str]:
    """Return the command line that calls the VM; ``words`` are further options, and go before the host.

    What the configuration says of the login goes before what ``~/.ssh/config`` says; the address is the latter's
    alone, as it may lead through a jump host.
    """
    login = [] if gate.user is None else ["-l", gate.user]
    if gate.identity_file is not None:
        login += ["-i", str(gate.identity_file), *ssh_options(["IdentitiesOnly=yes"])]
    return ["ssh", "-S", control_path, *ssh_options(_ASKS_NOBODY), *login, *words, "--", gate.host]
