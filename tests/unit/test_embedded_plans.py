"""Ports, command lines, environments and records of embedded clusters, all without starting one."""

import json
import os
import socket
import sys
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.errors import EmbeddedError
from console.services.embedded import launch, processes
from console.services.embedded.files import new_folder
from console.services.embedded.plans import Planner
from console.services.embedded.ports import block, choose_ports, needed, numbers, port_is_free
from console.services.embedded.prometheus import prometheus_binary
from console.services.embedded.record import FOLDER, Mark, Plan, Record, decode_record, record_file
from console.services.embedded.registry import describe, prometheus_url, read_records, running
from console.services.embedded.survey import Survey, survey
from console.services.state_folder import StateFolder

PORTS = block(26300)
NONE = Survey((), (), ())


def plan(**changes):
    values = {
        "name": "embedded-1",
        "role": "ray",
        "state_folder": "/s",
        "folder": "/tmp/raydeck-0",
        "ports": PORTS,
        "token": "secret",
        "marker": "m",
        "starter": Mark(1, 1.0),
        "kept": True,
        "cpus": 6,
    }
    return Plan(**(values | changes))


def record(**changes):
    own = processes.mark(os.getpid())
    values = {
        "name": "embedded-1",
        "role": "ray",
        "phase": "running",
        "guard": own,
        "starter": None,
        "kept": True,
        "marker": "m",
        "folder": "/tmp/raydeck-0",
        "ports": PORTS,
    }
    return Record(**(values | changes))


def write(state, *records):
    for one in records:
        state.write(msgspec.json.encode(one), FOLDER, record_file(one.name))


def test_every_port_of_a_block_differs_and_lies_in_it():
    assert len(set(numbers(PORTS))) == len(numbers(PORTS))
    assert all(26300 <= port < 26400 for port in numbers(PORTS))
    assert needed(PORTS, "ray") < set(numbers(PORTS))


@given(st.text(), st.sets(st.sampled_from(range(26000, 30000, 100)), max_size=39))
def test_the_chosen_block_is_neither_taken_nor_in_use(owner, used):
    half = sorted(used)[::2]
    chosen = choose_ports(owner, [block(base) for base in half], lambda port: port - port % 100 not in used)
    assert chosen not in [block(base) for base in used]
    assert 26000 <= chosen.metrics < 30000


def test_one_used_port_takes_its_whole_block():
    first = choose_ports("me", [], bool)
    assert choose_ports("me", [], lambda port: port != first.gcs) != first


def test_no_free_block_is_an_error():
    with pytest.raises(EmbeddedError, match="no free block"):
        choose_ports("me", [], lambda port: port < 0)


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_a_listener_takes_its_port(host):
    with socket.create_server((host, 0)) as server:
        port = server.getsockname()[1]
        assert not port_is_free(port)
    assert port_is_free(port)


def test_the_head_listens_only_where_the_plan_says_and_knows_no_secret_by_command_line():
    command = launch.command(plan())
    assert "--dashboard-host=127.0.0.1" in command
    assert f"--dashboard-port={PORTS.dashboard}" in command
    assert "--temp-dir=/tmp/raydeck-0/r" in command
    assert not any("secret" in word for word in command)


def test_the_environment_leads_to_our_cluster_and_our_python():
    inherited = {"PATH": "/usr/bin", "RAY_ADDRESS": "elsewhere", "RAY_AUTH_TOKEN": "another", "LANG": "C",
                 "RAYDECK_AUTH_TOKEN_CLOUD_1": "of-another-cluster"}  # fmt: skip
    environ = launch.environment(plan(), Path("/s/embedded"), inherited)
    assert environ["PATH"] == f"{Path(sys.executable).parent}:/usr/bin"
    assert environ["RAY_AUTH_TOKEN_PATH"] == "/s/embedded/embedded-1.token"
    assert environ["LANG"] == "C"
    assert not {"RAY_ADDRESS", "RAY_AUTH_TOKEN"} & set(environ)
    assert "of-another-cluster" not in environ.values()
    assert (environ["RAYDECK_SERVE_HOST"], environ["RAYDECK_SERVE_PORT"]) == ("127.0.0.1", str(PORTS.serve))


def test_prometheus_finds_the_clusters_by_their_files():
    configuration = json.loads(launch.prometheus_configuration(Path("/s/embedded")))
    assert configuration["scrape_configs"][0]["file_sd_configs"][0]["files"] == ["/s/embedded/*.targets.json"]
    (target,) = json.loads(launch.targets(plan()))
    assert target == {"targets": ["127.0.0.1:26300"], "labels": {"ray_cluster": "embedded-1"}}


@pytest.mark.parametrize("base", ["/a/very/long/temporary/folder", "relative", "", "/nowhere"])
def test_a_temporary_folder_leaves_room_for_sockets(base):
    assert new_folder("0123456789abcdef", {"TMPDIR": base}) == "/tmp/raydeck-01234567"


