"""The preflight: free resources of the main cluster and the others, and versions that can work with each other."""

import pytest

from console.bundles import Needs, bundled_folder, find_bundles
from console.errors import UsageError
from console.model.check import Check, ClusterChecks, Ladder, Outcome
from console.model.cluster import ClusterSnapshot, ClusterSpec, FreeResources, Identity, State
from console.model.serve import Application, HttpOptions, ServeStatus
from console.services.preflight import NOTHING, ServeUse, may_be_outdated, preflight, preflight_other, refusals
from console.services.submit import with_clusters

GIB = 1024**3
NEEDS = Needs(cpus=3, memory_bytes=GIB, gpus=0)
CLUSTERING = find_bundles([bundled_folder()])["parallel_clustering"]


def spec(name, client="host:10001"):
    return ClusterSpec(name=name, kind="local", dashboard="http://h", client=client)


def cluster(name, ray="2.60.0", cpus=6, state=State.UP):
    identity = None if ray is None else Identity(ray, "session")
    free = None if cpus is None else FreeResources(cpus, 4 * GIB, 0)
    return ClusterSnapshot(spec=spec(name), taken_at=0.0, state=state, identity=identity, free=free)


def outcomes(checks):
    return [check.outcome for check in checks]


def test_a_cluster_with_room_passes_and_one_without_is_refused_with_figures():
    assert outcomes(preflight(cluster("a"), NEEDS)) == ["ok", "ok"]
    assert refusals(preflight(cluster("a", cpus=2), NEEDS)) == "2 CPU free, needs 3"


def test_only_what_ray_counts_now_and_then_may_be_outdated():
    assert may_be_outdated(preflight(cluster("a", cpus=2), NEEDS))
    assert not may_be_outdated(preflight(cluster("a"), NEEDS))
    assert not may_be_outdated(preflight(cluster("a", cpus=2), NEEDS, served(8000)))


def served(port=None, **prefixes):
    applications = {name: Application("RUNNING", prefix) for name, prefix in prefixes.items()}
    return ServeUse("/output", 8350, ServeStatus(applications, None if port is None else HttpOptions(port)))


@pytest.mark.parametrize(
    ("use", "words"),
    [
        (served(requests="/"), "Serve is in use: application 'requests' of another job is RUNNING"),
        (served(mine="/"), "Serve is in use: application 'mine' has the route /"),
        (served(mine="/output"), "Serve is in use: application 'mine' has the route /output"),
        (served(8000), "Serve listens on port 8000 there already, not on 8350"),
        (served(8350, mine="/elsewhere", other="/out"), ""),
        (served(), ""),
    ],
)
def test_who_serves_in_the_way_is_named(use, words):
    assert refusals(preflight(cluster("a"), NEEDS, use)) == words


def test_a_port_that_the_cluster_s_serve_address_leads_to_is_the_right_one():
    known = ClusterSnapshot(
        spec=ClusterSpec(name="a", kind="local", dashboard="http://h", serve="http://h:8000"),
        taken_at=0.0,
        state=State.UP,
    )
    assert refusals(preflight(known, NEEDS, served(8000))) == ""


def path(service, **check):
    broken = Check(outcome=Outcome.BROKEN, service=service, **check)
    return ClusterChecks(cluster="a", ladders=(Ladder(service, (broken,)),), checked_at=1.0)


def test_a_tunnel_that_is_dark_is_the_reason_and_a_broken_forward_is_mentioned():
    dark = path("dashboard", probe="sshd", detail="the VM's sshd refuses", cause="GatewayPorts is off")
    (only,) = preflight(cluster("a", state=State.DOWN), NEEDS, served(), dark)
    assert only.text == "the way to it is broken at sshd: the VM's sshd refuses; GatewayPorts is off"
    assert only.outcome == "refused"
    half = path("serve", probe="listener", detail="nothing listens on 8350")
    checks = preflight(cluster("a"), NEEDS, served(), half)
    assert (refusals(checks), outcomes(checks)) == ("", ["ok", "ok", "unverified"])
    assert checks[-1].text.startswith("serve is broken at listener: nothing listens on 8350; the output")
    assert preflight(cluster("a"), NEEDS, None, half) == checks[:2]
    client = path("client", probe="listener", detail="nothing listens on 10001")
    checks = preflight_other(cluster("main"), cluster("c2"), NEEDS, ("3.11.7", "3.11.2"), client)
    assert (outcomes(checks)[-1], refusals(checks)) == ("unverified", "")


def test_an_entrypoint_of_which_nothing_is_known_needs_a_cluster_that_answers():
    assert outcomes(preflight(cluster("a"), NOTHING)) == ["ok"]
    assert outcomes(preflight(cluster("a", state=State.UNKNOWN), NOTHING)) == ["unverified"]
    assert outcomes(preflight(cluster("a", state=State.DOWN), NOTHING)) == ["refused"]


def test_equal_versions_pass_whatever_pythons_last_number():
    checks = preflight_other(cluster("main"), cluster("c2"), NEEDS, ("3.11.7", "3.11.2"))
    assert outcomes(checks) == ["ok"] * 4


@pytest.mark.parametrize(
    ("ray", "python", "words"),
    [
        ("2.49.2", "3.11.7", "Ray 2.49.2 there and 2.60.0 on main: Ray client cannot connect them"),
        ("2.60.1", "3.11.7", "Ray 2.60.1 there and 2.60.0 on main: Ray client cannot connect them"),
        ("2.60.0", "3.12.9", "Python 3.12.9 there and 3.11.7 on main: Ray client cannot connect them"),
    ],
)
def test_versions_that_cannot_work_are_refused_with_both_named(ray, python, words):
    assert refusals(preflight_other(cluster("main"), cluster("c2", ray), NEEDS, ("3.11.7", python))) == words


@pytest.mark.parametrize(
    ("other", "pythons"),
    [
        (cluster("c2", ray=None, cpus=None, state=State.UNKNOWN), ("3.11.7", None)),
        (cluster("c2", ray="2.49.2", cpus=0, state=State.DOWN), (None, None)),
    ],
)
def test_what_cannot_be_seen_from_here_is_unverified_and_no_reason_to_refuse(other, pythons):
    checks = preflight_other(cluster("main"), other, NEEDS, pythons)
    assert refusals(checks) == ""
    assert outcomes(checks) == ["unverified"] * 3


def test_the_others_need_less_and_are_refused_without_room():
    assert refusals(preflight_other(cluster("main"), cluster("c2", cpus=2), NEEDS, (None, None))) == (
        "2 CPU free, needs 3"
    )


def test_client_addresses_become_cluster_urls():
    document = CLUSTERING.defaults()
    with_clusters(CLUSTERING, document, spec("main"), [spec("c2", "b:1"), spec("c3", "c:2")])
    assert document["process-parameters"]["cluster-urls"] == ["b:1", "c:2"]
    CLUSTERING.check(document)


@pytest.mark.parametrize(
    ("job", "others", "words"),
    [
        ("parallel_processing", [spec("c2")], "works on one cluster only"),
        ("parallel_clustering", [spec("c2"), spec("c2")], "c2: is named twice"),
        ("parallel_clustering", [spec("main")], "main: is named twice"),
        ("parallel_clustering", [spec("c2", None)], "c2: has no client address"),
    ],
)
def test_with_is_refused_where_it_cannot_work(job, others, words):
    bundle = find_bundles([bundled_folder()])[job]
    with pytest.raises(UsageError, match=words):
        with_clusters(bundle, bundle.defaults(), spec("main"), others)
