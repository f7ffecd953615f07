"""The probes of the way, in the order of the contract: from ssh's configuration and a name to who holds the port."""

from __future__ import annotations

from console.model.failure import Failure
from console.model.remedy import Fix
from console.probes.probe import ENDPOINTS, FAR, LOOK_BEHIND, NO_HEAD, RAY_UP, SSHD_RELOAD, VM, WAY, Probe, remedy

_TUNNEL_UP = (
    Fix("systemctl --user restart raydeck-tunnel", "on the computer of {cluster}", "or there: ssh -N rf-{alias}"),
)
_FIREWALL = Fix(
    "nc -vz -w 5 {address} 22; nc -vz -w 5 {address} {port}",
    note="let your public address in, in the cloud's firewall rules: ports 22 and {port}",
)
_INGRESS = Fix("kubectl get pods -n istio-system", VM)
_WHO_HOLDS = Fix("sudo ss -Htlnp 'sport = :{plan_port}'", VM)

HOP_PROBES: tuple[Probe, ...] = (
    Probe(
        "config",
        "ssh's configuration for the VM can be used, and a computer's own has the forwards as planned",
        {
            Failure.SSH: remedy("ssh's configuration cannot be used", "ssh -G {vm}"),
            Failure.KEY_MODE: remedy("others may read the private key, so ssh does not use it", "chmod 600 {key}"),
            Failure.KEY_MISSING: remedy("the key that clusters.toml names does not exist", "ls -l {key}"),
            Failure.DIFFERS: remedy(
                "this computer's own ssh configuration does not forward it as planned",
                Fix("raydeck render ssh", note="then compare ssh/{cluster}/raydeck.conf with ~/.ssh/config"),
            ),
        },
    ),
    Probe(
        "name",
        "the host's name resolves, to the right address",
        {
            Failure.UNRESOLVED: remedy(
                "the name is neither in /etc/hosts nor in DNS",
                "echo {public_address} {host} | sudo tee -a /etc/hosts",
                Fix("getent hosts {host}", note="add it to /etc/hosts, with the gateway's public address"),
            ),
            Failure.OLD_ADDRESS: remedy(
                "the VM's floating_ip is {public_address}: an old line in /etc/hosts",
                "sudo sed -i 's/^{address}\\b/{public_address}/' /etc/hosts",
            ),
            Failure.TIMED_OUT: remedy("the name server does not answer", "getent hosts {host}"),
        },
    ),
    Probe(
        "gateway",
        "the gateway accepts connections",
        WAY
        | {
            Failure.REFUSED: remedy("no ingress listens on the gateway's port", _INGRESS),
            Failure.TIMED_OUT: remedy(
                "packets to port {port} are dropped: by the firewall rule, or the address is old", _FIREWALL
            ),
            Failure.TIMED_OUT_TOO: remedy(
                "packets are dropped, on port 22 too: your address is not in the firewall rule, or "
                "{address} is an old one",
                _FIREWALL,
            ),
        },
    ),
    Probe(
        "vm",
        "the VM answers",
        WAY
        | {
            Failure.TIMED_OUT: remedy(
                "packets to the VM are dropped: a firewall rule, or an old address", "ssh {vm} true"
            ),
            Failure.SSH: remedy("ssh to the VM fails", "ssh -v {vm} true"),
            Failure.SILENT: remedy("the network to the VM stalls: what ssh sends does not come back", "ping {vm_host}"),
        },
    ),
    Probe(
        "route",
        "the gateway has a route, and something behind it",
        {
            Failure.NO_ROUTE: remedy("the gateway has no VirtualService for {host}", Fix("kubectl apply -k istio", VM)),
            Failure.NO_ENDPOINT: remedy(
                "the Service answers nothing: no Endpoints, or the tunnel behind is dead", *ENDPOINTS
            ),
            Failure.CLOSED: remedy("the gateway closed the connection without an answer", _INGRESS),
            Failure.SILENT: remedy(
                "the gateway waits for what is behind it: Ray there hangs, or its line is dead",
                LOOK_BEHIND[0],
                Fix("kubectl get pods -n {namespace}", VM),
            ),
            Failure.STRANGE: remedy("what answers is no HTTP gateway: an old address?", "getent hosts {host}"),
            Failure.HTTP_ERROR: remedy("what answers is not istio-envoy: an old address?", "getent hosts {host}"),
        },
    ),
    Probe(
        "listener",
        "the port is listened on, on the right address and only there",
        WAY
        | {
            Failure.REFUSED: NO_HEAD,
            Failure.NO_PROXY: remedy(
                "Serve's proxy is not running, or listens elsewhere", Fix("{do_serve_status}", FAR), RAY_UP
            ),
            Failure.NO_AGENT: remedy(
                "the node's metrics agent is not running", Fix("{do_agent_log}", FAR), Fix("{do_log}", FAR)
            ),
            Failure.TIMED_OUT: remedy(
                "packets are dropped on the way: a firewall, or the wrong address", "ping {host}"
            ),
            Failure.NO_LISTENER: remedy(
                "nothing listens there on the VM, so {cluster}'s tunnel is not up", *_TUNNEL_UP
            ),
            Failure.DOWN: remedy("the forward to {cluster} is not open on this machine", "raydeck tunnel up {cluster}"),
            Failure.LOOPBACK: remedy(
                "sshd put the listener on loopback, where nobody else reaches it: GatewayPorts no", SSHD_RELOAD
            ),
            Failure.EXPOSED: remedy(
                "the whole network reaches this port, and with it Ray: GatewayPorts yes", SSHD_RELOAD
            ),
            Failure.ELSEWHERE: remedy(
                "the port is to be on the VM's private address and nowhere else",
                Fix("ssh -G rf-{alias} | grep -i remoteforward", "on the computer of {cluster}"),
            ),
        },
    ),
    Probe(
        "holder",
        "sshd holds the port, for a session that lives",
        {
            Failure.STALE: remedy(
                "a dead session of the computer still holds the port",
                Fix("sudo kill {pid}", VM, "or wait: sshd gives it up by ClientAlive"),
                _WHO_HOLDS,
            ),
            Failure.HELD: remedy("another program holds the port, so the tunnel cannot", _WHO_HOLDS),
        },
    ),
    Probe(
        "sshd",
        "the VM's sshd permits what the tunnels need",
        {
            Failure.GATEWAY_PORTS: remedy("GatewayPorts is not clientspecified", SSHD_RELOAD),
            Failure.NOT_PERMITTED: remedy("sshd does not permit this forwarding", SSHD_RELOAD),
        },
    ),
)
