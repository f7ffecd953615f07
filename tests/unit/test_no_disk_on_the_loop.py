"""No file is opened on the event loop while a job is sent, and its output is looked for, fetched and kept."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from console.clients.submission import Submission
from console.model.cluster import ClusterSpec
from console.services import sending
from console.services.attend import OutputKept, attend
from console.services.job_outputs import output_of
from console.services.sending import remember_parameters, send_bundle
from console.services.submit import Send
from tests.fakes.head import FakeHead
from tests.pilot.scenes import output_document
from tests.unit.test_output_fetch import JOB, head_and_core

_watched: dict[str, list[str]] = {}  # by folder: a hook stays for the life of its interpreter, so there is one


def _hook(event: str, arguments: tuple[object, ...]) -> None:
    if event not in {"open", "os.listdir", "os.scandir"} or not _watched:
        return
    if threading.current_thread() is threading.main_thread():
        for folder, opened in _watched.items():
            if str(arguments[0]).startswith(folder):
                opened.append(str(arguments[0]))


sys.addaudithook(_hook)


@contextmanager
def watched(*folders: Path) -> Iterator[list[str]]:
    """What the main thread, which runs the loop, opens in these folders meanwhile."""
    opened: list[str] = []
    _watched.update({str(folder): opened for folder in folders})
    try:
        yield opened
    finally:
        _watched.clear()


def test_an_output_is_kept_and_found_again_without_the_loop_touching_the_disk(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with head_and_core(tmp_path) as (head, core):
            head.document = output_document()
            head.logs[JOB] = b"said\n"
            head.end(JOB, "SUCCEEDED")
            job = await core.fleet.dashboard("local-1").job(JOB)
            with watched(tmp_path, core.bundle("parallel_processing").folder) as opened:
                events = [event async for event in attend(core, job, 10)]
                assert any(isinstance(event, OutputKept) for event in events)
                assert (await output_of(core, job)).submission_id == JOB
            assert core.shelf.find(JOB) is not None
            assert opened == []

    asyncio.run(scenario())


def test_a_job_is_sent_without_the_loop_touching_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        async with head_and_core(tmp_path) as (head, core):
            bundle = core.bundle("parallel_processing")
            monkeypatch.setattr(sending, "send", taken_by(head))
            with watched(tmp_path, bundle.folder) as opened:
                job = await send_bundle(core, "local-1", bundle, bundle.defaults(), {}, ())
                await remember_parameters(core, bundle, bundle.defaults())
            assert core.sent.working_dir(job.id) == bundle.folder
            assert core.parameters.names(bundle) == ("last",)
            assert opened == []

    asyncio.run(scenario())


def taken_by(head: FakeHead) -> Send:
    """Ray's SDK is imported by the first submission, in a thread of its own; this head takes the job without it."""

    async def send(*asked: ClusterSpec | str | Submission | float | None) -> None:
        (submission,) = (each for each in asked if isinstance(each, Submission))
        head.add_job(submission.submission_id, "PENDING")

    return send
