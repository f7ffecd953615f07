"""What ssh saw on the VM, together with a walk -> checks: right and wrong addresses, dead sessions, a laptop's own."""

import pytest
from tunnelled import VM, tunnelled

from console.clients.ssh import ReverseForward, read_reverse_forwards
from console.clients.vm_script import Listener, Told
from console.model.check import Outcome
from console.model.failure import Failure
from console.services.evidence import Evidence
from console.services.forwards.plans import tunnel_plans
from console.services.paths import path_of
from console.services.verdict import Because, service_checks
from console.services.walk import Step, Walked

NO_WORKER = Because("the cluster has no worker node, so nothing has to answer")
LISTENERS = tuple(Listener(VM, port, "sshd", 812) for port in (8100, 8151, 8201, 8202, 8301))


def configured(reach):
    config = tunnelled(f'reach = "{reach}"')
    return config, path_of(config.clusters[0], config)


def evidence(reverse=(), **told):
    seen = Told(**({"listeners": LISTENERS} | told))
    return Evidence(asked_at=1.0, answered_at=2.0, vm_ms=30.0, told=seen, reverse=reverse)


def checks_of(service, seen, *, reach="gateway", walked=None, idle=None):
    _, path = configured(reach)
    endpoint = next(each for each in path.endpoints if each.service == service)
    return service_checks(path, endpoint, walked, seen, idle)


def outcomes(checks):
    return {(check.probe, check.by): check.outcome for check in checks}


def one(checks, probe, by="ssh"):
    (found,) = [check for check in checks if (check.probe, check.by) == (probe, by)]
    return found


def silent(service="dashboard"):
    return Walked((Step(probe="bytes", service=service, hop=f"{VM}:8100", failure=Failure.SILENT, detail="silent"),))


ARRIVED = Walked((Step(probe="bytes", service="dashboard", hop=f"{VM}:8100"),))


def test_the_worker_of_a_cluster_without_one_need_not_answer_on_the_vm():
    """The default reach, one node, no worker: nothing runs behind that forward, and nothing is broken."""
    seen = evidence(through={8202: "closed"})
    assert one(checks_of("metrics-worker", seen), "bytes").outcome is Outcome.BROKEN
    idle = checks_of("metrics-worker", seen, idle=NO_WORKER)
    assert one(idle, "bytes").outcome is Outcome.SKIPPED
    assert (one(idle, "bytes").detail, one(idle, "bytes").hint) == (NO_WORKER.reason, "")
    assert not any(check.outcome is Outcome.BROKEN for check in idle)


@pytest.mark.parametrize(
    ("said", "outcome", "hint"),
    [
        ("HTTP/1.1 200 OK  Date: x", Outcome.OK, ""),
        ("HTTP/1.0 404 Not Found", Outcome.BROKEN, "127.0.0.1:8500"),
        ("SSH-2.0-OpenSSH_9.2", Outcome.BROKEN, f"http://{VM}:8201"),
    ],
)
def test_a_metrics_agent_behind_the_gateway_is_asked_on_the_vm(said, outcome, hint):
    found = checks_of("metrics-head", evidence(through={8201: "open"}, said={8201: said}))
    assert one(found, "bytes").outcome is Outcome.OK
    assert one(found, "metrics").outcome is outcome
    assert hint in one(found, "metrics").hint


def test_a_metrics_agent_that_was_not_reached_is_not_judged():
    found = checks_of("metrics-head", evidence(through={8201: "closed"}))
    assert (one(found, "bytes").outcome, one(found, "metrics").outcome) == (Outcome.BROKEN, Outcome.UNVERIFIED)


@pytest.mark.parametrize(
    ("hosts", "failure"),
    [
        ((VM,), None),
        ((VM, "127.0.0.1"), None),
        ((f"::ffff:{VM}",), None),
        ((VM, "10.0.0.5"), "is to listen on"),
        (("10.0.0.5",), "is to listen on"),
        (("0.0.0.0",), "every address"),
        (("127.0.0.1",), "127.0.0.1:8100 only"),
    ],
)
def test_the_listener_is_on_the_planned_address_and_only_there(hosts, failure):
    seen = evidence(listeners=tuple(Listener(host, 8100, "sshd", 812) for host in hosts))
    check = one(checks_of("dashboard", seen, reach="vm", walked=silent()), "listener")
    assert check.outcome is (Outcome.OK if failure is None else Outcome.BROKEN)
    assert (failure or "only there") in check.detail


