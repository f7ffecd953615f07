"""A Keeper keeps one tunnel open: looks at the ports, runs ssh, rests, begins again.

It gives up when only a person can mend what is wrong.

A tunnel opens whole or not at all: a port that something else holds keeps all of it closed, and is named. A port that
another ssh forwards to the same place is used as it is, and taken over when that ssh is gone.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any

import msgspec

from console.clients.names import Names
from console.clients.ssh_command import ssh_command
from console.clients.ssh_complaints import Complaint, cleaned, complaint
from console.model.forward import Forward, KeptForward, KeptTunnel, TunnelState
from console.model.remedy import spoken
from console.services.forwards.plans import TunnelPlan
from console.services.forwards.ports import (
    SshSettings,
    is_free,
    look_at_ports,
    own_addresses,
    source_address,
    ssh_settings,
)
from console.services.forwards.remote_port import explain_refusal
from console.services.forwards.rest import MOST_S, MOST_STALE_S, MOST_UNKNOCKED_S, BackOff, accepts, has_held, rest
from console.services.forwards.session import Ending, SshSession

LOOK_EVERY_S = 1.0
PORTS_EVERY_S = 2.0  # to find who has a port, every process of this machine is looked at
_KNOCK_TIMEOUT_S = 1.0
_SAID_LINES = 3
_LOOKS_BETWEEN_JUDGEMENTS = 30
_PROHIBITED_TIMES = 2
_GONE = "the address {} of this computer is gone"

Publish = Callable[[KeptTunnel], None]
RunSession = Callable[[SshSession], Awaitable[Ending]]


class Keeper:
    """Keeps one tunnel open for as long as ``run`` runs; ``publish`` gets each new state of it."""

    def __init__(
        self,
        plan: TunnelPlan,
        environ: Mapping[str, str],
        publish: Publish,
        *,
        clock: Callable[[], float] = time.time,
        back_off: BackOff | None = None,
        kept_elsewhere: Callable[[TunnelPlan], Complaint | None] = lambda _: None,
    ) -> None:
        self.plan = plan
        self._environ, self._publish, self._clock = environ, publish, clock
        self._back_off, self._kept_elsewhere = back_off or BackOff(), kept_elsewhere
        self._session: SshSession | None = None
        self._settings: SshSettings | None = None
        self._ended_because: Complaint | None = None
        self._prohibited = 0  # refusals one after the other to which the VM has no listener to show
        self._names = Names()
        forwards = tuple(KeptForward(forward) for forward in plan.forwards)
        self.tunnel = KeptTunnel(
            cluster=plan.cluster, direction=plan.direction, state="connecting", forwards=forwards, since=clock()
        )

    async def run(self) -> None:
        """Keep it open until cancelled, or until only a person can mend it."""
        try:
            await self._keep()
        finally:
            self._names.close()

    async def _keep(self) -> None:
        command = ssh_command(self.plan.gate)
        self._settings = await asyncio.to_thread(ssh_settings, command, self._environ)
        while self.tunnel.state != "given-up":
            try:
                await self._round()
            except OSError as error:  # out of files or processes: other programs' doing, and it passes
                self._show("waiting", reason=f"ssh cannot be run: {error.strerror or error}", hint="", ssh_pid=None)
                await asyncio.sleep(self._back_off.next_rest_s(held_for_s=None))

    def give_up(self, reason: str, hint: str = "") -> None:
        """Say that it is not kept open any more."""
        closed = tuple(KeptForward(forward) for forward in self.plan.forwards)
        self._show("given-up", forwards=closed, reason=reason, hint=hint, ssh_pid=None)

    async def _round(self) -> None:
        looked = await asyncio.to_thread(look_at_ports, self.plan, self._environ)
        free = tuple(each.forward for each in looked if each.state == "closed")
        held = [each for each in looked if each.state == "held"]
        if free and not held:
            await self._carry(looked, free)
            return
        wrong = _named(held) if held else _NOTHING_WRONG
        self._show("held" if held else "up", forwards=looked, **wrong)
        await asyncio.sleep(PORTS_EVERY_S)
        if not held:
            await _until_one_is_free(looked)

    async def _carry(self, looked: tuple[KeptForward, ...], free: tuple[Forward, ...]) -> None:
        """Run one ssh to its end, say why it ended, and rest."""
        if self.tunnel.state != "waiting":
            self._show("connecting", forwards=looked)
        self._ended_because = None
        session = self._session = SshSession(self.plan, free, self._environ, said=self._hear)
        watching = asyncio.create_task(self._watch(session, looked))
        try:
            ending = await session.run()
        finally:
            watching.cancel()
            # Its own cancellation is awaited here, and one of this keeper that comes meanwhile is not swallowed.
            await asyncio.gather(watching, return_exceptions=True)
        why = await self._why(ending)
        self._show(
            "given-up" if why.waiting_cannot_mend else "waiting",
            forwards=looked,
            reason=why.what,
            hint=why.hint,
            said=ending.said[-_SAID_LINES:],
            exit_status=ending.exit_status,
            ssh_pid=None,
            restarts=self.tunnel.restarts + 1,
        )
        if not why.waiting_cannot_mend:
            await self._rest(why, ending)

    async def _rest(self, why: Complaint, ending: Ending) -> None:
        """Rest; an end to it is knocked for only where a VM that accepts is news: sshd may accept, and close again."""
        is_news = self._ended_because is not None or has_held(ending.open_for_s) or why.never_connected
        may_knock = why.is_of_the_network and is_news
        knock_at = self._settings.knock_at if self._settings and may_knock else None
        most_s = MOST_UNKNOCKED_S if may_knock and knock_at is None else MOST_S
        most_s = MOST_STALE_S if why.kind == "stale-listener" else most_s
        rest_s = self._back_off.next_rest_s(held_for_s=ending.open_for_s, most_s=most_s)
        self._show("waiting", retry_at=self._clock() + rest_s)
        await rest(rest_s, knock_at, knock=lambda host, port: accepts(host, port, self._names))

    async def _why(self, ending: Ending) -> Complaint:
        if self._ended_because is not None:
            return self._ended_because
        found = complaint(ending.said, self.plan.gate.host)
        if found is None:
            return Complaint("lost", f"ssh ended with {ending.exit_status} and said nothing", "")
        if found.kind == "forward-refused":
            other = await asyncio.to_thread(self._kept_elsewhere, self.plan)
            found = other or await explain_refusal(self.plan, found, self._environ)
        return self._believed(found)

    def _believed(self, found: Complaint) -> Complaint:
        """Return a cause; a forbidden listener is believed once it repeats: a stale session may just have gone."""
        self._prohibited = self._prohibited + 1 if found.kind == "forward-prohibited" else 0
        if 0 < self._prohibited < _PROHIBITED_TIMES:
            return msgspec.structs.replace(found, kind="forward-refused")
        return found

    def _hear(self, line: str) -> None:
        """Notice in an open session that the VM does not forward: then it carries nothing, however well it stands."""
        found = complaint([cleaned(line)], self.plan.gate.host)
        if found is not None and found.kind == "forward-prohibited":
            self._end_session(found)

    def _end_session(self, why: Complaint) -> None:
        if self._session is not None and self._ended_because is None:
            self._ended_because = why
            self._session.end()

    async def _watch(self, session: SshSession, looked: tuple[KeptForward, ...]) -> None:
        """End a session that cannot go on before ssh notices, or one that should carry more."""
        await session.opened.wait()
        self._show("up", forwards=tuple(map(_opened, looked)), ssh_pid=session.pid, **_NOTHING_WRONG)
        if self.plan.direction == "local":
            await _make_ssh_talk(looked)
        source = None if session.pid is None else await asyncio.to_thread(source_address, session.pid)
        used = [each.forward for each in looked if each.state == "used"]
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            with suppress(OSError):  # out of files: it is looked again
                await self._look(source, used)

    async def _look(self, source: str | None, used: list[Forward]) -> None:
        if source is not None and source not in await asyncio.to_thread(own_addresses):
            self._end_session(Complaint("lost", _GONE.format(source), ""))
        if any(is_free(forward.listen_host, forward.listen_port) for forward in used):
            self._end_session(Complaint("lost", "another ssh's forward ended: it is taken over", ""))

    def _show(self, state: TunnelState, **changes: Any) -> None:
        since = self.tunnel.since if state == self.tunnel.state else self._clock()
        changes.setdefault("retry_at", None)
        self.tunnel = msgspec.structs.replace(self.tunnel, state=state, since=since, **changes)
        self._publish(self.tunnel)


def _opened(looked: KeptForward) -> KeptForward:
    return msgspec.structs.replace(looked, state="open") if looked.state == "closed" else looked


_NOTHING_WRONG: Mapping[str, Any] = {"reason": "", "hint": "", "said": (), "exit_status": None}


def _named(held: list[KeptForward]) -> dict[str, str]:
    """Return what is wrong with ports that something else has."""
    each = held[0]
    pid = each.holder.rpartition("pid ")[2].rstrip(")")
    others = f", and {len(held) - 1} more" if len(held) > 1 else ""
    look = f"ss -Htlnp 'sport = :{each.forward.listen_port}'"
    return {
        "reason": f"{each.forward.listen} is held by {each.holder}, not by a forward to this cluster{others}",
        "hint": spoken(f"kill {pid}", note="if it is yours") if pid.isdecimal() else look,
    }


async def _until_one_is_free(looked: tuple[KeptForward, ...]) -> None:
    """Wait while others forward all of the ports; who they are is looked at again from time to time."""
    for _ in range(_LOOKS_BETWEEN_JUDGEMENTS):
        if any(is_free(each.forward.listen_host, each.forward.listen_port) for each in looked):
            return
        await asyncio.sleep(LOOK_EVERY_S)


async def _make_ssh_talk(looked: tuple[KeptForward, ...]) -> None:
    """Connect once through the first forward, so that ssh says whether the VM forwards at all."""
    forward = next(each.forward for each in looked if each.state == "closed")
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(_KNOCK_TIMEOUT_S):
            reader, writer = await asyncio.open_connection(forward.listen_host, forward.listen_port)
            try:
                await reader.read(1)
            finally:
                writer.close()
