"""The port plan against the published table: ranges, the three worked examples, and that no two slots meet."""

from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.model.portplan import SERVICES, SLOTS, port_plan

PUBLISHED = [
    ("local", 1, (8100, 8151, 8201, 8202, 8301)),
    ("local", 2, (8101, 8152, 8203, 8204, 8302)),
    ("local", 3, (8102, 8153, 8205, 8206, 8303)),
    ("hpc", 1, (8125, 8176, 8251, 8252, 8351)),
]
RANGES = {
    "local": (range(8100, 8125), range(8151, 8176), range(8201, 8251), range(8201, 8251), range(8301, 8351)),
    "hpc": (range(8125, 8151), range(8176, 8201), range(8251, 8301), range(8251, 8301), range(8351, 8401)),
}
KINDS = st.sampled_from(["local", "hpc"])


@pytest.mark.parametrize(("kind", "slot", "ports"), PUBLISHED)
def test_published_examples(kind, slot, ports):
    assert port_plan(kind, slot).ports == ports


def test_no_port_is_given_twice_and_8150_stays_free():
    ports = list(chain.from_iterable(port_plan(kind, slot).ports for kind in RANGES for slot in range(1, SLOTS + 1)))
    assert len(ports) == len(set(ports)) == 50 * 5
    assert 8150 not in ports


@given(KINDS, st.integers(1, SLOTS))
def test_every_port_lies_in_the_range_of_its_service(kind, slot):
    plan = port_plan(kind, slot)
    assert all(port in allowed for port, allowed in zip(plan.ports, RANGES[kind], strict=True))


@given(KINDS, st.integers(1, SLOTS))
def test_any_port_leads_back_to_its_slot(kind, slot):
    plan = port_plan(kind, slot)
    for service in SERVICES:
        port = plan.port(service)
        holders = [(k, s) for k in RANGES for s in range(1, SLOTS + 1) if port in port_plan(k, s).ports]
        assert holders == [(kind, slot)]


@given(KINDS, st.integers().filter(lambda slot: not 1 <= slot <= SLOTS))
def test_slots_outside_are_refused(kind, slot):
    with pytest.raises(ValueError, match=r"outside 1\.\.25"):
        port_plan(kind, slot)


def test_names_hosts_addresses_and_series():
    plan = port_plan("local", 2)
    names = [plan.service_name(service) for service in SERVICES]
    assert names == [f"ray-local-2-{end}" for end in ("dash", "client", "metrics-head", "metrics-worker", "serve")]
    assert (plan.host("dash", "oss"), plan.host("serve", "oss")) == ("ray.local.dash-2.oss", "ray.local.serve-2.oss")
    assert plan.address("client", "integration") == "ray-local-2-client.integration.svc.cluster.local:8152"
    assert plan.address("metrics-worker", "x") == "ray-local-2-metrics-worker.x.svc.cluster.local:8204"
    assert plan.series() == {"job": "ray-local-2-metrics-(head|worker)"}
    assert port_plan("hpc", 1).host("serve", "oss") == "ray.hpc.serve-1.oss"
    assert port_plan("hpc", 1).service_name("dash") == "ray-hpc-1-dash"
