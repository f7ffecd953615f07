"""``raydeck submit``, ``logs`` and ``stop`` on a real cluster: all arrives unharmed, every end has its status."""

import json
import signal
import subprocess
import zipfile
from pathlib import Path

import pytest
from raydeck_process import configured, read_until, until

pytestmark = pytest.mark.live

# Whatever a shell, JSON or Python could trip over.
NASTY = "it's \"double\" `tick` $HOME ${PATH} $(id) ; & | > < * ? ~ ! # % \\ \\n\n\ttab 'x' ünïcode 雪 🂡 -- --x={}"
ECHO_TOML = """
title = "Echo"
entrypoint = "python echo.py"
[[parameters]]
path = "data-parameters.text"
label = "text"
type = "text"
default = "none"
[[parameters]]
path = "data-parameters.amount"
label = "amount"
type = "int"
default = 3
"""
ECHO = "import sys; print('got', ascii(sys.argv[1:]))"
TICK = "import time\nfor n in range(1000): print('tick', n, flush=True); time.sleep(0.1)"
FAIL = "import sys; print('about to fail', flush=True); sys.exit(3)"


def said(log: str, begin: str) -> list[str]:
    return [line for line in log.splitlines() if line.startswith(begin)]


@pytest.fixture
def echo(other, embedded_cluster, tmp_path):
    """A user whose own job folder holds the job ``echo``."""
    jobs = tmp_path / "my jobs"
    jobs.mkdir()
    (jobs / "echo.toml").write_text(ECHO_TOML)
    (jobs / "echo.py").write_text(ECHO)
    return other(f'[jobs]\npaths = ["{jobs}"]\n' + configured(embedded_cluster.spec))


def echoed(ran) -> object:
    (line,) = said(ran.text, "got ")
    (argument,) = eval(line.removeprefix("got "))  # noqa: S307 -- what our own job printed with ascii()
    return json.loads(argument)


@pytest.mark.parametrize("way", ["set", "params", "text"])
def test_parameters_arrive_unharmed_at_a_job_of_the_users_own_folder(echo, way):
    expected = {"process-parameters": {}, "storage-parameters": {}, "data-parameters": {"text": NASTY, "amount": 7}}
    (echo.folder / "params.json").write_text(json.dumps(expected))
    words = {
        "set": ["--set", f"data-parameters.text={json.dumps(NASTY)}", "--set", "data-parameters.amount=7"],
        "params": ["--params", "params.json"],
        "text": ["--set", f"data-parameters.text={NASTY}", "--set", "data-parameters.amount=7"],
    }
    ran = echo("submit", "echo", *words[way], "--follow").check(0, "submitted raysubmit_", "job succeeded")
    assert echoed(ran) == expected


def test_following_as_json_is_one_document_a_line(echo):
    ran = echo("submit", "echo", "--follow", "--json").check(0)
    documents = [json.loads(line) for line in ran.text.splitlines()]
    assert {tuple(document) for document in documents} == {("cluster", "job", "submission_id", "status", "output")}
    assert documents[-1]["status"] == "SUCCEEDED"
    assert documents[-1]["output"] is None


def test_a_working_dir_with_an_entrypoint(here, folder):
    work = folder(probe="import helper; print('sum', helper.total([1, 2]))", helper="total = sum")
    ran = here("submit", "--working-dir", work, "--entrypoint", "python probe.py && echo 'a  b' $((1+1))", "--follow")
    assert said(ran.check(0).text, "sum ") == ["sum 3"]
    assert said(ran.text, "a  b") == ["a  b 2"]


