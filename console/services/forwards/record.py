"""What keepers write down in the state folder, so that any raydeck of this user can say what is kept open, and by whom.

``tunnels/ROLE-PID.json`` is how the tunnels of one process stand, believed only while that process lives;
``tunnels/wanted.json`` is what the supervisor of ``tunnel up --background`` is to keep open, and changes under it.
"""

from __future__ import annotations

import os
import shlex

import msgspec
from msgspec import Struct

from console.clients.ssh_complaints import Complaint
from console.model.forward import KeeperRole, KeptTunnel
from console.services.embedded.record import Mark
from console.services.forwards.plans import TunnelPlan, decode_plans, encode_plans
from console.services.state_folder import StateFolder

FOLDER, WANTED, LOG = "tunnels", "wanted.json", "background.log"
_KEEPERS = {"console": "the console", "foreground": "raydeck tunnel up", "background": "raydeck in the background"}


class KeeperRecord(Struct, frozen=True):
    """One process that keeps tunnels open, and how they stand."""

    role: KeeperRole
    process: Mark
    tunnels: tuple[KeptTunnel, ...] = ()


def record_file(record: KeeperRecord) -> str:
    """Return the name of the record's file."""
    return f"{record.role}-{record.process.pid}.json"


def write_record(state: StateFolder, record: KeeperRecord) -> None:
    """Write down how the tunnels of this process stand."""
    state.write(msgspec.json.encode(record), FOLDER, record_file(record))


def remove_record(state: StateFolder, record: KeeperRecord) -> None:
    """Remove what was written down."""
    state.remove(FOLDER, record_file(record))


def read_records(state: StateFolder) -> tuple[KeeperRecord, ...]:
    """Return the records of processes that live; what dead ones left behind is removed."""
    from console.services.embedded.processes import find  # noqa: PLC0415 -- psutil costs the start of the console 20 ms

    living = []
    for path in sorted(state.at(FOLDER).glob("*-*.json")):
        record = _decoded(state.read(FOLDER, path.name))
        if record is not None and find(record.process):
            living.append(record)
        elif record is not None:
            state.remove(FOLDER, path.name)
    return tuple(living)


def _decoded(content: bytes | None) -> KeeperRecord | None:
    try:
        return None if content is None else msgspec.json.decode(content, type=KeeperRecord)
    except msgspec.MsgspecError:
        return None


def kept_elsewhere(state: StateFolder, plan: TunnelPlan) -> Complaint | None:
    """Return that another raydeck of this user has a tunnel open, and what closes it; None while none has."""
    for record in read_records(state):
        is_open = any(tunnel.key == plan.key and tunnel.state == "up" for tunnel in record.tunnels)
        if is_open and record.process.pid != os.getpid():
            flag = "--reverse " if plan.direction == "reverse" else ""
            down = f"raydeck tunnel down {flag}{shlex.quote(plan.cluster)}" if record.role == "background" else ""
            what = f"{_KEEPERS[record.role]} (pid {record.process.pid}) keeps it open already"
            return Complaint("forward-refused", what, down)
    return None


def background_of(records: tuple[KeeperRecord, ...]) -> KeeperRecord | None:
    """Return the supervisor in the background, None when there is none."""
    return next((record for record in records if record.role == "background"), None)


def read_wanted(state: StateFolder) -> tuple[TunnelPlan, ...]:
    """Return what the supervisor in the background is to keep open."""
    content = state.read(FOLDER, WANTED)
    try:
        return () if content is None else decode_plans(content)
    except msgspec.MsgspecError:
        return ()


def write_wanted(state: StateFolder, plans: tuple[TunnelPlan, ...]) -> None:
    """Say what the supervisor in the background is to keep open; nothing ends it."""
    if plans:
        state.write(encode_plans(plans), FOLDER, WANTED)
    else:
        state.remove(FOLDER, WANTED)
