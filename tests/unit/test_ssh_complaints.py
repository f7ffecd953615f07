"""What ssh says, recorded from OpenSSH 9.2 between hosts in network namespaces, and what raydeck makes of it."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.clients.ssh_command import ssh_command
from console.clients.ssh_complaints import complaint
from console.config import SshGate

DENIED = "root@10.77.0.10: Permission denied (publickey)."
OPEN_KEY = """\
@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
@         WARNING: UNPROTECTED PRIVATE KEY FILE!          @
@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
Permissions 0644 for '/home/op/my key' are too open.
It is required that your private key files are NOT accessible by others.
This private key will be ignored.
Load key "/home/op/my key": bad permissions"""
CHANGED = """\
@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @
@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
IT IS POSSIBLE THAT SOMEONE IS DOING SOMETHING NASTY!
Someone could be eavesdropping on you right now (man-in-the-middle attack)!
It is also possible that a host key has just been changed.
The fingerprint for the ED25519 key sent by the remote host is
SHA256:u8asWpvk2nEgQ6AieSQgIOmRinuSQPF2xrnQVK0NAuI.
Please contact your system administrator.
Add correct host key in /home/op/.ssh/known_hosts to get rid of this message.
Offending ED25519 key in /home/op/.ssh/known_hosts:7
  remove with:
  ssh-keygen -f "/home/op/.ssh/known_hosts" -R "10.77.0.10"
