"""What scripts rely on: the shapes of --json, exit statuses, one line on standard error, and silence about secrets."""

import hashlib
import re

import httpx
import pytest
from raydeck_process import Raydeck, configured, until

from console.model.cluster import ClusterSpec

pytestmark = pytest.mark.live

STATUS = {
    "name": str, "kind": str, "state": str, "ray_version": str, "session_name": str,
    "nodes": {"alive": int, "dead": int},
    "cpu": {"used_percent": float, "cores": float},
    "memory": {"used_bytes": float, "total_bytes": float},
    "gpu": {"count": int, "used_percent": float, "memory_used_bytes": float, "memory_total_bytes": float},
    "jobs": dict.fromkeys(("running", "pending", "failed", "stopped", "succeeded"), int),
    "tunnel": {"ok": int, "total": int, "first_broken": str},
    "source": str, "age_s": float, "faults": list,
}  # fmt: skip
NODE = {"cluster": str, "node_id": str, "ip": str, "role": str, "state": str, "metrics": dict, "gpus": list}
JOB = {
    "cluster": str, "submission_id": str, "job_id": str, "type": str, "status": str, "entrypoint": str,
    "start_time": str, "end_time": str, "message": str, "metadata": dict,
}  # fmt: skip
ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(\+00:00|Z)")
GONE = ClusterSpec(name="gone", kind="local", dashboard="http://127.0.0.1:9", serve="http://127.0.0.1:8")


def has_shape(found, shape):
    """The keys of ``shape``, in their order, and values of its types or null."""
    assert list(found) == list(shape)
    for key, kind in shape.items():
        if isinstance(kind, dict):
            has_shape(found[key], kind)
        else:
            assert found[key] is None or isinstance(found[key], kind), (key, found[key])


def test_status(here, embedded_cluster):
    found = until(lambda: (s := here("status", "--json").check(0).json)["clusters"][0]["source"] != "none" and s)
    assert ISO.fullmatch(found["taken_at"])
    (cluster,) = found["clusters"]
    has_shape(cluster, STATUS)
    assert (cluster["name"], cluster["state"], cluster["source"]) == (embedded_cluster.name, "up", "dashboard")
    assert cluster["nodes"] == {"alive": 1, "dead": 0}
    assert cluster["gpu"] == {"count": 0, "used_percent": None, "memory_used_bytes": None, "memory_total_bytes": None}
    assert 0 <= cluster["age_s"] < 60
    table = here("status").check(0).text
    assert embedded_cluster.name in table
    assert "—" not in table.splitlines()[1]


def test_status_of_a_cluster_that_is_gone_is_null_and_not_zero(other):
    ran = other(configured(GONE))("status", "--json").check_status(1)
    (cluster,) = ran.json["clusters"]
    has_shape(cluster, STATUS)
    for key in ("nodes", "cpu", "memory", "gpu", "jobs"):
        assert set(cluster[key].values()) == {None}
    assert (cluster["state"], cluster["source"], cluster["age_s"]) == ("down", "none", None)
    (fault,) = cluster["faults"]
    assert fault["message"].startswith("nothing listens there (connection refused); its head is not running")
    assert ISO.fullmatch(fault["since"])


def test_nodes(here):
    found = here("nodes", "--json").check(0).json
    assert ISO.fullmatch(found["taken_at"])
    (node,) = found["nodes"]
    has_shape(node, NODE)
    assert (node["role"], node["state"], node["gpus"]) == ("head", "alive", [])
    assert {"cpu_percent", "memory_used_bytes", "memory_total_bytes"} <= set(node["metrics"])
    for figure in node["metrics"].values():
        has_shape(figure, {"value": float, "unit": str, "source": str, "age_s": float})
    assert node["node_id"][:6] in here("nodes").check(0).text or node["ip"] in here("nodes").text


def test_wait(here, embedded_cluster, other):
    here("wait", embedded_cluster.name, "--timeout", 60).check(0)
    here("wait", "nosuch", "--timeout", 60).check(1, "raydeck: nosuch: no such cluster", embedded_cluster.name)
    other(configured(GONE))("wait", "gone", "--timeout", 8).check(124, "not up after 8 s: nothing listens there")


