"""The job parallel_processing on real clusters: bits, ownership of what is served, and every way to end."""

import json
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest
from ray.job_submission import JobSubmissionClient

from console.bundles import bundled_folder, find_bundles, set_value
from console.bundles.document import parameters_checksum
from console.model.output import decode_marked_line, parse_output
from tests.live.conftest import only_process

pytestmark = pytest.mark.live

BUNDLE = find_bundles([bundled_folder()])["parallel_processing"]
PUBLISHED = json.loads((Path(__file__).parents[1] / "golden" / "processing.json").read_text())["published"]
READY = "is ready at"


def parameters(cluster, serve_s=60, **values):
    document = BUNDLE.defaults()
    set_value(document, "process-parameters.serve-seconds", serve_s)
    set_value(document, BUNDLE.filled["serve-host"], cluster.spec.serve_host)
    set_value(document, BUNDLE.filled["serve-port"], cluster.spec.serve_port)
    for key, value in values.items():
        set_value(document, f"data-parameters.{key}", value)
    return document


@dataclass
class Run:
    """One submitted job."""

    cluster: object
    client: JobSubmissionClient
    id: str

    @property
    def log(self):
        return self.client.get_job_logs(self.id)

    @property
    def lines(self):
        return [line for line in self.log.splitlines() if not line.startswith(("Running entrypoint", "20"))]

    @property
    def status(self):
        return self.client.get_job_status(self.id)

    def until(self, words, timeout_s=120):
        give_up_at = time.monotonic() + timeout_s
        while True:
            has_ended = self.status.is_terminal()  # before the log: what it said last is in it
            if words in (log := self.log):
                return
            assert not has_ended, log
            assert time.monotonic() < give_up_at, log
            time.sleep(0.1)

    def until_ended(self, timeout_s=120):
        give_up_at = time.monotonic() + timeout_s
        while not self.status.is_terminal():
            assert time.monotonic() < give_up_at, self.log
            time.sleep(0.1)
        return self.status.value

    def get(self, route):
        return httpx.get(f"{self.cluster.spec.serve}{route}", timeout=10, trust_env=False)

    def stop(self):
        self.client.stop_job(self.id)
        return self.until_ended()

    def until_freed(self, timeout_s=60):
        """Wait until the application is gone; once Ray knows that the job is over, its output is answered no more."""
        began, is_over = time.monotonic(), False
        while (answer := self.get("/output")).status_code != 404:
            is_over = is_over or answer.status_code != 200 or time.monotonic() - began > 15
            assert not is_over or answer.status_code in {410, 503}, answer.text
            assert time.monotonic() < began + timeout_s
            time.sleep(0.1)

    def kill_driver(self):
        def is_it(process):
            return process.cmdline()[:2] == ["python", "parallel_processing.py"] and self.id in str(process.environ())

        only_process(psutil.process_iter(), is_it).kill()


@pytest.fixture
def start():
    """Submit a job; what a test leaves running is stopped."""
    runs = []

    def submit(cluster, document):
        headers = {"Authorization": f"Bearer {cluster.token}"}
        client = JobSubmissionClient(cluster.spec.dashboard, headers=headers)
        environment = {"working_dir": str(BUNDLE.folder), "excludes": ["__pycache__"]}
        job = client.submit_job(entrypoint=BUNDLE.command(document), runtime_env=environment)
        runs.append(Run(cluster, client, job))
        return runs[-1]

    yield submit
    for run in runs:
        run.stop()
    for run in runs:
        run.until_freed()


def test_served_and_printed_output_is_golden_to_the_last_bit(embedded_cluster, start):
    document = parameters(embedded_cluster, serve_s=10)
    run = start(embedded_cluster, document)
    run.until(READY)
    about = run.get("/about").json()
    assert about.pop("ends_at").endswith("+00:00")
    assert about == {
        "submission_id": run.id,
        "job": "parallel_processing",
        "parameters_sha256": parameters_checksum(document),
    }
    served = run.get("/output")
    assert served.headers["raydeck-submission-id"] == run.id
    summaries = {(tuple(s["workers"]), tuple(s["batches"])): s for s in served.json()["output"]}
    golden = summaries[tuple(PUBLISHED["workers"]), tuple(PUBLISHED["batches"])]
    assert {**golden, "id": None} == {**PUBLISHED, "id": None}
    assert len(parse_output(served.content).summaries) == 2
    assert run.until_ended() == "SUCCEEDED"
    run.until_freed()
    assert [decode_marked_line(line.encode()) for line in run.lines if "raydeck-output" in line] == [served.content]
    assert run.lines[0].startswith("Python 3.")
    assert run.lines[-1] == "parallel_processing succeeded"


