"""Every probe, in the contract's order, says what each of its failures means and what to type."""

import pytest

from console.model.check import PROBE_NAMES
from console.model.failure import Failure
from console.probes import PROBES, explained

WORDS = (
    "cluster", "host", "address", "port", "plan_port", "inner_port", "vm", "vm_host", "alias", "vm_address",
    "public_address", "namespace", "kube_service", "start", "swap", "other", "memory", "key", "pid",
)  # fmt: skip
REMEDIES = [(probe.name, failure) for probe in PROBES for failure in probe.failures]


def test_probes_stand_in_the_contracts_order():
    assert tuple(probe.name for probe in PROBES) == PROBE_NAMES
    assert all(probe.asks for probe in PROBES)


@pytest.mark.parametrize(("probe", "failure"), REMEDIES)
def test_every_failure_has_a_hint_and_all_its_words(probe, failure):
    words = dict.fromkeys(WORDS, "X")
    remedy = explained(probe, failure, words)
    assert remedy.hint
    assert "…" not in remedy.cause + remedy.hint


def test_what_is_not_known_is_left_open_and_never_an_error():
    remedy = explained("name", Failure.UNRESOLVED, {"host": "ray.local.dash-1.oss", "public_address": ""})
    assert remedy.hint == "echo '… ray.local.dash-1.oss' | sudo tee -a /etc/hosts"


def test_a_host_name_is_no_format():
    remedy = explained("listener", Failure.DOWN, {"cluster": "{0.__class__}"})
    assert remedy.hint == "raydeck tunnel up {0.__class__}"