def test_a_secret_reaches_the_job_and_nothing_else(here, embedded_cluster, folder, started):
    secret = "hunter2-" + "x" * 24
    probe = "import hashlib, os; print('digest', hashlib.sha256(os.environ['SECRET'].encode()).hexdigest())"
    words = ("--working-dir", folder(probe=probe), "--entrypoint", "python probe.py", "--env", "SECRET")
    job_id = here.submit(*words, SECRET=secret)
    started.append(job_id)
    log = here("logs", job_id, "--follow").check(0).text
    assert f"digest {hashlib.sha256(secret.encode()).hexdigest()}" in log
    headers = {"Authorization": f"Bearer {embedded_cluster.token}"}
    assert secret in httpx.get(f"{embedded_cluster.spec.dashboard}/api/jobs/", headers=headers, timeout=60).text
    for command in ("jobs", "status", "nodes"):
        here(command, "--json")
        here(command)
    (job,) = (j for j in here("jobs", "--json").json["jobs"] if j["submission_id"] == job_id)
    has_shape(job, JOB)
    files = [path.read_bytes() for path in here.folder.rglob("*") if path.is_file()]
    assert [text for text in (*here.said, *files) if secret.encode() in text] == []


def test_jobs_of_clusters_that_answer_are_listed_although_one_does_not(other, embedded_cluster):
    both = other(configured(GONE, embedded_cluster.spec))
    ran = both("jobs", "--json").check(1, "raydeck: gone: nothing listens there")
    assert {job["cluster"] for job in ran.json["jobs"]} <= {embedded_cluster.name}
    for name in ("gone", embedded_cluster.name):
        both("jobs", "--cluster", name).check(1 if name == "gone" else 0)


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        ("logs raysubmit_none", 1, "no cluster knows this job"),
        ("stop raysubmit_none", 1, "no cluster knows this job"),
        ("output --id raysubmit_none", 1, "no cluster knows this job"),
        ("logs ../../etc", 1, "no cluster knows this job"),
        ("jobs --cluster nosuch", 1, "no such cluster"),
        ("nodes --cluster nosuch", 1, "no such cluster"),
        ("submit nosuch", 1, "no such bundled job"),
        ("submit", 2, "say which job"),
        ("submit parallel_processing --cluster nosuch", 1, "no such cluster"),
        ("submit parallel_processing --set data-parameters.amount=0", 2, "data-parameters.amount"),
        ("submit parallel_processing --set amount=1", 2, "no path of a parameter"),
        ("submit parallel_processing --params missing.json", 2, "missing.json: cannot be read"),
        ("submit parallel_processing --env NOT_SET_ANYWHERE", 2, "--env NOT_SET_ANYWHERE: is not set here"),
        ("submit --working-dir .", 2, "--entrypoint"),
        ("submit --working-dir nowhere --entrypoint true", 2, "is not a folder"),
        ("status --nosuch", 2, "No such option"),
        ("nosuch", 2, "No such command"),
        ("logs x --lines 0", 2, "--lines"),
        ("wait", 2, "Missing argument"),
        ("up --clusters 0", 2, "--clusters"),
        ("--config missing.toml status", 2, "does not exist"),
    ],
)
def test_errors_are_one_line_and_a_status(here, words, status, said):
    ran = here(*words.split()).check(status, said)
    assert ran.out == b""
    assert len(ran.err.splitlines()) == 1


def test_the_console_needs_a_terminal(here):
    here().check(2, "the console needs a terminal")


def test_read_only_in_the_file_refuses_what_changes_anything(here, tmp_path):
    config = (here.folder / "clusters.toml").read_text().replace("[console]", "[console]\nread_only = true")
    raydeck = Raydeck(tmp_path / "careful", config)
    raydeck("submit", "parallel_processing").check(2, "read-only", "submit is refused")
    raydeck("status").check(0)
    assert list(raydeck.state.rglob("*")) == []