def test_short_last_batches_and_groups_are_kept(embedded_cluster, start):
    document = parameters(embedded_cluster, serve_s=1, amount=53)
    set_value(document, "process-parameters.worker-number", 3)
    run = start(embedded_cluster, document)
    assert run.until_ended() == "SUCCEEDED"
    (line,) = (line for line in run.lines if "raydeck-output" in line)
    found = parse_output(decode_marked_line(line.encode())).summaries
    batches = sorted(pair for s in found for pair in zip(s.workers, s.batches, strict=True))
    assert batches == [(worker, batch) for worker in (1, 2, 3) for batch in (1, 2, 3, 4)]  # 18, 18 and 17 files
    assert {actor for s in found if s.workers[0] != 2 for actor in s.actors} == {1}


def test_two_clusters_that_serve_at_once_answer_with_their_own(two_embedded_clusters, start):
    runs = [start(c, parameters(c, amount=50 + 7 * n)) for n, c in enumerate(two_embedded_clusters)]
    for run in runs:
        run.until(READY)
    outputs = {run.id: run.get("/output").content for run in runs}
    assert len(set(outputs.values())) == 2
    for run in runs * 10:
        answer = run.get("/output")
        assert (answer.headers["raydeck-submission-id"], answer.content) == (run.id, outputs[run.id])


def test_a_second_job_refuses_while_the_first_serves_and_may_after_its_stop(embedded_cluster, start):
    first = start(embedded_cluster, parameters(embedded_cluster))
    first.until(READY)
    output = first.get("/output").content
    second = start(embedded_cluster, parameters(embedded_cluster, amount=77))
    assert second.until_ended() == "FAILED"
    assert second.lines[-1].startswith(
        f"parallel_processing failed: the application 'requests' is held by job {first.id} (parallel_processing)"
    )
    assert first.get("/about").json()["submission_id"] == first.id
    assert first.get("/output").content == output
    assert first.stop() == "STOPPED"
    assert first.lines[-1] == "parallel_processing stopped by SIGTERM"
    first.until_freed()
    third = start(embedded_cluster, parameters(embedded_cluster))
    third.until(READY)
    assert third.get("/about").json()["submission_id"] == third.id


def test_a_killed_driver_takes_its_application_along(embedded_cluster, start):
    run = start(embedded_cluster, parameters(embedded_cluster, serve_s=600))
    run.until(READY)
    run.kill_driver()
    run.until_freed()
    assert run.until_ended() == "FAILED"


def test_a_stop_halfway_leaves_nothing_in_the_way(embedded_cluster, start):
    for words in ("Python 3.", "Preprocessing in batches"):
        run = start(embedded_cluster, parameters(embedded_cluster, amount=20_000))
        run.until(words)
        assert run.stop() == "STOPPED"
    following = start(embedded_cluster, parameters(embedded_cluster))
    following.until(READY)
    assert following.get("/about").json()["submission_id"] == following.id


def test_bad_parameters_fail_with_one_line(embedded_cluster, start):
    document = parameters(embedded_cluster)
    set_value(document, "process-parameters.worker-number", 0)
    run = start(embedded_cluster, document)
    assert run.until_ended() == "FAILED"
    versions, failure = run.lines
    assert versions.startswith("Python 3.")
    assert failure.startswith("parallel_processing failed: process-parameters.worker-number: expected a whole number")


def has_serve(cluster):
    with suppress(httpx.ConnectError):
        return httpx.get(f"{cluster.spec.serve}/-/healthz", timeout=10, trust_env=False).is_success
    return False


def test_another_serve_port_is_said_where_serve_runs_already(embedded_cluster, start):
    if not has_serve(embedded_cluster):  # no test has used it yet
        start(embedded_cluster, parameters(embedded_cluster, serve_s=1)).until_ended()
    document = parameters(embedded_cluster)
    set_value(document, BUNDLE.filled["serve-port"], 8123)
    run = start(embedded_cluster, document)
    run.until(READY)
    port = embedded_cluster.spec.serve_port
    assert f"Serve runs on this cluster already and answers on port {port}, not on 8123" in run.lines
    # Whichever test used Serve first on this cluster has chosen its host.
    hosts = ("127.0.0.1", "0.0.0.0")
    assert any(f"Application 'requests' is ready at http://{host}:{port}/" in run.lines for host in hosts)


def test_plain_ray_job_submit(embedded_cluster):
    ray = Path(sys.executable).with_name("ray")
    command = [ray, "job", "submit", "--address", embedded_cluster.spec.dashboard, "--working-dir", BUNDLE.folder, "--"]
    command += ["python", "parallel_processing.py", json.dumps(parameters(embedded_cluster, serve_s=1))]
    ended = subprocess.run(command, env=embedded_cluster.environ, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "parallel_processing succeeded" in ended.stdout
