"""How a job makes way, opens and takes down its Serve application, with a Serve that only keeps the record of it."""

import threading
import time
from types import SimpleNamespace

import pytest
from pipeline import replica, serving, side_by_side
from pipeline.claim import Holding
from pipeline.errors import JobError

from tests.unit.jobs.test_job_distribution import parameters

OURS = serving.DEPLOYMENT


def told(status, *deployments, deployed=1.0):
    """What Serve tells of the application at one time."""
    return SimpleNamespace(status=status, deployments=dict.fromkeys(deployments), last_deployed_time_s=deployed)


class RecordedServe:
    """Tells one record after the other, the last one for ever; a deletion is noted and ends the application."""

    def __init__(self, *records):
        self.records, self.deleted = list(records), 0

    def status(self):
        record = self.records.pop(0) if len(self.records) > 1 else self.records[0]
        return SimpleNamespace(applications={} if record is None else {"requests": record})

    def delete(self, name):
        assert name == "requests"
        self.deleted += 1
        self.records = [None]


@pytest.fixture
def recorded(monkeypatch):
    """``recorded(records…)`` stands in for Serve."""

    def record(*records):
        serve = RecordedServe(*records)
        for module in (replica, serving):
            monkeypatch.setattr(module, "serve", serve)
        return serve

    return record


def test_our_own_application_that_is_just_ending_is_no_strangers(recorded):
    """While Serve deletes an application it tells of no deployments of it."""
    serve = recorded(told("DELETING"))
    serving._make_way()
    assert serve.deleted == 1


@pytest.mark.parametrize("status", ["RUNNING", "DEPLOYING", "UNHEALTHY"])
def test_what_a_killed_job_left_is_taken_down(recorded, capsys, status):
    serve = recorded(told(status, OURS))
    serving._make_way()
    assert serve.deleted == 1
    assert "Taking down the application of a job that was killed" in capsys.readouterr().out


def test_one_that_is_just_made_is_judged_when_its_deployments_are_known(recorded):
    assert recorded(told("DEPLOYING"), told("DEPLOYING"), None).deleted == 0
    serving._make_way()
    serve = recorded(told("DEPLOYING"), told("DEPLOYING", "theirs"))
    with pytest.raises(JobError, match="not of these jobs"):
        serving._make_way()
    assert serve.deleted == 0


def test_only_the_application_that_was_deployed_then_is_taken_down(recorded):
    serve = recorded(told("RUNNING", OURS, deployed=2.0))
    replica.take_down(1.0)
    assert serve.deleted == 0
    replica.take_down(2.0)
    assert serve.deleted == 1
    replica.take_down(2.0)
    assert serve.deleted == 1


def waiting():
    return serving.Application(Holding(None, "id"), "127.0.0.1", 1)


def replicas(message="", **states):
    return {OURS: SimpleNamespace(message=message, replica_states=states)}


def test_a_replica_is_waited_for_until_it_runs_and_it_is_told_when_it_starts(recorded):
    application, asked, starts = waiting(), told("DEPLOYING"), told("DEPLOYING")
    asked.deployments, starts.deployments = replicas(), replicas(STARTING=1)
    recorded(asked, asked, told("RUNNING", OURS))
    application._wait_until_running()
    assert not application.starting.is_set()
    recorded(asked, starts, told("RUNNING", OURS))
    application._wait_until_running()
    assert application.starting.is_set()


@pytest.mark.parametrize(("last", "words"), [(None, "somebody else took it down"), ("DEPLOY_FAILED", "no such module")])
def test_a_replica_that_fails_or_is_taken_down_is_told(recorded, last, words):
    failed = None if last is None else told(last)
    if failed is not None:
        failed.deployments = replicas("Traceback\nno such module")
    recorded(failed)
    with pytest.raises(JobError, match=words):
        waiting()._wait_until_running()


@pytest.fixture
def opening(monkeypatch):
    """``opening(open)`` is an application that is opened by ``open``; ``closed`` tells that it was taken down."""

    def make(open_it):
        closed = threading.Event()
        application = SimpleNamespace(open=open_it, close=closed.set, closed=closed, starting=threading.Event())
        monkeypatch.setattr(side_by_side, "Application", lambda *_: application)
        return application

    return make


def failing(words):
    raise JobError(words)


@pytest.mark.parametrize("first", ["pipeline", "Serve"])
def test_what_fails_first_is_said_while_the_other_goes_on(opening, first):
    released = threading.Event()
    steps = {first: lambda: failing(f"the {first} failed")}
    hang = lambda: released.wait(60)  # noqa: E731 -- a step like the others
    application = opening(steps.get("Serve", hang))
    began_at = time.monotonic()
    with pytest.raises(JobError, match=f"the {first} failed"):
        side_by_side.serve_made(parameters(), Holding(None, "id"), steps.get("pipeline", hang))
    assert time.monotonic() - began_at < 30
    assert application.closed.is_set()
    released.set()


def test_the_replica_is_asked_for_before_the_pipeline_begins(opening, monkeypatch):
    """It takes longest to start, and each process of the pipeline delays it where cores are few."""
    monkeypatch.setattr(side_by_side, "HEAD_START_S", 60.0)  # nothing waits for it, and a busy machine may need more
    order = []

    def open_it():
        time.sleep(0.1)
        order.append("starting")
        application.starting.set()
        threading.Event().wait(60)

    def make():
        order.append("begun")
        failing("enough")

    application = opening(open_it)
    with pytest.raises(JobError, match="enough"):
        side_by_side.serve_made(parameters(), Holding(None, "id"), make)
    assert order == ["starting", "begun"]
