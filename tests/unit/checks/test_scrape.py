"""What Prometheus told of its targets -> the scrape check: every outcome, and no blame for a server that is away."""

from types import SimpleNamespace

import msgspec
import pytest

from console.model.check import Outcome
from console.model.cluster import ClusterSpec, Fault
from console.model.metrics import Target
from console.services.scrape import Scraped, scrape_check, scraped_of

NOON = 1_795_384_800.0
HEAD = Target("local-1", "oss", "ray-local-1-metrics-head", "192.168.1.19:8201", "up", "", NOON - 5, 0.1, 15.0)
WORKER = msgspec.structs.replace(HEAD, job="ray-local-1-metrics-worker", instance="192.168.1.19:8202")
WORDS = {"do_apply_services": "kubectl apply -k services"}


def found(*targets, service="metrics-head", idle="", **fields):
    scraped = Scraped(**({"server": "oss", "targets": targets, "told_at": NOON} | fields))
    check = scrape_check(scraped, service, WORDS, idle=idle)
    return check.outcome, check.detail, check.command


def changed(**fields):
    return msgspec.structs.replace(HEAD, **fields)


def test_up_and_fresh():
    assert found(HEAD, WORKER) == (Outcome.OK, "192.168.1.19:8201 is up", "")


def test_down_is_told_with_prometheus_own_words():
    outcome, detail, command = found(changed(health="down", error="connection refused"))
    assert (outcome, command) == (Outcome.BROKEN, "raydeck targets")
    assert detail == '192.168.1.19:8201 down: "connection refused"'


def test_not_scraped_yet_is_not_known():
    assert found(changed(health="unknown", scraped_at=None))[0] is Outcome.UNVERIFIED


@pytest.mark.parametrize(
    ("age_s", "interval_s", "stale_after_s", "outcome"),
    [(40, 15.0, 15.0, Outcome.BROKEN), (37, 15.0, 15.0, Outcome.OK), (140, 60.0, 15.0, Outcome.OK),
     (160, 60.0, 15.0, Outcome.BROKEN), (40, 15.0, 60.0, Outcome.OK), (16, None, 15.0, Outcome.BROKEN)],
)  # fmt: skip
def test_old_is_what_the_contract_calls_stale(age_s, interval_s, stale_after_s, outcome):
    target = changed(scraped_at=NOON - age_s, interval_s=interval_s)
    assert found(target, stale_after_s=stale_after_s)[0] is outcome


def test_what_was_fresh_when_it_was_told_stays_so_until_it_is_told_anew():
    """Targets are asked for once a minute: between two questions nothing of them is known, and nothing is old."""
    assert found(changed(scraped_at=NOON - 70), told_at=NOON - 60)[0] is Outcome.OK


def test_no_target_at_all():
    outcome, detail, command = found()
    assert (outcome, detail) == (Outcome.BROKEN, "oss has no target of this cluster")
    assert command == "kubectl apply -k services"


def test_no_target_of_one_service():
    assert found(HEAD, service="metrics-worker")[:2] == (Outcome.BROKEN, "oss has no target of this service")


def test_targets_with_names_of_their_own_are_not_known_apart():
    assert found(changed(job="ray"))[0] is Outcome.UNVERIFIED


@pytest.mark.parametrize("targets", [(HEAD,), (HEAD, msgspec.structs.replace(WORKER, health="down"))])
def test_a_worker_that_need_not_be_there_is_not_missed(targets):
    assert found(*targets, service="metrics-worker", idle="no worker")[:2] == (Outcome.SKIPPED, "no worker")


def test_without_series_nothing_can_be_missing():
    assert found(matches=False)[0] is Outcome.SKIPPED


def test_a_cluster_without_a_port_plan_has_all_its_targets_in_one_check():
    pods = [changed(job="ray", instance=f"10.0.0.{number}:8080") for number in range(3)]
    assert found(*pods, service=None)[:2] == (Outcome.OK, "3 targets are up")
    down = msgspec.structs.replace(pods[1], health="down", error="no route")
    assert found(pods[0], down, pods[2], service=None)[:2] == (Outcome.BROKEN, '10.0.0.1:8080 down: "no route"')


def test_a_server_that_was_not_asked_or_is_down_blames_nobody():
    assert found(told_at=None)[:2] == (Outcome.UNVERIFIED, "oss has not been asked yet")
    down = changed(health="down")
    assert found(down, fault="nothing listens")[:2] == (Outcome.UNVERIFIED, "oss does not tell: nothing listens")


@pytest.mark.parametrize("fault", [None, Fault("prometheus", "refused", "", NOON)])
def test_a_server_that_fell_silent_is_not_believed(fault):
    none = Target("local-1", "oss", "", "", "unknown", "no target has the labels")
    spec = ClusterSpec(name="local-1", kind="local", dashboard="http://h:1", series={"job": "x"})
    told = SimpleNamespace(targets=(HEAD, none), told_at=NOON, fault=fault)
    watch = SimpleNamespace(state=SimpleNamespace(name="oss"), scraped=told, specs=(spec,))
    scraped = scraped_of(watch, "local-1", 15.0)
    assert scraped.fault == ("" if fault is None else "refused")
    assert (scraped.targets, scraped.told_at, scraped.matches) == ((HEAD,), NOON, True)
