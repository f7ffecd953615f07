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
    assert folders == {"services", "services/endpointslices", "istio", "istio/own-gateway"}
    assert all(f"{folder}/kustomization.yaml" in files for folder in folders)


def test_every_command_of_ours_is_one(runbook):
    called = set(re.findall(r"(?:^|`)raydeck (?:--config \S+ )?([a-z]+)", runbook, re.MULTILINE))
    assert called == {"check", "config", "render", "status", "tunnel"}
    assert called <= set(raydeck.list_commands(None))


def test_versions_of_charts_are_pinned(runbook):
    for line in re.findall(r"^helm install .*$", runbook, re.MULTILINE):
        assert "--version 1.0.0" in line


def test_every_hop_has_a_line_in_the_order_of_the_walk(runbook):
    hops = (
        "config name gateway vm route listener holder sshd bytes ray identity client-version serve metrics scrape clock"
    )
    table = runbook.partition("## When something is dark")[2]
    named = [line.split("|")[1].strip() for line in table.splitlines() if line.startswith("| ")]
    assert named[2:] == hops.split()