Host key for 10.77.0.10 has changed and you have requested strict checking.
Host key verification failed."""
BAD_OPTION = """\
/home/op/.ssh/config: line 8: Bad configuration option: bogus
/home/op/.ssh/config: terminating, 1 bad configuration options"""
TAKEN = """\
bind [127.0.0.1]:8100: Address already in use
channel_setup_fwd_listener_tcpip: cannot listen to port: 8100
Could not request local forwarding."""
UNKNOWN = "No ED25519 host key is known for 10.77.0.10 and you have requested strict checking."

SAID = [
    ("key-refused", DENIED, "(publickey)", "ssh-copy-id vm"),
    ("key-mode", f"{OPEN_KEY}\n{DENIED}", "/home/op/my key", "chmod 600 '/home/op/my key'"),
    ("key-missing", f"no such identity: /none/x: No such file or directory\n{DENIED}", "no private key /none/x",
     "ls -l /none/x"),
    ("key-missing", f"Warning: Identity file /none/x not accessible: No such file or directory.\n{DENIED}",
     "no private key /none/x", "ls -l /none/x"),
    ("host-key-changed", CHANGED, "/home/op/.ssh/known_hosts:7",
     "then: ssh-keygen -f /home/op/.ssh/known_hosts -R 10.77.0.10"),
    ("host-key-unknown", f"{UNKNOWN}\nHost key verification failed.", "not known", "compare the fingerprint"),
    ("host-key-unknown", "Host key verification failed.", "not known", "ssh vm"),
    ("config", "ssh: No such file or directory", "no ssh on this machine", "openssh-client"),
    ("config", BAD_OPTION, "Bad configuration option: bogus", "ssh -G vm"),
    ("config", "Bad owner or permissions on /home/op/.ssh/config", "others may write", "chmod 600 /home/op/.ssh/conf"),
    ("name", "ssh: Could not resolve hostname vm: Name or service not known", "the name vm", "add Host vm"),
    ("name", "ssh: Could not resolve hostname vm: Temporary failure in name resolution", "the name vm", "add Host vm"),
    ("refused", "ssh: connect to host 10.77.0.10 port 22: Connection refused", "nothing listens", "sshd"),
    ("timeout", "ssh: connect to host 10.77.0.10 port 22: Connection timed out", "firewall", "ssh -v vm"),
    ("timeout", "Connection timed out during banner exchange\nConnection to 10.77.0.10 port 22 timed out",
     "accepts and does not answer", "ssh -v vm"),
    ("unreachable", "ssh: connect to host 10.77.0.77 port 22: No route to host", "no way", "ip route"),
    ("unreachable", "ssh: connect to host 10.99.0.77 port 22: Network is unreachable", "no way", "ip route"),
    ("closed", "kex_exchange_identification: Connection closed by remote host\nConnection closed by 10.77.0.10 port 22",
     "accepts and closes", "journalctl -u ssh"),
    ("closed", "kex_exchange_identification: read: Connection reset by peer\nConnection reset by 10.77.0.10 port 22",
     "accepts and closes", "journalctl -u ssh"),
    ("forward-refused", "Error: remote port forwarding failed for listen port 8100", "port 8100", "sport = :8100"),
    ("forward-refused",
     "ssh.c:ssh_confirm_remote_forward():1867 (pid=26): Error: remote port forwarding failed for listen port 8201",
     "port 8201", "sport = :8201"),
    ("forward-prohibited", "channel 1: open failed: administratively prohibited: open failed", "not permit",
     "AllowTcpForwarding yes"),
    ("port-taken", TAKEN, "port 8100 of this machine", "sport = :8100"),
    ("lost", "channel 1: open failed: connect failed: Connection refused\nTimeout, server 10.77.0.10 not responding.",
     "stopped answering", "ping vm"),
    ("lost", "Connection to 10.77.0.10 closed by remote host.", "cut", ""),
    ("lost", "client_loop: send disconnect: Broken pipe", "cut", ""),
    ("target", "channel 1: open failed: connect failed: Connection refused", "nothing listens where", "start Ray"),
    ("target", "connect_to 127.0.0.1 port 8265: failed.", "nothing listens where", "start Ray"),
    ("other", "something quite new", "ssh says: something quite new", "ssh -v vm true"),
]  # fmt: skip
FATAL = {"config", "key-mode", "key-missing", "key-refused", "host-key-changed", "host-key-unknown",
         "forward-prohibited"}  # fmt: skip
NETWORK = {"name", "refused", "timeout", "unreachable", "lost"}


@pytest.mark.parametrize(("kind", "text", "what", "hint"), SAID)
def test_each_text_has_its_cause_and_its_fix(kind: str, text: str, what: str, hint: str) -> None:
    found = complaint(text.splitlines(), "vm")
    assert found is not None
    assert (found.kind, what in found.what, hint in found.hint) == (kind, True, True), found
    assert found.said in text
    assert found.waiting_cannot_mend == (kind in FATAL)
    assert found.is_of_the_network == (kind in NETWORK)


def test_a_key_that_is_not_used_is_no_cause_of_a_session_that_was_cut() -> None:
    lines = [*OPEN_KEY.splitlines(), "no such identity: /x: No such file", "Timeout, server 10.0.0.1 not responding."]
    found = complaint(lines, "vm")
    assert found is not None
    assert found.kind == "lost"


def test_nothing_said_is_no_complaint() -> None:
    assert complaint([], "vm") is None
    assert complaint(["", "  "], "vm") is None


def test_a_changed_host_key_is_never_told_to_be_removed_before_it_is_verified() -> None:
    found = complaint(CHANGED.splitlines(), "vm")
    assert found is not None
    assert found.hint.startswith("verify the new key on the VM first")


@settings(deadline=None)
@given(st.lists(st.text(), max_size=5), st.text(max_size=10))
def test_no_text_breaks_it_and_none_grows_without_bound(lines: list[str], host: str) -> None:
    found = complaint(lines, host)
    assert found is None or (len(found.said) <= 300)


def test_a_long_line_and_many_lines_are_cut() -> None:
    found = complaint(["x" * 10_000] * 10_000, "vm")
    assert found is not None
    assert len(found.what) < 400


def test_what_a_hint_quotes_is_one_word_to_the_shell() -> None:
    evil = f"Permissions 0644 for '/tmp/a;rm -rf ~' are too open.\n{DENIED}"
    found = complaint(evil.splitlines(), "vm")
    assert found is not None
    assert shlex.split(found.hint) == ["chmod", "600", "/tmp/a;rm -rf ~"]


def test_the_command_asks_nobody_and_verifies_host_keys() -> None:
    gate = SshGate("vm", "vm", user="op", identity_file=None)
    words = ssh_command(gate, "-N")
    text = " ".join(words)
    assert words[:3] == ["ssh", "-S", "none"]
    assert words[-2:] == ["--", "vm"]
    for option in (
        "BatchMode=yes",
        "ConnectTimeout=5",
        "ServerAliveInterval=2",
        "ServerAliveCountMax=2",
        "LogLevel=INFO",
    ):
        assert f"-o {option}" in text
    assert "StrictHostKeyChecking" not in text
    assert "-l op" in text
