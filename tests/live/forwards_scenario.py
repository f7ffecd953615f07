"""What test_forwards.py runs inside namespaces: forwards kept open by the real ssh, and all that can happen to them."""

import re
import shutil
import signal
import time

import pytest

from tests.live.forwards_lab import SERVICES, Lab, end
from tests.live.topology import until

PORT, HERE = SERVICES["dashboard"], "127.0.0.1"
CUTS_S = (1, 6, 1, 1, 1)  # ssh sits a short one out, and gives up during a long one


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    lab = Lab(tmp_path_factory.mktemp("f"))
    lab.start_echo("vm", lab.vm, PORT)
    return lab


@pytest.fixture(autouse=True)
def _nothing_is_left(lab):
    yield
    lab.configure_ssh()
    assert until(lambda: not lab.ssh_pids()), "an ssh is left"

    def left():
        return [path for path in (lab.folder / "state").glob("**/*") if path.is_file()]

    # A supervisor that gave up, or saw its guard end, takes its record away as the last thing it does.
    assert until(lambda: not left()), left()


def echoes(lab):
    return lab.echoes("operator", HERE, PORT)


def test_up_survives_cuts_and_lost_ssh_and_ends_with_its_ssh(lab):
    raydeck = lab.start_raydeck("operator", "up", "tunnel", "up")
    lab.comes("foreground", "up")
    assert echoes(lab)
    wanted = {f"{HERE}:{port}" for port in SERVICES.values()}
    assert lab.lan.listening("operator") == wanted
    for cut_s in CUTS_S:
        lab.pull_cable("operator")
        time.sleep(cut_s)  # how long it is dark; nothing waits for it
        lab.plug_in("operator")
        assert until(lambda: echoes(lab), 60), lab.lan.told("up")
    (ssh,) = lab.ssh_pids()
    lab.kill(ssh, signal.SIGKILL)
    assert until(lambda: lab.ssh_pids() not in ([], [ssh]) and echoes(lab), 60), lab.lan.told("up")
    assert end(raydeck) == 0
    assert f"{HERE}:{PORT} → {lab.vm}:{PORT}" in lab.lan.told("up")
    assert lab.lan.listening("operator") == set()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_however_raydeck_ends_its_ssh_ends(lab, number):
    raydeck = lab.start_raydeck("operator", "up", "tunnel", "up", "local-1")
    lab.comes("foreground", "up")
    assert end(raydeck, number) == {signal.SIGKILL: -9, signal.SIGINT: 130}[number]
    assert until(lambda: not lab.ssh_pids() and not lab.lan.listening("operator"))
    lab.raydeck("operator", "tunnel", "status")  # removes what a killed one left behind


def test_a_console_that_is_killed_takes_along_what_u_opened(lab):
    console, keys = lab.start_console("operator")
    try:
        assert until(lambda: keys(b"3u") or (lab.record("console") or {}).get("state") == "up", 60)
        assert echoes(lab)
    finally:
        end(console, signal.SIGKILL)
    assert until(lambda: not lab.ssh_pids() and not lab.lan.listening("operator"))
    lab.raydeck("operator", "tunnel", "status")  # removes what a killed one left behind
    shutil.rmtree(lab.folder / "state")


def test_the_background_is_one_supervisor_that_down_ends(lab):
    lab.raydeck("operator", "tunnel", "up", "--background")
    lab.comes("background", "up")  # on a busy machine after the command has given up waiting for it
    assert echoes(lab)
    keeper = lab.status()["local-1"]["kept_by"]
    assert keeper["role"] == "background"
    again = lab.raydeck("operator", "tunnel", "up", "local-1", "--background")
    assert (again.returncode, lab.status()["local-1"]["kept_by"]) == (0, keeper)
    beside = lab.start_raydeck("operator", "beside", "tunnel", "up")
    lab.comes("foreground", "up")
    assert "used as it is: ssh (pid " in lab.lan.told("beside")
    assert len(lab.ssh_pids()) == 1
    assert end(beside) == 0
    down = lab.raydeck("operator", "tunnel", "down")
    assert (down.returncode, "local-1: closed" in down.stderr) == (0, True)
    assert lab.status()["local-1"]["state"] == "closed"


def test_a_killed_supervisor_takes_its_ssh_along_and_is_not_believed(lab):
    lab.raydeck("operator", "tunnel", "up", "--background")
    lab.kill(lab.status()["local-1"]["kept_by"]["pid"], signal.SIGKILL)
    assert until(lambda: not lab.ssh_pids())
    assert lab.status()["local-1"]["state"] == "closed"
    assert "nothing of it" in lab.raydeck("operator", "tunnel", "down").stderr