def test_another_programs_listener_elsewhere_is_no_fault_of_the_tunnel():
    at = (Listener(VM, 8100, "sshd", 812), Listener("10.0.0.5", 8100, "nginx", 9))
    check = one(checks_of("dashboard", evidence(listeners=at), reach="vm", walked=ARRIVED), "listener")
    assert check.outcome is Outcome.OK


def test_a_dead_session_is_named_with_its_pid():
    found = checks_of("dashboard", evidence(stalled=frozenset({812})), reach="vm", walked=silent())
    assert (one(found, "holder").outcome, one(found, "holder").command) == (Outcome.BROKEN, "sudo kill 812")
    assert one(found, "bytes", "walk").command == "sudo kill 812"


def test_another_computers_dead_session_is_not_this_ones():
    found = checks_of("dashboard", evidence(stalled=frozenset({99})), reach="vm", walked=silent())
    assert one(found, "holder").outcome is Outcome.OK


def test_without_pids_a_dead_session_may_be_the_cause_and_the_fix_stays_that_of_a_hung_target():
    """Any session may be the dead one where ssh's user sees no pids: another laptop's, as well."""
    at = tuple(Listener(VM, port) for port in (8100, 8151))
    found = checks_of("dashboard", evidence(listeners=at, stalled=frozenset({0})), reach="vm", walked=silent())
    assert one(found, "holder").outcome is Outcome.UNVERIFIED
    broken = one(found, "bytes", "walk")
    assert "may be the one that holds this port" in broken.cause
    assert broken.command.startswith("curl -m 5")
    assert "kill" not in broken.hint


# -- the computer's own Host


def own(*changes):
    """What ``ssh -G rf-GPU-cpouta`` says on the computer of local-1, with words replaced."""
    config, _ = configured("gateway")
    (plan,) = tunnel_plans(config, [], ["local-1"])
    text = "\n".join(
        f"remoteforward [{each.listen_host}]:{each.listen_port} [{each.target_host}]:{each.target_port}"
        for each in plan.forwards
    )
    for old, new in changes:
        text = text.replace(old, new)
    return read_reverse_forwards(f"user op\nhostname 203.0.113.7\n{text}\nforwardagent no\n")


def own_checks(reverse, service="dashboard"):
    return [check for check in checks_of(service, evidence(reverse)) if check.probe == "config" and check.service]


def test_what_ssh_prints_of_remote_forwards_is_read():
    text = "remoteforward [::1]:8102 [::1]:8265\nremoteforward 8101 [localhost]:8265\nremoteforward /tmp/x [a]:1\n"
    assert read_reverse_forwards(text) == (
        ReverseForward("::1", 8102, "::1", 8265), ReverseForward("", 8101, "localhost", 8265),
    )  # fmt: skip


def test_a_computers_own_forwards_are_as_the_reverse_plan_has_them():
    for service in ("dashboard", "client", "metrics-head", "metrics-worker", "serve"):
        (check,) = own_checks(own(), service)
        assert (check.outcome, check.hop, check.by) == (Outcome.OK, "rf-GPU-cpouta", "ssh")


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ([(f"remoteforward [{VM}]:8100 [127.0.0.1]:8265\n", "")], "has no RemoteForward for port 8100"),
        ([(f"[{VM}]:8100", "8100")], "asks the VM to listen on any address:8100"),
        ([(f"[{VM}]:8100", "[127.0.0.1]:8100")], "asks the VM to listen on 127.0.0.1:8100"),
        ([("[127.0.0.1]:8265", "[127.0.0.1]:8266")], "leads from 8100 to 127.0.0.1:8266"),
        ([("[127.0.0.1]:8265", "[172.29.0.15]:8265")], "leads from 8100 to 172.29.0.15:8265"),
    ],
)
def test_a_forward_that_is_not_as_planned_is_told_on_that_computer(changes, what):
    (check,) = own_checks(own(*changes))
    assert check.outcome is Outcome.BROKEN
    assert what in check.detail
    assert check.command == "raydeck render ssh"


@pytest.mark.parametrize("reverse", [(), own((":8", ":9"))])
def test_on_any_other_computer_there_is_nothing_to_check(reverse):
    assert own_checks(reverse) == []


def test_a_forward_that_is_not_open_here_comes_first_whatever_the_vm_lacks():
    step = Step(probe="listener", service="dashboard", hop="127.0.0.1:8100", failure=Failure.DOWN)
    checks = checks_of("dashboard", evidence(listeners=(Listener(VM, 22),)), reach="forward", walked=Walked((step,)))
    assert one(checks, "listener").outcome is Outcome.BROKEN  # ssh tells of the other break, too
    assert one(checks, "listener", by="walk").command == "raydeck tunnel up local-1"