def test_packages_are_installed_for_the_job(here, folder, tmp_path):
    wheel = tmp_path / "tiny_wheel-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("tiny_wheel.py", "ANSWER = 42")
        archive.writestr("tiny_wheel-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny-wheel\nVersion: 1.0\n")
        archive.writestr(
            "tiny_wheel-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr("tiny_wheel-1.0.dist-info/RECORD", "")
    work = folder(probe="import tiny_wheel; print('answer', tiny_wheel.ANSWER)")
    words = ("--working-dir", work, "--entrypoint", "python probe.py", "--pip", wheel, "--follow")
    assert said(here("submit", *words).check(0).text, "answer") == ["answer 42"]


@pytest.mark.parametrize("words", [["--follow"], ["--wait"], ["--wait=end"], ["--wait", "--json"]])
def test_a_failing_job_is_one(here, folder, words):
    work = folder(fail=FAIL)
    ran = here("submit", "--working-dir", work, "--entrypoint", "python fail.py", *words).check(1, "job failed")
    assert ran.err.count("job failed") == 1
    if "--follow" in words:
        assert said(ran.text, "about to fail")
    if "--json" in words:
        assert (ran.json["status"], ran.json["output"]) == ("FAILED", None)


def test_logs_of_a_failed_job(here, folder):
    job_id = here.submit("--working-dir", folder(fail=FAIL), "--entrypoint", "python fail.py")
    here("logs", job_id, "--follow").check(1, "job failed")
    assert here("logs", job_id, "--follow").check(1, "job failed").text.count("about to fail") == 1
    here("logs", job_id).check(0)  # to print what there is worked


def test_logs_and_stop_of_a_running_job(here, folder, started):
    job_id = here.submit("--working-dir", folder(tick=TICK), "--entrypoint", "python tick.py")
    started.append(job_id)
    # Until its driver has started there is no log to print.
    until(lambda: len(said(here("logs", job_id, "--lines", 5).text, "tick")) == 5)
    follower = here.start("logs", job_id, "--follow", "--lines", 2)
    seen = read_until(follower, "tick 30")
    here("stop", job_id, "--wait").check(0, "has ended: STOPPED")
    ended = here.end(follower).check(1, "job was stopped")
    ticks = said((seen + ended.out).decode(), "tick")
    numbers = [int(line.split()[1]) for line in ticks]
    assert numbers == list(range(numbers[0], numbers[-1] + 1))
    here("stop", job_id, "--wait").check(0, "has already ended: STOPPED")


def test_ctrl_c_ends_what_waits_and_not_the_job(here, folder, started):
    job_id = here.submit("--working-dir", folder(tick=TICK), "--entrypoint", "python tick.py")
    started.append(job_id)
    follower = here.start("logs", job_id, "--follow")
    read_until(follower, "tick")
    assert here.interrupt(follower).check(130).err.strip() in {"", "raydeck: interrupted"}
    watcher = here.start("status", "--watch", "--json")
    read_until(watcher, "\n")
    here.interrupt(watcher).check(130)
    assert here.status_of(job_id) == "RUNNING"


def test_a_reader_that_has_enough_ends_a_command_quietly(here, folder):
    flood = "for n in range(300_000): print('line', n)"
    job_id = here.submit("--working-dir", folder(flood=flood), "--entrypoint", "python flood.py", "--wait=end")
    for line in (
        f"raydeck logs {job_id} --lines 200000 | head -1",
        f"raydeck logs {job_id} --lines 200000 --follow | head -c 10",
        "raydeck config example | true",
        "raydeck jobs --json | true",
        "raydeck status | head -1",
    ):
        ran = here.pipe(line)
        assert ran.err == ""


def test_timeouts(here, folder, started):
    words = ("--working-dir", folder(tick=TICK), "--entrypoint", "python tick.py")
    job_id = here("submit", *words, "--wait=end", "--timeout", 20).check(124, "not done after 20 s").err.split()[1]
    started.append(job_id)
    assert here.status_of(job_id) in {"PENDING", "RUNNING"}


def test_a_terminated_follower_leaves_no_trace(here, folder, started):
    job_id = here.submit("--working-dir", folder(tick=TICK), "--entrypoint", "python tick.py")
    started.append(job_id)
    follower = here.start("logs", job_id, "--follow")
    read_until(follower, "tick")
    assert here.end(follower, with_signal=signal.SIGTERM).err == ""


def test_config(here, other):
    assert here("config", "path").check(0).text.strip() == str(here.folder / "clusters.toml")
    here("config", "check").check(0)
    example = here("config", "example").check(0).text
    raydeck = other(example)
    assert "laptop" in raydeck("config", "check").check(0).text
    (raydeck.folder / "clusters.toml").write_text(example.replace("refresh_s = 2", "refresh_s = 'soon'"))
    raydeck("config", "check").check(2, f"{raydeck.folder}/clusters.toml: console.refresh_s")
    raydeck("status").check(2, "console.refresh_s")
    (raydeck.folder / "clusters.toml").unlink()
    raydeck("config", "path").check(1, "no clusters.toml; looked in")


def test_as_a_module_and_as_a_command(here):
    command = Path(here.command()[0]).with_name("raydeck")
    if not command.exists():
        pytest.skip("not permitted: raydeck is not installed in this environment")
    ran = subprocess.run([command, "--version"], capture_output=True, text=True, check=True)
    assert ran.stdout == here("--version").text
