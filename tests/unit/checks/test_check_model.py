"""What follows from checks: the first broken hop, what counts as arrived, and what makes a cluster dark."""

import msgspec

from console.model.check import (
    CHECKED_SERVICES,
    PROBE_NAMES,
    Check,
    ClusterChecks,
    Ladder,
    Outcome,
    in_order,
)

OK, BROKEN, UNVERIFIED, SKIPPED = Outcome.OK, Outcome.BROKEN, Outcome.UNVERIFIED, Outcome.SKIPPED


def dashboard(*checks):
    return Ladder("dashboard", tuple(msgspec.structs.replace(check, service="dashboard") for check in checks))


def cluster(*ladders):
    return ClusterChecks(cluster="local-1", ladders=ladders)


def test_names_stand_in_the_contracts_order():
    words = "config name gateway vm route listener holder sshd bytes ray identity client-version serve metrics scrape"
    assert " ".join(PROBE_NAMES) == f"{words} clock"
    assert CHECKED_SERVICES == ("dashboard", "client", "metrics-head", "metrics-worker", "serve")


def test_order_is_by_probe_then_by_service_with_what_all_share_first():
    serve, head = (Check(probe="bytes", outcome=OK, service=name) for name in ("serve", "metrics-head"))
    shared, clock = (Check(probe=name, outcome=OK) for name in ("bytes", "clock"))
    assert in_order([clock, serve, head, shared]) == (shared, head, serve, clock)


def test_nothing_asked_is_nothing_known():
    checks = cluster(Ladder("dashboard"))
    assert (checks.ok, checks.total, checks.first_broken, checks.dark) == (0, 1, None, None)
    assert checks.ladders[0].outcome is UNVERIFIED


def test_a_shared_check_is_told_once():
    shared = Check(probe="vm", outcome=OK)
    checks = cluster(Ladder("dashboard", (shared,)), Ladder("serve", (shared,)))
    assert checks.checks == (shared,)


def test_a_break_on_the_way_makes_the_cluster_dark_and_the_service_missing():
    broken = Check(probe="route", outcome=BROKEN)
    checks = cluster(dashboard(Check(probe="gateway", outcome=OK), broken, Check(probe="bytes", outcome=UNVERIFIED)))
    assert (checks.ok, checks.total, checks.first_broken) == (0, 1, "route")
    assert checks.dark is not None


def test_the_wrong_cluster_is_dark_although_its_bytes_came_through():
    arrived, stranger = Check(probe="bytes", outcome=OK, latency_ms=3.0), Check(probe="identity", outcome=BROKEN)
    checks = cluster(dashboard(arrived, stranger))
    assert (checks.ok, checks.first_broken) == (1, "identity")
    assert checks.dark is not None
    assert checks.ladders[0].latency_ms is None


def test_what_ssh_or_the_clock_says_is_a_fault_and_never_darkness():
    exposed = Check(probe="listener", outcome=BROKEN, by="ssh")
    late = Check(probe="clock", outcome=BROKEN)
    for fault in (exposed, late):
        checks = cluster(dashboard(*in_order([fault, Check(probe="bytes", outcome=OK)])))
        assert (checks.ok, checks.first_broken, checks.dark) == (1, fault.probe, None)


def test_a_target_that_is_down_breaks_the_cluster_and_no_service_that_it_is_not_about():
    scrape = Check(probe="scrape", outcome=BROKEN, by="prometheus")
    arrived = Check(probe="bytes", outcome=OK, service="dashboard", latency_ms=2.0)
    checks = cluster(Ladder("dashboard", (arrived, scrape)))
    assert (checks.ok, checks.first_broken, checks.dark) == (1, "scrape", None)
    assert (checks.ladders[0].outcome, checks.ladders[0].first_broken) == (OK, None)
    metrics = Ladder("metrics-head", (Check(probe="scrape", outcome=BROKEN, service="metrics-head", by="prometheus"),))
    assert metrics.outcome is BROKEN


def test_what_need_not_answer_is_not_counted():
    idle = Ladder("serve", (Check(probe="bytes", outcome=SKIPPED, service="serve"),))
    checks = cluster(dashboard(Check(probe="bytes", outcome=OK, latency_ms=2.0)), idle)
    assert (checks.ok, checks.total, checks.first_broken) == (1, 1, None)
    assert checks.ladders[0].latency_ms == 2.0
    assert idle.outcome is SKIPPED
