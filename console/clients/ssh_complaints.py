"""What OpenSSH's client says on standard error, and what it means: the one mapping of its texts to causes and fixes.

Texts as OpenSSH 8 to 10 print them. A server's banner comes on the same standard error, so most patterns are anchored
to the start of a line. What a hint quotes (a file, a host) is shell-quoted; it still comes from outside.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable, Sequence
from typing import Literal

from msgspec import Struct

from console.model.remedy import Fix, spoken

ComplaintKind = Literal[
    "config",  # ssh's own configuration cannot be used
    "key-mode",  # others may read the private key
    "key-missing",
    "key-refused",
    "host-key-changed",
    "host-key-unknown",
    "forward-refused",  # the VM does not listen for us: port taken, or not permitted; one text for both
    "stale-listener",  # the same, and a dead session has the port until sshd gives that up, after some 12 s
    "forward-prohibited",  # the VM does not connect onwards for us
    "port-taken",  # a port of this machine
    "name",
    "refused",
    "timeout",
    "unreachable",
    "lost",  # an established session ended
    "closed",  # the port accepted, and there was no ssh to talk to
    "target",  # the session is well, nothing listens where the forward leads
    "other",
]
_WAITING_CANNOT_MEND: frozenset[ComplaintKind] = frozenset(
    {"config", "key-mode", "key-missing", "key-refused", "host-key-changed", "host-key-unknown", "forward-prohibited"}
)
_NETWORK: frozenset[ComplaintKind] = frozenset({"name", "refused", "timeout", "unreachable", "lost"})
_UNCONNECTED: frozenset[ComplaintKind] = frozenset({"name", "refused", "timeout", "unreachable"})
MOST_LINES = 40
_LONGEST_LINE = 300
_SOURCE_POSITION = re.compile(r"^(?:debug\d: )?[\w./-]+\.c:[\w-]+\(\):\d+ \(pid=\d+\): (?:Error: )?")


class Complaint(Struct, frozen=True):
    """One cause: ``what`` in plain words, ``hint`` what to type and where, ``said`` the line of ssh that tells of it.

    ``command`` is what of the hint can be pasted.
    """

    kind: ComplaintKind
    what: str
    hint: str
    said: str = ""
    command: str = ""

    @property
    def waiting_cannot_mend(self) -> bool:
        """Return whether only a person can mend it."""
        return self.kind in _WAITING_CANNOT_MEND

    @property
    def is_of_the_network(self) -> bool:
        """Return whether there was no way to the VM at all, or there is none any more."""
        return self.kind in _NETWORK

    @property
    def never_connected(self) -> bool:
        """Return whether not even a TCP connection came about: then one that does is news."""
        return self.kind in _UNCONNECTED and "banner exchange" not in self.said


Explain = Callable[[re.Match[str], str, str], tuple[str, Fix]]
"""(the match, the host that ssh was called with, all lines) -> (what, how to mend it)."""


class _Pattern(Struct, frozen=True):
    """``besides`` has to stand in the lines, too: ssh warns of one key and gets in with another."""

    kind: ComplaintKind
    text: str
    explain: Explain
    besides: str = ""


def cleaned(line: str) -> str:
    """Return a line of ssh's standard error without the source position that ``LogVerbose`` puts before it."""
    return _SOURCE_POSITION.sub("", line.strip()[:_LONGEST_LINE])


def complaint(lines: Iterable[str], host: str) -> Complaint | None:
    """Return the cause that the last lines of an ssh tell of, the most telling one; None when nothing was said.

    ``host`` is what ssh was called with.
    """
    said = [line for each in list(lines)[-MOST_LINES:] if (line := cleaned(each))]
    whole = "\n".join(said)
    for pattern in _PATTERNS:
        matches = [(found, line) for line in said if (found := re.search(pattern.text, line))]
        if matches and pattern.besides in whole:
            found, line = matches[-1]
            what, fix = pattern.explain(found, host, whole)
            return Complaint(pattern.kind, what, spoken(fix.command, fix.where, fix.note), line, fix.command)
    if not said:
        return None
    command = f"ssh -v {shlex.quote(host)} true"
    return Complaint("other", f"ssh says: {said[-1]}", command, said[-1], command)


