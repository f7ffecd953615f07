"""What is judged of a head that answers: who it is by two ways, its clock, and what Ray client would need."""

import re

import pytest
from tunnelled import tunnelled

from console.clients.vm_script import Told
from console.model.check import Outcome
from console.model.failure import Failure
from console.services.evidence import Evidence
from console.services.identity import Judgement, Known
from console.services.judgements import OnTheVm, client_version_check, clock_check, identity_check
from console.services.paths import Endpoint, path_of
from console.services.remedy_words import words_of
from console.services.vm_questions import session_on_the_vm, wanted_ports

NOON = 1_795_384_800.0
ENDPOINT = Endpoint("dashboard", "gateway", "dashboard", "ray.local.dash-1.oss", 7001, plan_port=8100)
WORDS = {
    "cluster": "local-1", "namespace": "integration", "kube_service": "ray-local-1-dash", "vm_address": "192.168.1.19",
    "plan_port": "8100", "far": "on the computer of local-1",
}  # fmt: skip
KNOWN = Known("http://h:1", "session_1", "2.49.2", NOON)
RIGHT = Judgement(detail="session session_1, as before")


@pytest.mark.parametrize(("skew_s", "outcome"), [(4.9, Outcome.OK), (-4.9, Outcome.OK), (5.0, Outcome.BROKEN),
                                                 (-5.1, Outcome.BROKEN)])  # fmt: skip
def test_clocks_are_apart_from_five_seconds_on(skew_s, outcome):
    check = clock_check(ENDPOINT, (NOON + skew_s, NOON), WORDS, answers=True)
    assert check.outcome is outcome
    if outcome is Outcome.BROKEN:
        assert check.detail == f"the head's clock is 5 s {'ahead' if skew_s > 0 else 'behind'}"
        assert check.hint == "on the computer of local-1: sudo timedatectl set-ntp true   # and here"


def test_a_restart_is_told_with_its_time_for_as_long_as_that_session_lives():
    check = identity_check(ENDPOINT, KNOWN, RIGHT, WORDS, restarted_at=NOON)
    assert check.outcome is Outcome.OK
    assert re.search(r"; Ray was restarted at \d\d:\d\d$", check.detail)


def test_two_ways_end_at_the_same_head():
    same = identity_check(ENDPOINT, KNOWN, RIGHT, WORDS, on_the_vm=OnTheVm("session_1", "192.168.1.19:8100"))
    assert same.outcome is Outcome.OK
    assert same.detail.endswith("the VM's own port leads to it, too")
    other = identity_check(ENDPOINT, KNOWN, RIGHT, WORDS, on_the_vm=OnTheVm("session_2", "192.168.1.19:8100"))
    assert other.outcome is Outcome.BROKEN
    assert other.command.startswith("kubectl get endpoints -n integration ray-local-1-dash")
    assert "session_1, session_2" in other.received


@pytest.mark.parametrize(
    ("keys", "command", "where"),
    [
        ('reach = "forward"', "sudo ss -Htlnp 'sport = :8100'", "127.0.0.1:8100"),
        ('dashboard = "http://10.0.0.5:8265"', "raydeck config path", "10.0.0.5:8265"),
    ],
)
def test_an_address_that_leads_elsewhere_than_the_tunnel_is_told_whatever_the_way(keys, command, where):
    path = configured(keys)
    assert (8100, "version") in wanted_ports(path, lambda _: False)
    said = Told(said={8100: 'HTTP/1.1 200 OK {"session_name": "session_2"}'})
    session = session_on_the_vm(path, Evidence(asked_at=NOON, told=said))
    endpoint = path.endpoints[0]
    check = identity_check(endpoint, KNOWN, RIGHT, words_of(path, endpoint), on_the_vm=OnTheVm(session, "vm:8100"))
    assert (check.outcome, check.command) == (Outcome.BROKEN, command)
    assert check.cause == f"{where} leads to another Ray than the tunnel of local-1: one of the two is wrong"


def test_a_walk_that_ends_on_the_vm_itself_has_no_second_way():
    path = configured('reach = "vm"')
    assert not list(wanted_ports(path, lambda _: False))
    said = Told(said={8100: '{"session_name": "session_2"}'})
    assert not session_on_the_vm(path, Evidence(asked_at=NOON, told=said))


def configured(keys):
    """The path of a cluster behind a tunnel, with these keys of clusters.toml."""
    config = tunnelled(keys)
    return path_of(config.clusters[0], config)


def test_who_it_is_comes_before_what_else_is_wrong():
    wrong = Judgement(Failure.OTHER_CLUSTER, "answers as local-2: session session_1", "local-2")
    check = identity_check(ENDPOINT, KNOWN, wrong, WORDS, on_the_vm=OnTheVm("session_2", "192.168.1.19:8100"))
    assert (check.detail, check.cause) == ("answers as local-2: session session_1", "this way leads to local-2")


def test_the_odd_one_out_is_told_of_its_version_and_the_others_are_not():
    others = {"b": ("2.49.2", "3.12"), "c": ("2.49.2", "3.12")}
    assert client_version_check(ENDPOINT, ("2.60.0", "3.12"), others, WORDS).outcome is Outcome.BROKEN
    assert client_version_check(ENDPOINT, ("2.49.2", "3.11"), others, WORDS).outcome is Outcome.BROKEN
    others["c"] = ("2.60.0", "3.12")
    check = client_version_check(ENDPOINT, ("2.49.2", "3.12"), others, WORDS)
    assert (check.outcome, check.detail) == (Outcome.OK, "Ray 2.49.2, Python 3.12; another version on c")
