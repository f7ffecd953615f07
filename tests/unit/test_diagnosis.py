"""Why a job waits or failed: the causes are told apart by what real heads of 2.49.2 and 2.60 say."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.model.diagnosis import DeadNode, Demand, Evidence
from console.model.job import Job
from console.services.diagnosis import diagnose

GIB = 1024**3
FAILED = "Job entrypoint command failed with exit code {}, last available logs (truncated to 20,000 chars):\n{}"
OOM_260 = (
    "ray.exceptions.OutOfMemoryError: 1 worker(s) were killed due to the node running low on memory. \n"
    "Memory on the node (IP: 192.0.2.2, ID: 1264a2b6) was 5.11GB used / 5.10GB limit (0.217). Top 10 memory users: …"
)
OOM_249 = (
    "ray.exceptions.OutOfMemoryError: Task was killed due to the node running low on memory.\n"
    "Memory on the node (IP: 172.29.0.2, ID: aa41) where the task (task ID: 3ad7, name=preprocess, pid=12, memory used="
    "1.92GB) was running was 3.81GB / 4.00GB (0.9525), which exceeds the memory usage threshold of 0.95."
)


def job(status: str = "FAILED", message: str = "", **fields) -> Job:
    given_fields = {"submission_id": "raysubmit_x", "job_id": "01000000"} | fields
    return Job(
        cluster="c", type="SUBMISSION", status=status, entrypoint="python x.py", start_time=100.0,
        end_time=None if status in {"RUNNING", "PENDING"} else 200.0, message=message, **given_fields,
    )  # fmt: skip


def of(message: str = "", status: str = "FAILED", log: str | None = None, **fields):
    return diagnose(Evidence(job=job(status, message, **fields), log=log))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (OOM_260, "out of memory on node 192.0.2.2: 5.11 GB used of 5.10 GB"),
        (OOM_249, "out of memory on node 172.29.0.2: 3.81 GB used of 4.00 GB"),
    ],
)
def test_out_of_memory_names_node_peak_and_limit_from_message_or_log(text: str, words: str) -> None:
    for found in (of(FAILED.format(1, text)), of(FAILED.format(1, "Refer to the documentation"), log=text)):
        assert (found.cause, found.headline) == ("out of memory", words)


def test_a_driver_that_was_killed_is_not_said_to_have_ended_by_itself() -> None:
    found = of(FAILED.format(137, "Killed"), driver_exit_code=137, driver_node_id="1264a2b6a9b437374b86")
    assert found.cause == "out of memory"
    assert found.headline.startswith("the driver was killed (SIGKILL) on node 1264a2b6a9b4: by the system for want of")


def test_a_missing_module_is_named_with_what_to_type() -> None:
    found = of(FAILED.format(1, "Traceback…\nModuleNotFoundError: No module named 'numpy.linalg'\n"))
    assert (found.cause, found.headline) == ("missing module", "the module numpy.linalg is not there")
    assert found.hint.startswith("submit with --pip numpy,")


def test_a_runtime_environment_that_could_not_be_made_tells_its_last_line() -> None:
    message = "runtime_env setup failed: Failed to set up…\nTraceback…\nOSError: Failed to download package gcs://x.zip"
    for error_type in ("RUNTIME_ENV_SETUP_FAILURE", ""):
        found = of(message, error_type=error_type)
        assert found.cause == "runtime environment"
        assert found.headline.endswith("OSError: Failed to download package gcs://x.zip")


DEAD = (
    DeadNode("aa41" * 14, "10.0.3.8", 150.0, "health check failed"),
    DeadNode("bb52" * 14, "10.0.3.7", 50.0, "old"),
)
TRACEBACK = 'Traceback (most recent call last):\n  File "x.py", line 3, in <module>\n    work()\n'
LOST = (
    "ray.exceptions.ActorDiedError: The actor died unexpectedly before finishing this task.\n"
    "\tclass_name: Worker\n\tip: 10.0.3.8\nThe actor is dead because its node has died. Node Id: " + "aa41" * 14 + "\n"
    "\tthe actor's node was terminated unexpectedly: health check failed\n"
)


def ended(log: str, code: int = 1, *, dead: tuple[DeadNode, ...] = DEAD, **fields):
    message = FAILED.format(code, log[-300:])
    return diagnose(Evidence(job=job(message=message, driver_exit_code=code, **fields), log=log, dead_nodes=dead))


def test_a_node_that_the_ending_names_and_that_died_meanwhile_is_the_cause() -> None:
    found = ended(TRACEBACK + LOST)
    assert (found.cause, found.headline) == ("lost node", "node 10.0.3.8 was lost while the job ran")
    assert found.details == ("health check failed",)
    assert ended(TRACEBACK + LOST, dead=()).headline.startswith("a node was lost: The actor is dead because its node")


def test_the_driver_s_own_node_is_the_cause_when_ray_lost_sight_of_the_driver() -> None:
    died = "Job supervisor actor died: The actor died because its node has died. Node Id: 12, the node was terminated"
    of_supervisor = {"error_type": "JOB_SUPERVISOR_ACTOR_DIED"}
    assert of(died, **of_supervisor).cause == "lost node"
    lost = job(message="Unexpected error", driver_node_id=DEAD[0].node_id, **of_supervisor)
    assert diagnose(Evidence(job=lost, dead_nodes=DEAD)).headline == "node 10.0.3.8 was lost while the job ran"


@pytest.mark.parametrize(
    "error",
    [
        "AssertionError: node 7 of the tree died",
        'ray.exceptions.RayTaskError(ValueError): ray::work() (pid=9, ip=10.0.3.8)\n  File "x.py"\nValueError: no',
        (
            "ray.exceptions.ActorDiedError: The actor died because of an error raised in its creation task, "
            'ray::A.__init__() (pid=1, ip=10.0.3.8, repr=<x.A>)\n  File "x.py", line 5, in __init__\nValueError: no'
        ),
    ],
)
def test_a_fault_of_the_program_s_own_is_no_lost_node_although_an_idle_one_was_taken_away(error: str) -> None:
    found = ended(TRACEBACK + error + "\n")
    assert (found.cause, found.headline) == ("exit code", "the entrypoint ended with exit code 1")
    assert found.details[0] == "beside it, node 10.0.3.8 was lost while the job ran"


def test_what_was_caught_before_is_not_what_ended_it() -> None:
    caught = TRACEBACK + "ModuleNotFoundError: No module named 'orjson'\ngoing on without\n"
    assert ended(caught + TRACEBACK + "KeyError: 'amount'\n").cause == "exit code"
    assert ended(caught, code=3).cause == "exit code"
    assert ended(TRACEBACK + OOM_260 + "\nretried\n" + TRACEBACK + "KeyError: 'amount'\n").cause == "exit code"
    during = "\nDuring handling of the above exception, another exception occurred:\n\n"
    assert ended(caught + during + TRACEBACK + "RuntimeError: no module\n").cause == "exit code"
    noise = "(raylet) a line of somebody else's\n(work pid=12, ip=10.0.3.8) another\n"
    assert ended(TRACEBACK + "ModuleNotFoundError: No module named 'orjson'\n" + noise).cause == "missing module"
    assert ended("/usr/bin/python3: No module named nothing.there\n").cause == "missing module"


def test_a_worker_that_ended_is_told_without_a_cause_that_nobody_knows() -> None:
    died = "ray.exceptions.WorkerCrashedError: The worker died unexpectedly while executing this task.\n"
    ray_guesses = (
        "Worker unexpectedly exits. (1) The process is killed by SIGKILL by OOM killer due to high memory usage."
    )
    found = ended(TRACEBACK + died + ray_guesses)
    assert found.cause == "lost worker"


@pytest.mark.parametrize(
    ("last", "cause"),
    [
        (OOM_249.partition(": ")[2].replace("\n", " "), "out of memory"),
        ("NumPy is missing on this cluster; submit the job with it: raydeck submit --pip numpy", "missing module"),
        ("ModuleNotFoundError(\"No module named 'torch'\")", "missing module"),
        ("The actor died unexpectedly. The actor is dead because its node has died. Node Id: aa41", "lost node"),
        ("The actor died because of an error raised in its creation task, ValueError: node died", "exit code"),
        ("TimeoutError: nothing came", "exit code"),
    ],
)
def test_a_bundled_job_tells_its_cause_in_its_last_line(last: str, cause: str) -> None:
    log = f"12:00:01 begins\n12:00:02 parallel_processing failed: {last}\n"
    assert ended(log, dead=(), metadata={"raydeck_job": "parallel_processing"}).cause == cause


def test_the_line_by_which_ray_begins_a_log_is_not_the_program_s_last() -> None:
    said = "12:00:02 parallel_processing failed: ModuleNotFoundError(\"No module named 'torch'\")"
    log = f"{said}\nRunning entrypoint for job raysubmit_1: python parallel_processing.py\n"
    assert ended(log, dead=(), metadata={"raydeck_job": "parallel_processing"}).cause == "missing module"


def test_an_exit_code_shows_the_last_lines() -> None:
    found = of(FAILED.format(3, "a\nb\n"), driver_exit_code=3)
    assert (found.cause, found.headline) == ("exit code", "the entrypoint ended with exit code 3")
    assert found.details[-2:] == ("a", "b")


def test_waiting_tasks_are_told_with_demand_against_what_is_free() -> None:
    found = diagnose(
        Evidence(
            job=job("RUNNING", "Job is currently running."),
            usage={"CPU": (5.0, 6.0), "memory": (0.0, 4 * GIB), "myKind": (0.0, 1.0)},
            largest={"CPU": 3.0, "memory": 4.0 * GIB, "my_kind": 1.0},
            waiting=(
                Demand({"CPU": 100.0}, 1, "huge"),
                Demand({"CPU": 5.0}, 1, "wide"),
                Demand({"CPU": 2.0, "memory": GIB}, 3, "wait"),
                Demand({"my_kind": 1.0}, 1, "odd"),
                Demand({"GPU": 1.0}, 1),
            ),
        )
    )
    assert found.cause == "waits for resources"
    assert found.details == (
        "huge: 100 CPU: never: the cluster has 6 CPU in all",
        "wide: 5 CPU: never: no node has more than 3 CPU",
        "wait: 3 x 2 CPU and 1 GiB memory: waits: 1 CPU free",
        "odd: 1 my_kind: it could start now",
        "1 GPU: never: the cluster has 0 GPU in all",
    )


def test_what_is_not_known_is_not_made_up() -> None:
    found = of(status="PENDING", message="Job has not started yet.")
    assert (found.cause, found.headline, found.details) == ("starts", "Job has not started yet.", ())
    for usage in (None, {}):
        unknown = diagnose(Evidence(job=job("RUNNING"), waiting=(Demand({"CPU": 1.0}, 1),), usage=usage))
        assert unknown.details == ("1 CPU: what is free is not known",)
    assert of(status="RUNNING").cause == "runs"
    assert of(status="SUCCEEDED").cause == "succeeded"
    assert of(status="STOPPED").cause == "stopped"
    assert of(submission_id=None).cause == "driver"
    assert of("", status="FAILED").headline == "Ray does not say why"


@settings(deadline=None, max_examples=200)
@given(
    message=st.text(max_size=400), log=st.none() | st.text(max_size=400), status=st.sampled_from(["FAILED", "PENDING"])
)
def test_any_message_gives_a_bounded_diagnosis(message: str, log: str | None, status: str) -> None:
    found = of(message, status, log)
    assert len(found.headline) < 500
    assert all(len(detail) <= 300 for detail in found.details)
