"""Every probe, in the contract's order, says what each of its failures means and what to type, on every path."""

import re
import shlex
import subprocess
from itertools import chain
from pathlib import Path

import msgspec

from console.clients.ssh_complaints import complaint
from console.config import parse_config
from console.model.check import PROBE_NAMES
from console.model.failure import Failure
from console.probes import PROBES, explained
from console.services.paths import path_of
from console.services.remedy_words import words_of
from tests.unit.test_ssh_complaints import SAID

TEXT = """
[ssh.vm]
host = "op@GPU-cpouta"
private_ip = "192.168.1.19"
floating_ip = "203.0.113.7"

[ssh.bare]
host = "bare"

[[clusters]]
name = "gateway"
kind = "local"
tunnel = { via = "vm", slot = 1 }

[[clusters]]
name = "vm"
kind = "local"
reach = "vm"
tunnel = { via = "vm", slot = 2 }

[[clusters]]
name = "forward"
kind = "local"
reach = "forward"
tunnel = { via = "vm", slot = 3 }

[[clusters]]
name = "bare"
kind = "local"
tunnel = { via = "bare", slot = 4 }

[[clusters]]
name = "hpc-1"
kind = "hpc"
tunnel = { via = "vm", slot = 1 }

[[clusters]]
name = "cloud-1"
kind = "cloud"
dashboard = "http://ray.cloud.dash-1.oss:7001"
serve = "http://ray.cloud.serve-1.oss:7001"

[[clusters]]
name = "here"
kind = "local"
dashboard = "http://127.0.0.1:8265"

[[clusters]]
name = "there"
kind = "local"
dashboard = "https://[2001:db8::1]:8265/ray"
"""
# What a step or a judgement adds to the words of the path; a pid is not always to be seen.
FOUND = {"key": "/home/o p/id", "memory": "/state/it's.json", "other": "local-9", "pid": "", "address": "203.0.113.9"}
HOLES = re.compile(r"…|FLOATING_IP|\bPID\b|[{}<>]$|''|\{\w*\}|http://:|//\s|=\s*:'")


def every_path():
    config = parse_config(TEXT.encode(), Path("/etc/clusters.toml"), {})
    paths = [path_of(spec, config) for spec in config.clusters]
    embedded = msgspec.structs.replace(paths[-2].spec, name="embedded-1", embedded=True)
    return [*paths, msgspec.structs.replace(paths[-2], spec=embedded)]


def every_remedy():
    for path in every_path():
        for endpoint in path.endpoints:
            words = words_of(path, endpoint) | FOUND
            for probe in PROBES:
                for failure in probe.failures:
                    yield explained(probe.name, failure, words), (path.spec.name, endpoint.service, probe.name, failure)
            yield explained("holder", Failure.STALE, words | {"pid": "812"}), (path.spec.name, "holder", "with a pid")


def test_probes_stand_in_the_contracts_order():
    assert tuple(probe.name for probe in PROBES) == PROBE_NAMES
    assert all(probe.asks for probe in PROBES)


def test_every_failure_of_every_kind_of_cluster_has_a_cause_and_a_command_that_can_be_pasted():
    commands = {}
    for remedy, what in every_remedy():
        assert remedy.cause, what
        assert remedy.command in remedy.hint, what
        assert not HOLES.search(remedy.hint), (what, remedy.hint)
        assert shlex.split(remedy.command), what
        commands.setdefault(remedy.command, what)
    assert_the_shell_reads(commands)


def test_every_complaint_of_ssh_has_a_command_that_can_be_pasted():
    found = [complaint(text.splitlines(), "o p@vm") for _, text, _, _ in SAID]
    assert all(each.command and each.command in each.hint for each in found)
    assert_the_shell_reads(
        {each.command: each.what for each in found} | {each.hint: "" for each in found if "#" in each.hint}
    )


def assert_the_shell_reads(commands):
    """One shell reads them all: it names the first that it does not."""
    text = "\n".join(chain.from_iterable(("if false; then", command, "fi") for command in commands))
    read = subprocess.run(["sh", "-n"], input=text, capture_output=True, text=True, check=False)
    assert read.returncode == 0, read.stderr


def test_a_local_tunnel_is_mended_where_it_starts_and_the_cloud_where_kubectl_is():
    paths = {path.spec.name: path for path in every_path()}
    hints = {
        name: explained("route", Failure.NO_ENDPOINT, words_of(paths[name], paths[name].endpoints[0])).hint
        for name in ("gateway", "cloud-1")
    }
    assert hints["gateway"].startswith("on the VM: kubectl get endpoints -n integration ray-local-1-dash && curl ")
    assert hints["cloud-1"] == "on the VM: kubectl get endpoints -n default raycluster-kuberay-head-svc"
    here = paths["here"]
    strange = explained("ray", Failure.STRANGE, words_of(here, here.endpoints[0]))
    assert strange.hint == "curl -m 5 -i http://127.0.0.1:8265/"


def test_what_is_not_known_leaves_no_hole():
    remedy = explained("name", Failure.UNRESOLVED, {"host": "ray.local.dash-1.oss", "public_address": ""})
    assert remedy.command == "getent hosts ray.local.dash-1.oss"
    known = explained("name", Failure.UNRESOLVED, {"host": "ray.local.dash-1.oss", "public_address": "203.0.113.7"})
    assert known.command == "echo 203.0.113.7 ray.local.dash-1.oss | sudo tee -a /etc/hosts"
    assert explained("identity", Failure.STRANGER, {}).command == "raydeck check"


def test_a_word_from_outside_is_one_word_to_the_shell_and_no_format():
    remedy = explained("listener", Failure.DOWN, {"cluster": "{0.__class__}"})
    assert remedy.command == "raydeck tunnel up '{0.__class__}'"
    forgotten = explained("identity", Failure.STRANGER, {"memory": "/a b/c;d.json"})
    assert shlex.split(forgotten.command) == ["rm", "/a b/c;d.json"]