def test_living_records_become_clusters(tmp_path):
    state = StateFolder(tmp_path)
    write(state, record(), record(name="embedded-10", phase="starting"), record(name="embedded-2"))
    specs = running(state)
    assert [(spec.name, spec.starting) for spec in specs] == [
        ("embedded-1", False),
        ("embedded-2", False),
        ("embedded-10", True),
    ]
    assert specs[0].dashboard == "http://127.0.0.1:26365"
    assert (specs[0].serve_host, specs[0].serve_port) == ("127.0.0.1", 26350)
    assert specs[0].prometheus is None
    assert prometheus_url(state) is None


def test_a_prometheus_is_named_with_the_series_of_each_cluster(tmp_path):
    state = StateFolder(tmp_path)
    write(state, record(), record(name="prometheus-1", role="prometheus", ports=block(26400)))
    (spec,) = running(state)
    assert (spec.prometheus, spec.series) == ("embedded", {"ray_cluster": "embedded-1"})
    assert prometheus_url(state) == "http://127.0.0.1:26465"


def test_a_pid_that_is_somebody_elses_by_now_is_not_believed(tmp_path):
    state = StateFolder(tmp_path)
    own = processes.mark(os.getpid())
    write(state, record(guard=Mark(own.pid, own.created - 100)))
    assert running(state) == ()
    assert len(read_records(state)) == 1


@pytest.mark.parametrize("content", [b"", b"{}", b"[1", b"\xff\xfe", b'{"name": 1}'])
def test_a_damaged_record_is_passed_over(tmp_path, content):
    state = StateFolder(tmp_path)
    state.write(content, FOLDER, "embedded-1.json")
    assert decode_record(content) is None
    assert running(state) == ()


def test_no_state_folder_means_no_clusters(tmp_path):
    assert running(StateFolder(tmp_path / "none")) == ()


def test_what_listens_where_is_told_without_the_token(tmp_path):
    cluster = describe(StateFolder(tmp_path), record(), watched=False)
    told = dict(cluster.listening())
    assert told["client"] == "ray://127.0.0.1:26301"
    assert told["token"].endswith("embedded-1.token")


def test_the_survey_tells_ours_from_dead_and_from_another_consoles():
    gone = Mark(2**22 + 1, 1.0)
    usable = record(phase="starting")
    dead = record(name="embedded-2", guard=gone)  # nothing listens on its port either
    theirs = record(name="embedded-3", kept=False)
    orphan = record(name="embedded-4", kept=False, guard=gone)
    found = survey([usable, dead, theirs, orphan], set())
    assert found == Survey((usable,), (dead, orphan), (theirs,))
    assert survey([theirs], {"embedded-3"}).others == ()


def test_plans_fill_up_to_the_number_that_was_asked_for(tmp_path):
    state = StateFolder(tmp_path)
    found = Survey((record(),), (), (record(name="embedded-2", kept=False, ports=block(26500)),))
    plans = Planner(state, {}, found, keep=True).clusters(3, cpus=2)
    assert [p.name for p in plans] == ["embedded-3", "embedded-4"]
    assert len({p.ports for p in plans} | {PORTS, block(26500)}) == 4
    assert len({p.marker for p in plans}) == 2
    assert Planner(state, {}, found, keep=True).clusters(1, cpus=2) == []


def test_a_dead_cluster_comes_back_under_its_name_ports_and_token(tmp_path):
    state = StateFolder(tmp_path)
    state.write(b"old token", FOLDER, "embedded-2.token")
    free = choose_ports(str(tmp_path), [])
    dead = record(name="embedded-2", ports=free)
    planner = Planner(state, {}, Survey((), (dead,), ()), keep=True)
    first, second = planner.clusters(2, cpus=2)
    assert (first.name, first.ports, first.token) == ("embedded-2", free, "old token")
    assert (second.name, second.token) == ("embedded-1", "old token")


def test_one_token_opens_all_clusters_of_a_state_folder(tmp_path):
    state = StateFolder(tmp_path)
    state.write(b"living token", FOLDER, "embedded-1.token")
    planner = Planner(state, {}, Survey((record(),), (), ()), keep=True)
    assert {plan.token for plan in planner.clusters(3, cpus=2)} == {"living token"}
    made = Planner(StateFolder(tmp_path / "other"), {}, Survey((), (), ()), keep=True).clusters(2, cpus=2)
    assert len({plan.token for plan in made}) == 1


def test_one_prometheus_is_enough(tmp_path):
    state = StateFolder(tmp_path)
    watcher = record(name="prometheus-1", role="prometheus")
    assert Planner(state, {}, Survey((watcher,), (), ()), keep=True).prometheus("/p") is None
    assert Planner(state, {}, NONE, keep=True).prometheus("/p").name == "prometheus-1"


def test_prometheus_is_looked_for_in_the_given_environment(tmp_path):
    binary = tmp_path / "prometheus"
    binary.write_text("#!/bin/sh\n")
    assert prometheus_binary({"PATH": str(tmp_path)}) is None
    binary.chmod(0o755)
    assert prometheus_binary({"PATH": str(tmp_path)}) == str(binary)
    assert prometheus_binary({"PATH": "/none", "PROMETHEUS_BIN": str(binary)}) == str(binary)
    with pytest.raises(EmbeddedError, match="PROMETHEUS_BIN"):
        prometheus_binary({"PATH": str(tmp_path), "PROMETHEUS_BIN": str(tmp_path)})
