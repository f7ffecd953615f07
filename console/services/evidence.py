"""What ssh can tell of a VM: whether its Host is usable, whether it answers, and what its sockets say.

It explains a broken path. Where ssh is not permitted it says why, and that is all: no cluster is down because of it.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterable

import msgspec
from msgspec import Struct

from console.clients.names import Names, is_address
from console.clients.ssh import Ran, ReverseForward, SharedSsh, SshConfig
from console.clients.ssh_complaints import Complaint, complaint
from console.clients.vm_script import TIMEOUT_S, Asked, Told, read, script
from console.config import SshGate
from console.model.failure import Failure

_NAME_S = 1.0


class Finding(Struct, frozen=True):
    """What is wrong with ssh itself: the failure, and for what ssh said its own cause and hint."""

    failure: Failure
    detail: str
    cause: str = ""
    hint: str = ""
    command: str = ""
    key: str = ""


class Evidence(Struct, frozen=True, kw_only=True):
    """One look at a VM, ``asked_at`` and ``answered_at`` in Unix seconds.

    ``config`` and ``vm`` are what is wrong with each, None: well. ``told`` is None where the VM could not be asked;
    ``unasked`` says why nothing could be asked at all. ``reverse`` is what this very computer is configured to forward
    from the VM to itself: nothing, unless a cluster runs on it.
    """

    asked_at: float
    answered_at: float = 0.0
    reverse: tuple[ReverseForward, ...] = ()
    host: str = ""
    config: Finding | None = None
    vm: Finding | None = None
    vm_ms: float | None = None
    told: Told | None = None
    unasked: str = ""


class VmWatch:
    """One VM, asked through one shared connection."""

    def __init__(
        self,
        gate: SshGate,
        names: Names,
        *,
        ssh: SharedSsh | None = None,
        clock: Callable[[], float] = time.time,
        has_ssh: Callable[[], bool] = lambda: shutil.which("ssh") is not None,
    ) -> None:
        self.gate = gate
        self._ssh = ssh or SharedSsh(gate)
        self._names, self._clock, self._has_ssh = names, clock, has_ssh

    async def ask(self, ports: Iterable[Asked]) -> Evidence:
        """Look at the VM; ``ports``: those whose bytes are wanted, and what each is asked."""
        asked_at = self._clock()
        if not self._has_ssh():
            return Evidence(asked_at=asked_at, unasked="there is no ssh on this machine")
        config = await self._ssh.config()
        host = config.hostname if isinstance(config, SshConfig) else ""
        wrong = await self._config_finding(config)
        reverse = await self._ssh.reverse_forwards()
        evidence = Evidence(asked_at=asked_at, answered_at=self._clock(), host=host, config=wrong, reverse=reverse)
        if wrong is not None and wrong.failure is not Failure.KEY_MODE:
            return evidence
        ran = await self._ssh.run(*script(self.gate.private_ip or "127.0.0.1", ports), timeout_s=TIMEOUT_S)
        if ran.first_ms is None:
            return msgspec.structs.replace(evidence, vm=self._vm_finding(ran))
        return msgspec.structs.replace(
            evidence, answered_at=self._clock(), vm_ms=ran.first_ms, config=None, told=read(ran.stdout)
        )

    async def close(self) -> None:
        """End the connection."""
        await self._ssh.close()

    async def _config_finding(self, config: SshConfig | Ran) -> Finding | None:
        if isinstance(config, Ran):
            return _said(config.stderr, self.gate.host)
        if config.missing_key:
            return Finding(Failure.KEY_MISSING, f"{config.missing_key} does not exist", key=config.missing_key)
        if config.open_keys:
            key = config.open_keys[0]
            return Finding(Failure.KEY_MODE, f"the mode of {key} is not 600", key=key)
        if config.is_direct and not is_address(config.hostname):
            found = await self._names.addresses(config.hostname, _NAME_S)
            if isinstance(found, Failure):
                return _said((f"ssh: Could not resolve hostname {config.hostname}: ",), self.gate.host)
        return None

    def _vm_finding(self, trip: Ran) -> Finding:
        if trip.status is None:
            return Finding(Failure.SILENT, f"no round trip through ssh within {trip.took_ms / 1000:.0f} s")
        if trip.stderr:
            return _said(trip.stderr, self.gate.host)
        return Finding(Failure.SSH, f"a command there ended with {trip.status} and no output")


def _said(lines: Iterable[str], host: str) -> Finding:
    found: Complaint | None = complaint(lines, host)
    if found is None:
        return Finding(Failure.SSH, "ssh failed without a word")
    return Finding(Failure.SSH, found.said or found.what, found.what, found.hint, found.command)
