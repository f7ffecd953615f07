"""Running again and stopping on a real head: what is passed on, what is linked, what ends a job that will not end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytestmark = pytest.mark.live

SAY = "import os, pathlib; print('said', os.environ['WORD'][::-1], pathlib.Path('data.txt').read_text())"
STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("deaf", flush=True)
while True:
    time.sleep(0.1)
"""


def test_a_job_runs_again_with_its_environment_and_folder_and_is_linked(here, folder):
    work = folder(say=SAY)
    (work / "data.txt").write_text("as it was")
    words = ("--working-dir", work, "--entrypoint", "python say.py", "--env", "WORD=hush-hush")
    first = here.submit(*words, "--wait=end")
    ran = here("rerun", first, "--json").check(0, f"{first} again")
    again = ran.json["submission_id"]
    assert ran.json == {
        "cluster": ran.json["cluster"], "job": "entrypoint", "submission_id": again,
        "status": ran.json["status"], "output": None,
    }  # fmt: skip
    assert again != first
    here("logs", again, "--follow").check(0, "job succeeded")
    assert "said hsuh-hsuh as it was" in here("logs", again).check(0).text
    [job] = [job for job in here("jobs", "--json").json["jobs"] if job["submission_id"] == again]
    assert job["metadata"]["raydeck_rerun_of"] == first
    assert job["entrypoint"] == "python say.py"
    assert "hush-hush" not in json.dumps(here("jobs", "--json").json)
    kept = [path.read_bytes() for path in here.state.glob("**/*") if path.is_file()]
    assert not any(b"hush-hush" in content for content in kept)


def test_a_job_that_ignores_sigterm_is_stopped_and_seen_to_have_ended(here, folder, started):
    job_id = here.submit("--working-dir", folder(deaf=STUBBORN), "--entrypoint", "python deaf.py")
    started.append(job_id)
    ran = here("stop", job_id, "--wait").check(0, "asked to stop", "has ended: STOPPED")
    assert here.status_of(job_id) == "STOPPED", ran.err
    here("stop", job_id).check(0, "has already ended: STOPPED")


def test_several_logs_are_one_and_a_copy_is_read_when_log_or_cluster_is_gone(here, folder, embedded_cluster):
    say = "print('2099-01-01 14:03:0{0} {1}', flush=True); print('2099-01-01 14:03:0{2} {3}')"
    work = folder(odd=say.format(1, "one", 3, "three"), even=say.format(2, "two", 4, "four"))
    ids = [here.submit("--working-dir", work, "--entrypoint", f"python {name}.py", "--wait=end")
           for name in ("odd", "even")]  # fmt: skip
    merged = [line.split()[-1] for line in here("logs", *ids).check(0).text.splitlines() if "14:03:0" in line]
    assert merged == ["one", "two", "three", "four"]
    here("logs", *ids, "--follow").check(0, "job succeeded")
    for path in Path(embedded_cluster.record.folder).glob(f"**/job-driver-{ids[1]}.log"):
        path.unlink()
    ran = here("logs", ids[1]).check(1, f"this is the kept copy of {ids[1]}")
    assert "14:03:04 four" in ran.text
    gone = here.folder / "gone.toml"
    gone.write_text('[[clusters]]\nname = "gone"\nkind = "local"\ndashboard = "http://127.0.0.1:9"\n')
    ran = here("--config", gone, "logs", *ids).check(1, *(f"this is the kept copy of {job_id}" for job_id in ids))
    assert [line.split()[-1] for line in ran.text.splitlines() if "14:03:0" in line] == merged
    listed = here("--config", gone, "logs").check(0).text.splitlines()
    assert {line.split()[-1] for line in listed} >= {*ids}
    here("--config", gone, "logs", "--follow").check(2, "name a job")
    here("--config", gone, "logs", "raysubmit_never").check(1, "nothing listens there")


def test_several_clusters_at_once_have_one_id_each_and_a_cluster_is_named_once(here):
    name = here("status", "--json").json["clusters"][0]["name"]
    here("submit", "parallel_processing", "--cluster", name, "--cluster", name).check(2, "names a cluster twice")
    here("--read-only", "submit", "parallel_processing", "--cluster", name).check(2, "submit is refused")
    here("--read-only", "stop", "raysubmit_any").check(2, "stop is refused")