def test_a_port_of_something_else_is_named_with_its_pid_and_another_ssh_is_used_and_followed(lab):
    other = lab.start_echo("operator", HERE, PORT)
    refused = lab.raydeck("operator", "tunnel", "up")
    assert refused.returncode == 1
    assert f"{HERE}:{PORT} is held by" in refused.stderr
    assert f"(pid {other.pid})" in refused.stderr
    assert f"kill {other.pid}" in refused.stderr
    end(other)
    forward = ("-N", "-o", "ExitOnForwardFailure=yes", "-L", f"{PORT}:{lab.vm}:{PORT}", "vm")
    own = lab.lan.start("operator", "own", lab.folder / "bin" / "ssh", *forward)
    assert until(lambda: echoes(lab)), lab.lan.told("own")
    raydeck = lab.start_raydeck("operator", "up", "tunnel", "up")
    record = lab.comes("foreground", "up")
    assert [each["state"] for each in record["forwards"]] == ["used", "open", "open", "open", "open"]
    assert f"used as it is: ssh (pid {own.pid})" in lab.lan.told("up")
    end(own)
    assert until(lambda: {each["state"] for each in lab.record("foreground")["forwards"]} == {"open"}, 60)
    assert until(lambda: echoes(lab), 60)
    end(raydeck)


def test_a_laptop_that_moves_finds_its_stale_listener_named_and_is_back_when_that_is_ended(lab):
    moved = lab.start_sshd(2200, alive_s=0)  # its sshd never gives a dead session up
    lab.known(2200)
    lab.configure_ssh(known="known_2200", port=2200)
    lab.start_echo("laptop", HERE, 8265)
    raydeck = lab.start_raydeck("laptop", "reverse", "tunnel", "up", "--reverse", "local-2")
    lab.comes("foreground", "up")
    there = (lab.vm, PORT + 1)
    assert lab.echoes("operator", *there)
    lab.pull_cable("laptop")
    time.sleep(2)  # how long it is dark; nothing waits for it
    lab.plug_in("laptop")
    assert until(lambda: lab.echoes("operator", *there), 60), lab.lan.told("reverse")
    lab.readdress("laptop", lab.lan.address["laptop"], "10.77.0.99")
    lab.echoes("operator", *there)  # what is sent into the dead session is acknowledged by nobody: it is silent
    until(lambda: "is silent" in (lab.record("foreground") or {}).get("reason", ""))
    record = lab.record("foreground")
    assert f"{lab.vm}:8101 on the VM is still held by a stale session" in record["reason"], record
    assert f"the one from {lab.lan.address['laptop']} is silent" in record["reason"], record
    pid = re.fullmatch(r"ssh vm kill (\d+)", record["hint"])
    assert pid, record
    assert lab.lan.run("vm", "kill", pid[1]).returncode == 0  # what the hint says, on the VM itself
    lab.comes("foreground", "up")
    assert lab.echoes("operator", *there)
    end(raydeck)
    end(moved)
    lab.readdress("laptop", "10.77.0.99", lab.lan.address["laptop"])


def test_an_operator_that_moves_is_back_from_the_new_address(lab):
    raydeck = lab.start_raydeck("operator", "up", "tunnel", "up")
    lab.comes("foreground", "up")
    lab.readdress("operator", lab.lan.address["operator"], "10.77.0.98")
    assert until(lambda: echoes(lab), 60), lab.lan.told("up")
    assert lab.record("foreground")["restarts"] >= 1
    end(raydeck)
    lab.readdress("operator", "10.77.0.98", lab.lan.address["operator"])


@pytest.mark.parametrize(
    ("wrong", "kind", "what", "hint"),
    [
        ({"key": "other"}, "-L", "refuses our key", "ssh-copy-id vm"),
        ({"known": "known_changed"}, "-L", "another host key than the one in", "verify the new key on the VM"),
        ({"known": "known_none"}, "-R", "host key is not known", "compare the fingerprint"),
        ({"port": 2300, "known": "known_2300"}, "-L", "does not permit forwarding", "AllowTcpForwarding yes"),
        ({"port": 2300, "known": "known_2300"}, "-R", "does not permit to listen on", "PermitListen"),
    ],
)  # fmt: skip
def test_what_waiting_cannot_mend_is_given_up_with_the_fix(lab, wrong, kind, what, hint):
    (lab.folder / "known_none").touch()
    (lab.folder / "known_changed").write_text(f"{lab.vm} {(lab.folder / 'other.pub').read_text()}")
    sshd = None
    if wrong.get("port"):
        sshd = lab.start_sshd(2300, forwarding="no")
        lab.known(2300)
    lab.configure_ssh(**wrong)
    gave_up = lab.raydeck("laptop", "tunnel", "up", *(["--reverse", "local-2"] if kind == "-R" else ["local-1"]))
    assert gave_up.returncode == 1
    assert what in gave_up.stderr
    assert hint in gave_up.stderr
    assert len(gave_up.stderr.splitlines()) == 1
    if sshd is not None:
        end(sshd)


def test_a_port_that_is_taken_on_the_vm_is_named_and_waited_for(lab):
    taken = lab.start_echo("vm", lab.vm, PORT + 1)
    raydeck = lab.start_raydeck("laptop", "reverse", "tunnel", "up", "--reverse", "local-2")
    record = lab.comes("foreground", "waiting")
    assert f"{lab.vm}:8101 is taken on the VM" in record["reason"]
    assert f"kill {taken.pid}" in record["hint"]
    end(taken)
    lab.comes("foreground", "up")
    end(raydeck)
