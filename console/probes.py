"""The probes: every question about a cluster's path, once, in the order of the contract, and what each failure means.

A remedy has the cause in plain words and fixes, of which ``explained`` takes the first one all of whose ``{words}`` are
known: a command that can be pasted, where to type it, and a note for the reader.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from console.model.check import PROBE_NAMES, ProbeName
from console.model.failure import Failure
from console.model.remedy import Explained, Fix, Remedy, filled_in


class Probe(Struct, frozen=True):
    """One question, in words, and what each of its failures means."""

    name: ProbeName
    asks: str
    failures: Mapping[Failure, Remedy] = {}


def _remedy(cause: str, *fixes: Fix | str) -> Remedy:
    return Remedy(cause, tuple(Fix(fix) if isinstance(fix, str) else fix for fix in fixes))


_FAR, _VM = "{far}", "on the VM"
_TUNNEL_UP = (
    Fix("systemctl --user restart raydeck-tunnel", "on the computer of {cluster}", "or there: ssh -N rf-{alias}"),
)
_RAY_UP = Fix("{do_start}", _FAR)
_RAY_LOG = Fix("{do_log}", _FAR)
_LOOK_INSIDE = Fix("{do_look_inside}", _FAR)
_LOOK_BEHIND = (Fix("curl -m 5 http://{vm_address}:{plan_port}/api/version", _VM), Fix("curl -m 5 -i {url}"))
_SSHD_RELOAD = Fix(
    "sudo install -m 644 50-raydeck.conf /etc/ssh/sshd_config.d/ && sudo systemctl reload ssh",
    _VM,
    "raydeck render sshd writes that file",
)
_FIREWALL = Fix(
    "nc -vz -w 5 {address} 22; nc -vz -w 5 {address} {port}",
    note="let your public address in, in the cloud's firewall rules: ports 22 and {port}",
)
_INGRESS = Fix("kubectl get pods -n istio-system", _VM)
_ENDPOINTS = (
    Fix(
        "kubectl get endpoints -n {namespace} {kube_service} && curl -m 5 http://{vm_address}:{plan_port}/api/version",
        _VM,
    ),
    Fix("kubectl get endpoints -n {namespace} {kube_service}", _VM),
)
_WHO_HOLDS = Fix("sudo ss -Htlnp 'sport = :{plan_port}'", _VM)
_SWAPPED = (
    Fix("sudo ss -Htlnp 'sport = :{plan_port}'", _VM, "and compare the RemoteForward lines of both computers"),
    Fix("raydeck config path", note="compare `dashboard` of both in that file"),
)
_TARGETS = Fix("raydeck targets")
_OWN_ERROR = _remedy("raydeck itself failed here, and what it found is not to be trusted", "raydeck check {cluster}")
_WAY = {
    Failure.NO_NETWORK: _remedy("this machine has no network", "ip route"),
    Failure.NO_HOST: _remedy("no such machine answers on the network: it is off, or the address is old", "ping {host}"),
    Failure.TLS: _remedy(
        "its certificate is not trusted here",
        Fix(
            "openssl s_client -connect {host}:{port} -showcerts </dev/null",
            note="is the address https, and its CA known here?",
        ),
    ),
}
_NO_HEAD = _remedy("its head is not running, or the address is another's", _RAY_UP)
_ANSWER = {
    Failure.OWN_ERROR: _OWN_ERROR,
    Failure.CLOSED: _remedy("the tunnel stands, and nothing runs behind it", _RAY_UP),
    Failure.SILENT: _remedy(
        "the connection stands and nothing answers: what runs behind hangs, or its line is dead", _LOOK_INSIDE
    ),
    Failure.STRANGE: _remedy("something else answers on this port", *_LOOK_BEHIND),
}

PROBES: tuple[Probe, ...] = (
    Probe(
        "config",
        "ssh's configuration for the VM can be used, and a computer's own has the forwards as planned",
        {
            Failure.SSH: _remedy("ssh's configuration cannot be used", "ssh -G {vm}"),
            Failure.KEY_MODE: _remedy("others may read the private key, so ssh does not use it", "chmod 600 {key}"),
            Failure.KEY_MISSING: _remedy("the key that clusters.toml names does not exist", "ls -l {key}"),
            Failure.DIFFERS: _remedy(
                "this computer's own ssh configuration does not forward it as planned",
                Fix("raydeck render ssh", note="then compare ssh/{cluster}/raydeck.conf with ~/.ssh/config"),
            ),
        },
    ),
    Probe(
        "name",
        "the host's name resolves, to the right address",
        {
            Failure.UNRESOLVED: _remedy(
                "the name is neither in /etc/hosts nor in DNS",
                "echo {public_address} {host} | sudo tee -a /etc/hosts",
                Fix("getent hosts {host}", note="add it to /etc/hosts, with the gateway's public address"),
            ),
            Failure.OLD_ADDRESS: _remedy(
                "the VM's floating_ip is {public_address}: an old line in /etc/hosts",
                "sudo sed -i 's/^{address}\\b/{public_address}/' /etc/hosts",
            ),
            Failure.TIMED_OUT: _remedy("the name server does not answer", "getent hosts {host}"),
        },
    ),
    Probe(
        "gateway",
        "the gateway accepts connections",
        _WAY
        | {
            Failure.REFUSED: _remedy("no ingress listens on the gateway's port", _INGRESS),
            Failure.TIMED_OUT: _remedy(
                "packets to port {port} are dropped: by the firewall rule, or the address is old", _FIREWALL
            ),
            Failure.TIMED_OUT_TOO: _remedy(
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
            Failure.TIMED_OUT: _remedy(
                "packets to the VM are dropped: a firewall rule, or an old address", "ssh {vm} true"
            ),
            Failure.SSH: _remedy("ssh to the VM fails", "ssh -v {vm} true"),
            Failure.SILENT: _remedy(
                "the network to the VM stalls: what ssh sends does not come back", "ping {vm_host}"
            ),
        },
    ),
    Probe(
        "route",
        "the gateway has a route, and something behind it",
        {
            Failure.NO_ROUTE: _remedy(
                "the gateway has no VirtualService for {host}", Fix("kubectl apply -k istio", _VM)
            ),
            Failure.NO_ENDPOINT: _remedy(
                "the Service answers nothing: no Endpoints, or the tunnel behind is dead", *_ENDPOINTS
            ),
            Failure.CLOSED: _remedy("the gateway closed the connection without an answer", _INGRESS),
            Failure.SILENT: _remedy(
                "the gateway waits for what is behind it: Ray there hangs, or its line is dead",
                _LOOK_BEHIND[0],
                Fix("kubectl get pods -n {namespace}", _VM),
            ),
            Failure.STRANGE: _remedy("what answers is no HTTP gateway: an old address?", "getent hosts {host}"),
            Failure.HTTP_ERROR: _remedy("what answers is not istio-envoy: an old address?", "getent hosts {host}"),
        },
    ),
    Probe(
        "listener",
        "the port is listened on, on the right address and only there",
        _WAY
        | {
            Failure.REFUSED: _NO_HEAD,
            Failure.TIMED_OUT: _remedy(
                "packets are dropped on the way: a firewall, or the wrong address", "ping {host}"
            ),
            Failure.NO_LISTENER: _remedy(
                "nothing listens there on the VM, so {cluster}'s tunnel is not up", *_TUNNEL_UP
            ),
            Failure.DOWN: _remedy(
                "the forward to {cluster} is not open on this machine", "raydeck tunnel up {cluster}"
            ),
            Failure.LOOPBACK: _remedy(
                "sshd put the listener on loopback, where nobody else reaches it: GatewayPorts no", _SSHD_RELOAD
            ),
            Failure.EXPOSED: _remedy(
                "the whole network reaches this port, and with it Ray: GatewayPorts yes", _SSHD_RELOAD
            ),
            Failure.ELSEWHERE: _remedy(
                "the port is to be on the VM's private address and nowhere else",
                Fix("ssh -G rf-{alias} | grep -i remoteforward", "on the computer of {cluster}"),
            ),
        },
    ),
    Probe(
        "holder",
        "sshd holds the port, for a session that lives",
        {
            Failure.STALE: _remedy(
                "a dead session of the computer still holds the port",
                Fix("sudo kill {pid}", _VM, "or wait: sshd gives it up by ClientAlive"),
                _WHO_HOLDS,
            ),
            Failure.HELD: _remedy("another program holds the port, so the tunnel cannot", _WHO_HOLDS),
        },
    ),
    Probe(
        "sshd",
        "the VM's sshd permits what the tunnels need",
        {
            Failure.GATEWAY_PORTS: _remedy("GatewayPorts is not clientspecified", _SSHD_RELOAD),
            Failure.NOT_PERMITTED: _remedy("sshd does not permit this forwarding", _SSHD_RELOAD),
        },
    ),
    Probe(
        "bytes",
        "bytes come through",
        _WAY
        | _ANSWER
        | {
            Failure.REFUSED: _NO_HEAD,
            Failure.TIMED_OUT: _remedy("packets are dropped on the way", "ping {host}"),
            Failure.NOT_PERMITTED: _remedy("the VM's sshd does not permit forwarding", _SSHD_RELOAD),
        },
    ),
    Probe(
        "ray",
        "it is Ray's dashboard",
        {
            Failure.STRANGE: _remedy("another service answers where Ray should", *_LOOK_BEHIND),
            Failure.NOT_RAY: _remedy("an HTTP service answers, and it is not Ray's dashboard", *_LOOK_BEHIND),
            Failure.HTTP_ERROR: _remedy("Ray's dashboard is in trouble", _RAY_LOG),
            Failure.NO_TOKEN: _remedy(
                "clusters.toml names none for {cluster}",
                Fix("raydeck config path", note="set auth_token_file of {cluster} in that file"),
            ),
            Failure.WRONG_TOKEN: _remedy(
                "the token is not the one of this cluster",
                Fix("raydeck config path", note="is auth_token_file in that file the one of {cluster}?"),
            ),
        },
    ),
    Probe(
        "identity",
        "it is this cluster, and no other",
        {
            Failure.OTHER_CLUSTER: _remedy("this way leads to {other}", *_SWAPPED),
            Failure.TWICE: _remedy(
                "{cluster} and {other} end at the same Ray: one of the two ways is wrong", *_SWAPPED
            ),
            Failure.STRANGER: _remedy(
                "another cluster answers here than the one that answered before",
                Fix("rm {memory}", note="if that is meant"),
            ),
            Failure.TWO_ENDS: _remedy(
                "the gateway leads to another Ray than the tunnel of {cluster}: its route is wrong",
                *_ENDPOINTS,
            ),
        },
    ),
    Probe(
        "client-version",
        "Ray client could be used: the same Ray and Python as on the other clusters",
        _ANSWER
        | {
            Failure.DIFFERS: _remedy(
                "Ray client wants one Ray and one Python on both sides",
                Fix("raydeck status", note="give every cluster the same image"),
            ),
            Failure.STRANGE: _remedy("something else answers on Ray client's port", *_LOOK_BEHIND),
        },
    ),
    Probe(
        "serve",
        "Serve answers where an application should run",
        {
            Failure.HTTP_ERROR: _remedy("Serve's proxy is not well", Fix("{do_serve_status}", _FAR)),
            Failure.STRANGE: _remedy("something else answers on Serve's port", *_LOOK_BEHIND),
        },
    ),
    Probe(
        "metrics",
        "the metrics ports answer",
        {
            Failure.HTTP_ERROR: _remedy("what answers is not Ray's metrics agent", _LOOK_INSIDE),
            Failure.STRANGE: _remedy("something else answers on the metrics port", *_LOOK_BEHIND),
        },
    ),
    Probe(
        "scrape",
        "Prometheus has the targets, up and fresh",
        {
            Failure.DOWN: _remedy("Prometheus cannot scrape it", _TARGETS),
            Failure.OLD: _remedy("Prometheus has not scraped it for too long", _TARGETS),
            Failure.NO_TARGET: _remedy(
                "no target has the labels of this cluster's `series`", Fix("{do_apply_services}", _VM), _TARGETS
            ),
        },
    ),
    Probe(
        "clock",
        "the head's clock and ours differ by less than 5 s",
        {
            Failure.SKEW: _remedy(
                "figures look older or newer than they are", Fix("sudo timedatectl set-ntp true", _FAR, "and here")
            ),
        },
    ),
)

_BY_NAME = {probe.name: probe for probe in PROBES}
assert tuple(_BY_NAME) == PROBE_NAMES  # noqa: S101 -- the contract's order is that of the walk


def explained(probe: ProbeName, failure: Failure, words: Mapping[str, str]) -> Explained:
    """Return what a failure of a probe means and asks for, with its words filled in."""
    return filled_in(_BY_NAME[probe].failures[failure], words)
