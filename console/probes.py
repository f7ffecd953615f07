"""The probes: every question about a cluster's path, once, in the order of the contract, and what each failure means.

A remedy has the cause in plain words and a hint that can be pasted (before a colon: where). In both, ``{words}`` are
filled in by ``explained``; what stands for a word that is not known is ``…``.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from console.model.check import PROBE_NAMES, ProbeName
from console.model.failure import Failure


class Remedy(Struct, frozen=True):
    """What a failure means, and what to type."""

    cause: str
    hint: str = ""


class Probe(Struct, frozen=True):
    """One question, in words, and what each of its failures means."""

    name: ProbeName
    asks: str
    failures: Mapping[Failure, Remedy] = {}


_TUNNEL_UP = "on the computer of {cluster}: systemctl --user restart raydeck-tunnel   (or: ssh -N rf-{alias})"
_RAY_UP = "on the computer of {cluster}: {start}"
_SSHD_RELOAD = "on the VM: sudo install -m 644 50-raydeck.conf /etc/ssh/sshd_config.d/ && sudo systemctl reload ssh"
_LOOK_BEHIND = "on the VM: curl -m 5 http://{vm_address}:{port}/api/version"
_FIREWALL = "let your public address in, in the cloud's firewall rules: ports 22 and {port}"
_INGRESS = "on the VM: kubectl get pods -n istio-system"
_ENDPOINTS = (
    "on the VM: kubectl get endpoints -n {namespace} {kube_service} && "
    "curl -m 5 http://{vm_address}:{plan_port}/api/version"
)
_SERVICES = "on the VM: kubectl apply -k services"
_WHO_HOLDS = "on the VM: sudo ss -Htlnp 'sport = :{plan_port}'"
_RAY_LOG = "on the computer of {cluster}: docker compose logs ray-head"
_AGENT = "on the computer of {cluster}: curl -sI http://127.0.0.1:{inner_port}/favicon.ico"
_WAY = {
    Failure.NO_NETWORK: Remedy("this machine has no network", "ip route"),
    Failure.NO_HOST: Remedy("no such machine answers on the network: it is off, or the address is old", "ping {host}"),
    Failure.TLS: Remedy("its certificate is not trusted here", "is the address https, and its CA known here?"),
}
_ANSWER = {
    Failure.CLOSED: Remedy("the tunnel stands, and nothing runs behind it", _RAY_UP),
    Failure.SILENT: Remedy(
        "the connection stands and nothing answers: what runs behind hangs, or its line is dead",
        "on the computer of {cluster}: curl -m 5 http://127.0.0.1:{inner_port}/",
    ),
    Failure.STRANGE: Remedy("something else answers on this port", _LOOK_BEHIND),
}

PROBES: tuple[Probe, ...] = (
    Probe(
        "config",
        "ssh's configuration for the VM can be used",
        {
            Failure.SSH: Remedy("ssh's configuration cannot be used", "ssh -G {vm}"),
            Failure.KEY_MODE: Remedy("others may read the private key, so ssh does not use it", "chmod 600 {key}"),
            Failure.KEY_MISSING: Remedy("the key that clusters.toml names does not exist", "ls -l {key}"),
        },
    ),
    Probe(
        "name",
        "the host's name resolves, to the right address",
        {
            Failure.UNRESOLVED: Remedy(
                "the name is neither in /etc/hosts nor in DNS",
                "echo '{public_address} {host}' | sudo tee -a /etc/hosts",
            ),
            Failure.OLD_ADDRESS: Remedy(
                "the VM's floating_ip is {public_address}: an old line in /etc/hosts",
                "sudo sed -i 's/^{address}\\b/{public_address}/' /etc/hosts",
            ),
            Failure.TIMED_OUT: Remedy("the name server does not answer", "getent hosts {host}"),
        },
    ),
    Probe(
        "gateway",
        "the gateway accepts connections",
        _WAY
        | {
            Failure.REFUSED: Remedy("no ingress listens on the gateway's port", _INGRESS),
            Failure.TIMED_OUT: Remedy(
                "packets to port {port} are dropped: by the firewall rule, or the address is old", _FIREWALL
            ),
            Failure.TIMED_OUT_TOO: Remedy(
                "packets are dropped, on port 22 too: your address is not in the firewall rule, or "
                "{address} is an old one",
                _FIREWALL,
            ),
        },
    ),
    Probe(
        "vm",
        "the VM answers",
        _WAY
        | {
            Failure.TIMED_OUT: Remedy(
                "packets to the VM are dropped: a firewall rule, or an old address", "ssh {vm} true"
            ),
            Failure.SSH: Remedy("ssh to the VM fails", "ssh -v {vm} true"),
            Failure.SILENT: Remedy("the network to the VM stalls: what ssh sends does not come back", "ping {vm_host}"),
        },
    ),
    Probe(
        "route",
        "the gateway has a route, and something behind it",
        {
            Failure.NO_ROUTE: Remedy(
                "the gateway has no VirtualService for {host}", "on the VM: kubectl apply -k istio"
            ),
            Failure.NO_ENDPOINT: Remedy(
                "the Service answers nothing: no Endpoints, or the tunnel behind is dead", _ENDPOINTS
            ),
            Failure.CLOSED: Remedy("the gateway closed the connection without an answer", _INGRESS),
            Failure.SILENT: Remedy(
                "the gateway waits for what is behind it: Ray there hangs, or its line is dead",
                "on the VM: curl -m 5 http://{vm_address}:{plan_port}/api/version",
            ),
            Failure.STRANGE: Remedy("what answers is no HTTP gateway: an old address?", "getent hosts {host}"),
            Failure.HTTP_ERROR: Remedy("what answers is not istio-envoy: an old address?", "getent hosts {host}"),
        },
    ),
    Probe(
        "listener",
        "the port is listened on, on the right address and only there",
        _WAY
        | {
            Failure.REFUSED: Remedy("", "is the head, or the tunnel to it, running?"),
            Failure.TIMED_OUT: Remedy(
                "packets are dropped on the way: a firewall, or the wrong address", "ping {host}"
            ),
            Failure.NO_LISTENER: Remedy("nothing listens there on the VM, so {cluster}'s tunnel is not up", _TUNNEL_UP),
            Failure.DOWN: Remedy("the forward to {cluster} is not open on this machine", "raydeck tunnel up {cluster}"),
            Failure.LOOPBACK: Remedy(
                "sshd put the listener on loopback, where nobody else reaches it: GatewayPorts no", _SSHD_RELOAD
            ),
            Failure.EXPOSED: Remedy(
                "the whole network reaches this port, and with it Ray: GatewayPorts yes", _SSHD_RELOAD
            ),
        },
    ),
    Probe(
        "holder",
        "sshd holds the port, for a session that lives",
        {
            Failure.STALE: Remedy(
                "a dead session of the computer still holds the port",
                "on the VM: sudo kill {pid}   (or wait: sshd gives it up by ClientAlive)",
            ),
            Failure.HELD: Remedy(
                "another program holds the port, so the tunnel cannot",
                _WHO_HOLDS,
            ),
        },
    ),
    Probe(
        "sshd",
        "the VM's sshd permits what the tunnels need",
        {
            Failure.GATEWAY_PORTS: Remedy("GatewayPorts is not clientspecified", _SSHD_RELOAD),
            Failure.NOT_PERMITTED: Remedy("sshd does not permit this forwarding", _SSHD_RELOAD),
        },
    ),
    Probe(
        "bytes",
        "bytes come through",
        _WAY
        | _ANSWER
        | {
            Failure.REFUSED: Remedy("", "is the head, or the tunnel to it, running?"),
            Failure.TIMED_OUT: Remedy("packets are dropped on the way", "ping {host}"),
            Failure.NOT_PERMITTED: Remedy("the VM's sshd does not permit forwarding", _SSHD_RELOAD),
        },
    ),
    Probe(
        "ray",
        "it is Ray's dashboard",
        {
            Failure.STRANGE: Remedy("another service answers where Ray should", _LOOK_BEHIND),
            Failure.NOT_RAY: Remedy("an HTTP service answers, and it is not Ray's dashboard", _LOOK_BEHIND),
            Failure.HTTP_ERROR: Remedy("Ray's dashboard is in trouble", _RAY_LOG),
            Failure.NO_TOKEN: Remedy("", "set auth_token_file in clusters.toml"),
            Failure.WRONG_TOKEN: Remedy("", "is auth_token_file that of this cluster?"),
        },
    ),
    Probe(
        "identity",
        "it is this cluster, and no other",
        {
            Failure.OTHER_CLUSTER: Remedy("this way leads to {other}", "{swap}"),
            Failure.TWICE: Remedy("{cluster} and {other} end at the same Ray: one of the two ways is wrong", "{swap}"),
            Failure.STRANGER: Remedy(
                "another cluster answers here than the one that answered before", "if that is meant: rm {memory}"
            ),
        },
    ),
    Probe(
        "client-version",
        "Ray client could be used: the same Ray and Python as on the other clusters",
        _ANSWER
        | {
            Failure.DIFFERS: Remedy("Ray client wants one Ray and one Python on both sides", "one image for all"),
            Failure.STRANGE: Remedy("something else answers on Ray client's port", _LOOK_BEHIND),
        },
    ),
    Probe(
        "serve",
        "Serve answers where an application should run",
        {
            Failure.HTTP_ERROR: Remedy("Serve's proxy is not well", "on the computer of {cluster}: serve status"),
            Failure.STRANGE: Remedy("something else answers on Serve's port", _LOOK_BEHIND),
        },
    ),
    Probe(
        "metrics",
        "the metrics ports answer",
        {
            Failure.HTTP_ERROR: Remedy(
                "what answers is not Ray's metrics agent",
                _AGENT,
            ),
            Failure.STRANGE: Remedy("something else answers on the metrics port", _LOOK_BEHIND),
        },
    ),
    Probe(
        "scrape",
        "Prometheus has the targets, up and fresh",
        {
            Failure.DOWN: Remedy("Prometheus cannot scrape it", "raydeck targets"),
            Failure.OLD: Remedy("Prometheus has not scraped it for too long", "raydeck targets"),
            Failure.NO_TARGET: Remedy("no target has the labels of this cluster's `series`", _SERVICES),
        },
    ),
    Probe(
        "clock",
        "the head's clock and ours differ by less than 5 s",
        {
            Failure.SKEW: Remedy("figures look older or newer than they are", "on both: timedatectl set-ntp true"),
        },
    ),
)

_BY_NAME = {probe.name: probe for probe in PROBES}
assert tuple(_BY_NAME) == PROBE_NAMES  # noqa: S101 -- the contract's order is that of the walk


class _Words(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return "…"


def explained(probe: ProbeName, failure: Failure, words: Mapping[str, str]) -> Remedy:
    """Return what a failure of a probe means and asks for, with its words filled in."""
    remedy = _BY_NAME[probe].failures[failure]
    known = _Words({key: value for key, value in words.items() if value})
    return Remedy(remedy.cause.format_map(known), remedy.hint.format_map(known))


def declared(probe: ProbeName) -> frozenset[Failure]:
    """Return the failures that a probe can have."""
    return frozenset(_BY_NAME[probe].failures)
