"""What a probe is, and the remedies that more than one of them names."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from console.model.check import ProbeName
from console.model.failure import Failure
from console.model.remedy import Fix, Remedy


class Probe(Struct, frozen=True):
    """One question, in words, and what each of its failures means."""

    name: ProbeName
    asks: str
    failures: Mapping[Failure, Remedy] = {}


def remedy(cause: str, *fixes: Fix | str) -> Remedy:
    """Return what a failure means, and what mends it; a fix that is only a command is typed on this machine."""
    return Remedy(cause, tuple(Fix(fix) if isinstance(fix, str) else fix for fix in fixes))


FAR, VM = "{far}", "on the VM"
RAY_UP = Fix("{do_start}", FAR)
LOOK_BEHIND = (Fix("curl -m 5 http://{vm_address}:{plan_port}/api/version", VM), Fix("curl -m 5 -i {url}"))
SSHD_RELOAD = Fix(
    "sudo install -m 644 50-raydeck.conf /etc/ssh/sshd_config.d/ && sudo systemctl reload ssh",
    VM,
    "raydeck render sshd writes that file",
)
ENDPOINTS = (
    Fix(
        "kubectl get endpoints -n {namespace} {kube_service} && curl -m 5 http://{vm_address}:{plan_port}/api/version",
        VM,
    ),
    Fix("kubectl get endpoints -n {namespace} {kube_service}", VM),
)
WAY = {
    Failure.NO_NETWORK: remedy("this machine has no network", "ip route"),
    Failure.NO_HOST: remedy("no such machine answers on the network: it is off, or the address is old", "ping {host}"),
    Failure.TLS: remedy(
        "its certificate is not trusted here",
        Fix(
            "openssl s_client -connect {host}:{port} -showcerts </dev/null",
            note="is the address https, and its CA known here?",
        ),
    ),
}
NO_HEAD = remedy("its head is not running, or the address is another's", RAY_UP)
