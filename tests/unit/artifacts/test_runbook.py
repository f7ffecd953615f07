"""deploy/README.md tells the truth: the files, commands and keys that it names are there."""

import re

import pytest

from console.cli.root import raydeck


@pytest.fixture(scope="session")
def runbook(examples):
    return (examples.parent / "README.md").read_text()


def test_every_file_that_it_names_is_rendered(runbook, files):
    targets = "compose|kuberay|services|istio|ssh|sshd|hosts|prometheus"
    named = set(re.findall(rf"(?<![\w/.~])((?:{targets})/[\w./-]+\.[a-z]+)", runbook))
    by_hand = {"compose/ray.env"}  # the operator's own, optional
    assert {"compose/prometheus.yml", "ssh/local-1/raydeck.conf", "kuberay/cloud-1/podmonitor.yaml"} <= named
    assert named - by_hand <= set(files)
    folders = set(re.findall(r"kubectl apply -k (\S+?)[`.\s]", runbook))
    folders.remove("http")  # the tutorial's
    assert folders == {"services", "services/endpointslices", "istio", "istio/own-gateway"}
    assert all(f"{folder}/kustomization.yaml" in files for folder in folders)


def test_every_command_of_ours_is_one(runbook):
    called = set(re.findall(r"(?:^|`)raydeck (?:--config \S+ )?([a-z]+)", runbook, re.MULTILINE))
    assert called == {"check", "config", "render", "status", "targets", "tunnel"}
    assert called <= set(raydeck.list_commands(None))


def test_versions_of_charts_are_pinned(runbook):
    pinned = re.findall(r"^helm install \S+ kuberay/(\S+) --version (\S+)", runbook, re.MULTILINE)
    assert len(pinned) == len(re.findall(r"^helm install ", runbook, re.MULTILINE))
    assert pinned == [("kuberay-operator", "1.0.0"), ("ray-cluster", "1.0.0"), ("kuberay-operator", "1.7.0")]


def test_every_hop_has_a_line_in_the_order_of_the_walk(runbook):
    hops = (
        "config name gateway vm route listener holder sshd bytes ray identity client-version serve metrics scrape clock"
    )
    table = runbook.partition("## When something is dark")[2]
    named = [line.split("|")[1].strip() for line in table.splitlines() if line.startswith("| ")]
    assert named[2:] == hops.split()


def test_every_step_says_where_it_is_typed_and_what_the_console_shows(runbook):
    steps = re.findall(r"^## (\d+)\. .*?\(([\w, ]+)\)\n(.*?)(?=^## )", runbook, re.MULTILINE | re.DOTALL)
    assert [number for number, _, _ in steps] == [str(number) for number in range(1, 11)]
    for number, where, text in steps:
        assert set(where.split(", ")) <= {"operator", "laptop", "VM"}
        assert "the console" in text.lower(), number
        assert "```\n" in text


def test_the_table_of_addresses_names_every_port(runbook, documents):
    """What Compose publishes and what the RayCluster listens on have a row each."""
    table = runbook.partition("## Security")[2].partition("- `--dashboard-host")[0]
    (compose,) = documents("compose/cpu-ray-cluster.yaml")
    published = {port.split(":")[1] for service in compose["services"].values() for port in service["ports"]}
    laptop = {port for row in table.splitlines() if row.startswith("| laptop") for port in re.findall(r"\d{4,5}", row)}
    assert published == laptop
    (cluster,) = documents("kuberay/cloud-1/cpu-raycluster.yaml")
    ports = cluster["spec"]["headGroupSpec"]["template"]["spec"]["containers"][0]["ports"]
    cloud = next(row for row in table.splitlines() if row.startswith("| cloud"))
    assert {str(port["containerPort"]) for port in ports} == set(re.findall(r"\d{4,5}", cloud))
