"""What ``ssh -G`` and ``ss`` say, and what follows: whether a port's holder is right, why a VM does not listen."""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.clients.ssh_complaints import Complaint
from console.config import SshGate
from console.model.forward import Forward
from console.services.forwards.plans import TunnelPlan
from console.services.forwards.ports import is_free, look_at_ports, own_addresses, read_settings
from console.services.forwards.remote_port import RemoteHolder, judge, read_holder

SETTINGS = """\
user op
hostname 203.0.113.7
port 22
proxyusefdpass no
localforward [127.0.0.1]:8100 [192.168.1.19]:8100
localforward 8101 [192.168.1.19]:8101
identityfile ~/.ssh/id
"""
PLACE = "10.77.0.10:8101"
ROOT = """\
LISTEN 0 128 10.77.0.10:22   0.0.0.0:* users:(("sshd",pid=20,fd=3))
LISTEN 0 128 10.77.0.10:8101 0.0.0.0:* users:(("sshd",pid=92,fd=9))
--
0 0  10.77.0.10:22 10.77.0.99:55714 timer:(on,204ms,0) users:(("sshd",pid=99,fd=4))
0 52 10.77.0.10:22 10.77.0.11:49762 timer:(on,1.432ms,3) users:(("sshd",pid=92,fd=4))
"""


def test_what_ssh_would_do_is_read_from_its_own_mouth() -> None:
    found = read_settings(SETTINGS)
    assert found is not None
    assert found.knock_at == ("203.0.113.7", 22)
    assert found.local_forwards == {
        ("127.0.0.1", 8100, "192.168.1.19", 8100), ("", 8101, "192.168.1.19", 8101),
    }  # fmt: skip


@pytest.mark.parametrize("line", ["proxyjump jump.example.org", "proxycommand nc %h %p"])
def test_behind_a_proxy_there_is_nothing_to_knock_at(line: str) -> None:
    found = read_settings(f"{SETTINGS}{line}\n")
    assert found is not None
    assert found.knock_at is None


@settings(deadline=None)
@given(st.text())
def test_no_text_breaks_the_reading(text: str) -> None:
    assert read_settings(text) is None or "hostname" in text
    read_holder(text, "10.77.0.10", 8101)


def plan_for(port: int) -> TunnelPlan:
    return TunnelPlan(
        "local-1", "local", SshGate("vm", "vm.invalid"), (Forward("dashboard", "127.0.0.1", port, "h", 1),)
    )


def test_a_free_port_is_free_and_one_of_ours_is_held_by_this_very_process() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert not is_free("127.0.0.1", port)
        (each,) = look_at_ports(plan_for(port), dict(os.environ))
        assert each.state == "held"
        assert f"(pid {os.getpid()})" in each.holder
    assert is_free("127.0.0.1", port)
    assert look_at_ports(plan_for(port), dict(os.environ))[0].state == "closed"


def test_a_port_held_on_every_address_is_held_here_too() -> None:
    with socket.create_server(("0.0.0.0", 0)) as server:
        (each,) = look_at_ports(plan_for(server.getsockname()[1]), dict(os.environ))
        assert f"(pid {os.getpid()})" in each.holder


def test_loopback_is_one_of_our_addresses() -> None:
    assert "127.0.0.1" in own_addresses()


def test_a_stale_session_is_told_from_one_that_has_just_been_sent_something() -> None:
    assert read_holder(ROOT, "10.77.0.10", 8101) == RemoteHolder(True, "sshd", "92", ("10.77.0.11",))


def test_without_root_every_silent_session_is_suspected_and_no_other() -> None:
    seen = "".join(line.partition(" users:")[0] + "\n" for line in ROOT.splitlines())
    assert read_holder(seen, "10.77.0.10", 8101) == RemoteHolder(True, silent=("10.77.0.11",))


def test_a_listener_of_another_program_is_no_stale_session() -> None:
    other = ROOT.replace('"sshd",pid=92,fd=9', '"python3",pid=77,fd=9')
    assert read_holder(other, "10.77.0.10", 8101) == RemoteHolder(True, "python3", "77")


def test_no_listener_at_all() -> None:
    assert read_holder(ROOT, "10.77.0.10", 8102) == RemoteHolder(False)


@pytest.mark.parametrize(
    ("holder", "mends_itself", "what", "hint"),
    [
        (RemoteHolder(False), False, "does not permit to listen on 10.77.0.10:8101", f"PermitListen {PLACE}"),
        (RemoteHolder(True, silent=("10.77.0.11",)), True, "stale session: the one from 10.77.0.11", "sudo ss -Htlnp"),
        (RemoteHolder(True, "sshd", "92", ("10.77.0.11",)), True, "stale session", "ssh 'a b' kill 92"),
        (RemoteHolder(True, "python3", "77"), True, "taken on the VM by python3 (pid 77)", "ssh 'a b' kill 77"),
        (RemoteHolder(True), True, "another computer's tunnel", "'sport = :8101'"),
    ],
)
def test_each_reason_has_its_words_and_its_fix(holder: RemoteHolder, mends_itself: bool, what: str, hint: str) -> None:
    found: Complaint = judge(holder, PLACE, "a b")
    read = subprocess.run(["sh", "-n"], input=found.hint, capture_output=True, text=True, check=False)
    assert read.returncode == 0, read.stderr
    assert what in found.what
    assert hint in found.hint
    assert found.waiting_cannot_mend != mends_itself


def test_the_folder_of_the_guard_is_there() -> None:
    from console.services.forwards import spawn  # noqa: PLC0415

    assert Path(spawn._GUARD).is_file()