def _fixed(what: str, command: str, *, where: str = "", note: str = "") -> Explain:
    """Return the same words each time; ``{host}`` in the command is what ssh is called with."""
    return lambda _found, host, _whole: (what, Fix(command.replace("{host}", shlex.quote(host)), where, note))


def _config(found: re.Match[str], _host: str, _whole: str) -> tuple[str, Fix]:
    path = found["path"]
    return f"ssh refuses {path}: others may write to it, or it is somebody else's", Fix(f"chmod 600 {_quoted(path)}")


def _bad_option(found: re.Match[str], host: str, _whole: str) -> tuple[str, Fix]:
    return f"ssh's configuration has an error: {found[0]}", Fix(f"ssh -G {shlex.quote(host)}")


def _key_mode(found: re.Match[str], _host: str, _whole: str) -> tuple[str, Fix]:
    path = found["path"]
    return f"others may read the private key {path}, so ssh does not use it", Fix(f"chmod 600 {_quoted(path)}")


def _key_missing(found: re.Match[str], _host: str, _whole: str) -> tuple[str, Fix]:
    return f"there is no private key {found['path']}", Fix(f"ls -l {_quoted(found['path'])}")


def _key_refused(found: re.Match[str], host: str, _whole: str) -> tuple[str, Fix]:
    what = f"the VM refuses our key ({found['methods']})"
    return what, Fix(f"ssh-copy-id {shlex.quote(host)}", note="a key with a passphrase: ssh-add it first")


def _host_key_changed(_found: re.Match[str], host: str, whole: str) -> tuple[str, Fix]:
    """Say where the old key stands; it is never to be removed unseen."""
    place = re.search(r"^Offending .*key in (?P<file>.+):(?P<line>\d+)$", whole, re.MULTILINE)
    name = re.search(r"^Host key for (?P<name>\S+) has changed", whole, re.MULTILINE)
    known_as = name["name"] if name else host.rpartition("@")[2]
    file = f"-f {_quoted(place['file'])} " if place else ""
    known = f"{place['file']}:{place['line']}" if place else "known_hosts"
    verify = "verify the new key on the VM first (ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub), then"
    what = f"the VM shows another host key than the one in {known}"
    return what, Fix(f"ssh-keygen {file}-R {_quoted(known_as)}", verify)


def _remote_port(found: re.Match[str], host: str, _whole: str) -> tuple[str, Fix]:
    port = found["port"]
    return (
        f"the VM does not listen on port {port} for us: it is taken, or forwarding is not permitted",
        Fix(f"ssh {shlex.quote(host)} \"ss -Htln 'sport = :{port}'\""),
    )


def _local_port(found: re.Match[str], _host: str, _whole: str) -> tuple[str, Fix]:
    port = found["port"]
    return f"port {port} of this machine is taken", Fix(f"ss -Htlnp 'sport = :{port}'")


def _name(found: re.Match[str], host: str, _whole: str) -> tuple[str, Fix]:
    alias = host.rpartition("@")[2]
    return (
        f"the name {found['name']} is not known here",
        Fix(
            f"ssh -G {shlex.quote(host)} | grep -i ^hostname",
            note=f"add Host {alias} with its HostName to ~/.ssh/config, or the name to /etc/hosts",
        ),
    )


def _quoted(path: str) -> str:
    """Return a word of ssh's as one word to the shell, without what a terminal would obey."""
    return shlex.quote("".join(each for each in path if each.isprintable()))


