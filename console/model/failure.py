"""What can be wrong at a hop, whoever found it out."""

from __future__ import annotations

from enum import StrEnum


class Failure(StrEnum):
    """What can be wrong at a hop. Clients decide by type and errno of what was raised, never by its message."""

    UNRESOLVED = "unresolved"
    OLD_ADDRESS = "old-address"
    REFUSED = "refused"
    TIMED_OUT = "timed-out"
    TIMED_OUT_TOO = "timed-out-too"  # port 22 of the same host did, as well
    NO_NETWORK = "no-network"
    NO_HOST = "no-host"
    TLS = "tls"
    CLOSED = "closed"
    SILENT = "silent"
    STRANGE = "strange"
    NO_ROUTE = "no-route"
    NO_ENDPOINT = "no-endpoint"
    HTTP_ERROR = "http-error"
    NOT_RAY = "not-ray"
    NO_TOKEN = "no-token"  # noqa: S105 -- the name of a failure
    WRONG_TOKEN = "wrong-token"  # noqa: S105 -- the name of a failure
    OTHER_CLUSTER = "other-cluster"
    TWICE = "twice"
    STRANGER = "stranger"
    TWO_ENDS = "two-ends"  # the gateway and the VM lead to different heads
    OWN_END = "own-end"  # an address on this machine, or a direct one, and the VM do
    DIFFERS = "differs"
    SSH = "ssh"  # what ssh said on standard error; its own cause and hint go with it
    KEY_MODE = "key-mode"
    KEY_MISSING = "key-missing"
    NO_LISTENER = "no-listener"
    NO_PROXY = "no-proxy"  # Serve's, where a head answers beside it
    NO_AGENT = "no-agent"  # a node's for metrics
    LOOPBACK = "loopback"
    ELSEWHERE = "elsewhere"  # on an address that is not the planned one
    EXPOSED = "exposed"
    STALE = "stale"
    HELD = "held"
    GATEWAY_PORTS = "gateway-ports"
    NOT_PERMITTED = "not-permitted"
    DOWN = "down"
    OLD = "old"
    NO_TARGET = "no-target"
    SKEW = "skew"
    OWN_ERROR = "own-error"  # raydeck's own: what came back found a mistake in it
