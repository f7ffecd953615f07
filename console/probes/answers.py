"""The probes of what answers at the end of the way: bytes, Ray, the right one, its services, its clock."""

from __future__ import annotations

from console.model.failure import Failure
from console.model.remedy import Fix
from console.probes.probe import ENDPOINTS, FAR, LOOK_BEHIND, NO_HEAD, RAY_UP, SSHD_RELOAD, VM, WAY, Probe, remedy

_RAY_LOG = Fix("{do_log}", FAR)
_LOOK_INSIDE = Fix("{do_look_inside}", FAR)
_SWAPPED = (
    Fix("sudo ss -Htlnp 'sport = :{plan_port}'", VM, "and compare the RemoteForward lines of both computers"),
    Fix("raydeck config path", note="compare `dashboard` of both in that file"),
)
_TARGETS = Fix("raydeck targets")
_OWN_ERROR = remedy("raydeck itself failed here, and what it found is not to be trusted", "raydeck check {cluster}")
_ANSWER = {
    Failure.OWN_ERROR: _OWN_ERROR,
    Failure.CLOSED: remedy("the tunnel stands, and nothing runs behind it", RAY_UP),
    Failure.SILENT: remedy(
        "the connection stands and nothing answers: what runs behind hangs, or its line is dead", _LOOK_INSIDE
    ),
    Failure.STRANGE: remedy("something else answers on this port", *LOOK_BEHIND),
}

ANSWER_PROBES: tuple[Probe, ...] = (
    Probe(
        "bytes",
        "bytes come through",
        WAY
        | _ANSWER
        | {
            Failure.REFUSED: NO_HEAD,
            Failure.TIMED_OUT: remedy("packets are dropped on the way", "ping {host}"),
            Failure.NOT_PERMITTED: remedy("the VM's sshd does not permit forwarding", SSHD_RELOAD),
        },
    ),
    Probe(
        "ray",
        "it is Ray's dashboard",
        {
            Failure.STRANGE: remedy("another service answers where Ray should", *LOOK_BEHIND),
            Failure.NOT_RAY: remedy("an HTTP service answers, and it is not Ray's dashboard", *LOOK_BEHIND),
            Failure.HTTP_ERROR: remedy("Ray's dashboard is in trouble", _RAY_LOG),
            Failure.NO_TOKEN: remedy(
                "clusters.toml names none for {cluster}",
                Fix("raydeck config path", note="set auth_token_file of {cluster} in that file"),
            ),
            Failure.WRONG_TOKEN: remedy(
                "the token is not the one of this cluster",
                Fix("raydeck config path", note="is auth_token_file in that file the one of {cluster}?"),
            ),
        },
    ),
    Probe(
        "identity",
        "it is this cluster, and no other",
        {
            Failure.OTHER_CLUSTER: remedy("this way leads to {other}", *_SWAPPED),
            Failure.TWICE: remedy("{cluster} and {other} end at the same Ray: one of the two ways is wrong", *_SWAPPED),
            Failure.STRANGER: remedy(
                "another cluster answers here than the one that answered before",
                Fix("rm {memory}", note="if that is meant"),
            ),
            Failure.TWO_ENDS: remedy(
                "the gateway leads to another Ray than the tunnel of {cluster}: its route is wrong",
                *ENDPOINTS,
            ),
            Failure.OWN_END: remedy(
                "{host}:{port} leads to another Ray than the tunnel of {cluster}: one of the two is wrong",
                Fix("sudo ss -Htlnp 'sport = :{own_port}'", note="who holds that port here, and where does it lead?"),
                Fix("raydeck config path", note="compare `dashboard` of {cluster} in that file with its tunnel"),
            ),
        },
    ),
    Probe(
        "client-version",
        "Ray client could be used: the same Ray and Python as on the other clusters",
        _ANSWER
        | {
            Failure.DIFFERS: remedy(
                "Ray client wants one Ray and one Python on both sides",
                Fix("raydeck status", note="give every cluster the same image"),
            ),
            Failure.STRANGE: remedy("something else answers on Ray client's port", *LOOK_BEHIND),
        },
    ),
    Probe(
        "serve",
        "Serve answers where an application should run",
        {
            Failure.HTTP_ERROR: remedy("Serve's proxy is not well", Fix("{do_serve_status}", FAR)),
            Failure.STRANGE: remedy("something else answers on Serve's port", *LOOK_BEHIND),
        },
    ),
    Probe(
        "metrics",
        "the metrics ports answer",
        {
            Failure.HTTP_ERROR: remedy("what answers is not Ray's metrics agent", _LOOK_INSIDE),
            Failure.STRANGE: remedy("something else answers on the metrics port", *LOOK_BEHIND),
        },
    ),
    Probe(
        "scrape",
        "Prometheus has the targets, up and fresh",
        {
            Failure.DOWN: remedy("Prometheus cannot scrape it", _TARGETS),
            Failure.OLD: remedy("Prometheus has not scraped it for too long", _TARGETS),
            Failure.NO_TARGET: remedy(
                "no target has the labels of this cluster's `series`", Fix("{do_apply_services}", VM), _TARGETS
            ),
        },
    ),
    Probe(
        "clock",
        "the head's clock and ours differ by less than 5 s",
        {
            Failure.SKEW: remedy(
                "figures look older or newer than they are", Fix("sudo timedatectl set-ntp true", FAR, "and here")
            ),
        },
    ),
)
