"""Which of a path's ports ssh is to ask on the VM, and what the answers say of who is there. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from console.clients.vm_script import Asked, Question
from console.model.check import CheckedService
from console.services.evidence import Evidence
from console.services.paths import Asking, Endpoint, Path

_QUESTIONS: Mapping[Asking, Question] = {
    "dashboard": "version", "serve": "http", "metrics": "http", "client": "bytes",
}  # fmt: skip
Fails = Callable[[CheckedService], bool]


def wanted_ports(path: Path, fails: Fails) -> Iterator[Asked]:
    """Yield the ports on the VM whose bytes ssh should look at; ``fails``: whether the walk to a service broke.

    A walk that does not end there itself has the VM's own port as a second way to the dashboard, which has to end at
    the same head.
    """
    dark = set(_dark_ports(path, fails))
    for endpoint in path.endpoints:
        if endpoint.plan_port is not None and (_has_second_way(endpoint) or endpoint.plan_port in dark):
            yield endpoint.plan_port, _QUESTIONS[endpoint.asking]


def wants_evidence(path: Path, fails: Fails) -> bool:
    """Return whether ssh tells what a walk does not: of a break, or of services that only the VM reaches."""
    return any(_dark_ports(path, fails))


def session_on_the_vm(path: Path, evidence: Evidence | None) -> str:
    """Return the session behind the VM's own port where the walk takes another way, empty where it does not."""
    dashboard = path.endpoints[0]
    if evidence is None or evidence.told is None or dashboard.plan_port is None or not _has_second_way(dashboard):
        return ""
    return evidence.told.session(dashboard.plan_port)


def _has_second_way(endpoint: Endpoint) -> bool:
    """Return whether the dashboard is asked elsewhere than on the VM: at the gateway, on this machine, at its own."""
    return endpoint.service == "dashboard" and endpoint.way != "vm"


def _dark_ports(path: Path, fails: Fails) -> Iterator[int]:
    for endpoint in path.endpoints:
        if endpoint.plan_port is not None and (endpoint.host is None or fails(endpoint.service)):
            yield endpoint.plan_port
