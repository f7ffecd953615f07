"""What a starter has to start: names, ports, tokens and folders of the missing clusters."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Mapping

import msgspec

from console.services.embedded import processes
from console.services.embedded.files import new_folder
from console.services.embedded.ports import choose_ports, ports_are_free
from console.services.embedded.record import FOLDER, Mark, Plan, Ports, Record, Role, token_file
from console.services.embedded.survey import Survey
from console.services.state_folder import StateFolder


class Planner:
    """Plans for one call of ``up``; every plan takes its name and ports away from the later ones."""

    def __init__(self, state: StateFolder, environ: Mapping[str, str], found: Survey, *, keep: bool) -> None:
        self._state, self._environ, self._found, self._keep = state, environ, found, keep
        living = (*found.usable, *found.others)
        self._names = {record.name for record in living}
        self._ports = [record.ports for record in living]
        # Read now: the clean-up of the dead removes their tokens, which a console may still hold.
        tokens = (state.read(FOLDER, token_file(record.name)) for record in (*living, *found.dead))
        # One for all: a process has one token, and a job of one cluster is to reach the others by Ray client.
        self._token = next((token.decode() for token in tokens if token), secrets.token_hex(32))

    def clusters(self, wanted: int, cpus: int) -> list[Plan]:
        """Return the plans of the clusters that are missing for ``wanted``, dead ones first."""
        missing = wanted - sum(record.role == "ray" for record in self._found.usable)
        return [self._plan("ray", "embedded", cpus=cpus) for _ in range(missing)]

    def prometheus(self, program: str) -> Plan | None:
        """Return the plan of a Prometheus, None when one runs that may be used."""
        if any(record.role == "prometheus" for record in self._found.usable):
            return None
        return self._plan("prometheus", "prometheus", program=program)

    @staticmethod
    def with_other_ports(plan: Plan, records: Iterable[Record]) -> Plan:
        """Return the same plan in a fresh folder on ports that are free now."""
        unique = secrets.token_hex(16)
        folder = new_folder(unique, os.environ)
        return msgspec.structs.replace(
            plan, ports=choose_ports(plan.state_folder, [r.ports for r in records]), marker=unique, folder=folder
        )

    def _plan(self, role: Role, prefix: str, *, cpus: int = 0, program: str = "") -> Plan:
        dead = next((r for r in self._found.dead if r.role == role and r.name not in self._names), None)
        name = dead.name if dead else self._lowest_free(prefix)
        ports = dead.ports if dead and self._are_free(dead.ports) else choose_ports(str(self._state.path), self._ports)
        self._names.add(name)
        self._ports.append(ports)
        unique = secrets.token_hex(16)
        starter = processes.mark(os.getpid())
        return Plan(
            name=name,
            role=role,
            state_folder=str(self._state.path),
            folder=new_folder(unique, self._environ),
            ports=ports,
            token=self._token if role == "ray" else "",
            marker=unique,
            starter=starter or Mark(os.getpid(), 0.0),
            kept=self._keep,
            cpus=cpus,
            program=program,
        )

    def _lowest_free(self, prefix: str) -> str:
        return next(name for n in range(1, 10_000) if (name := f"{prefix}-{n}") not in self._names)

    def _are_free(self, ports: Ports) -> bool:
        return ports not in self._ports and ports_are_free(ports)