_UNKNOWN_HOST_KEY = _fixed(
    "the VM's host key is not known on this machine",
    "ssh {host}",
    note="and compare the fingerprint with the VM's own before you answer yes",
)
_TOO_MANY_KEYS = _fixed(
    "the VM refuses us after too many keys",
    "ssh -G {host} | grep -i ^identit",
    note="give identity_file in clusters.toml, or IdentitiesOnly yes for this Host in ~/.ssh/config",
)
_PROHIBITED = _fixed(
    "the VM's sshd does not permit forwarding",
    "sudo sshd -T -C user=$USER,host=localhost,addr=127.0.0.1 | grep -i forward",
    where="on the VM",
    note="AllowTcpForwarding yes for this user",
)
_LOST = _fixed("the VM stopped answering, so the session was given up", "ping {host}")
_CUT = _fixed("the session to the VM was cut", "ssh -v {host} true")
_SLOW = _fixed("the VM's sshd accepts and does not answer", "ssh -v {host} true")
_SILENT = _fixed("the VM does not answer: its address, its firewall rule, or the network", "ssh -v {host} true")
_NO_WAY = _fixed("there is no way to the VM from here", "ip route; ping {host}")
_REFUSED = _fixed("nothing listens on the VM's ssh port", "ssh -v {host} true", note="its sshd has to be started")
_NO_SSH = _fixed(
    "the ssh port accepts and closes: no sshd behind it, or it has too many callers",
    "ssh -v {host} true",
    note="on the VM: journalctl -u ssh",
)
_DEAD_TARGET = _fixed(
    "the session stands, and nothing listens where the forward leads",
    "raydeck check",
    note="start Ray there, and that computer's tunnel",
)

_NO_PROGRAM = _fixed("there is no ssh on this machine", "sudo apt-get install openssh-client")

_PATTERNS: Sequence[_Pattern] = (
    _Pattern("config", r"^ssh: No such file or directory$", _NO_PROGRAM),
    _Pattern("config", r"^Bad owner or permissions on (?P<path>.+)$", _config),
    _Pattern("config", r"^\S+: line \d+: .+", _bad_option),
    _Pattern("config", r"terminating, \d+ bad configuration options", _bad_option),
    _Pattern("host-key-changed", r"REMOTE HOST IDENTIFICATION HAS CHANGED", _host_key_changed),
    _Pattern("host-key-unknown", r"^(No \S+ host key is known for |Host key verification failed)", _UNKNOWN_HOST_KEY),
    _Pattern("key-mode", r"^Permissions 0\d+ for '(?P<path>.+)' are too open", _key_mode, "Permission denied ("),
    _Pattern("key-missing", r"[Ii]dentity(?: file|:) (?P<path>\S.*?)(?: not accessible)?: No such file", _key_missing,
             "Permission denied ("),
    _Pattern("key-refused", r"Permission denied \((?P<methods>[\w,-]+)\)\.?$", _key_refused),
    _Pattern("key-refused", r"^Received disconnect from .+: Too many authentication failures", _TOO_MANY_KEYS),
    _Pattern("port-taken", r"^(?:bind \[.+\]:|cannot listen to port: )(?P<port>\d+)", _local_port),
    _Pattern("forward-refused", r"remote port forwarding failed for listen port (?P<port>\d+)", _remote_port),
    _Pattern("forward-prohibited", r"^channel \d+: open failed: administratively prohibited", _PROHIBITED),
    _Pattern("name", r"Could not resolve hostname (?P<name>\S+?):", _name),
    _Pattern("lost", r"^Timeout, server \S+ not responding", _LOST),
    _Pattern("timeout", r"[Cc]onnection timed out during banner exchange", _SLOW),
    _Pattern("timeout", r"(Connection|Operation) timed out", _SILENT),
    _Pattern("unreachable", r"No route to host$|Network is (unreachable|down)$|Host is down$", _NO_WAY),
    _Pattern("refused", r"^ssh: .*Connection refused$", _REFUSED),
    _Pattern("lost", r"client_loop: send disconnect|^Connection to \S+ closed|^Read from remote host", _CUT),
    _Pattern("closed", r"kex_exchange_identification: |banner exchange: |^Connection (closed|reset) by ", _NO_SSH),
    _Pattern("target", r"^(channel \d+: open failed: connect failed|connect_to \S+ port \d+: failed)", _DEAD_TARGET),
)  # fmt: skip
