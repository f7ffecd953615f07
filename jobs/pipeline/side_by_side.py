"""The pipeline and its Serve application, made at the same time; then the output is published, and served a while."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import as_completed
from datetime import UTC, datetime, timedelta
from typing import Any

import ray

from pipeline.background import in_background
from pipeline.claim import APPLICATION, Holding
from pipeline.errors import JobError
from pipeline.log import say
from pipeline.output import Document, marked_line
from pipeline.parameters import Parameters
from pipeline.serving import Application
from pipeline.waiting import first_finished

HEAD_START_S = 2.0  # for the replica, which takes longest: Ray starts a process a CPU at a time, and it would queue


def serve_made(given: Parameters, holding: Holding, make: Callable[[], Document]) -> None:
    """Run ``make`` while Serve starts, and serve what it made. What fails first is raised; nothing waits for the other.

    Raise JobError when another application or another listener is in the way.
    """
    application = Application(holding, given.serve_host, given.serve_port)
    opened = in_background(application.open)
    application.starting.wait(HEAD_START_S)
    made = in_background(make)
    try:
        for each in as_completed((made, opened)):
            each.result()
        say(marked_line(made.result().whole()))
        _publish(holding.claim, made.result(), opened.result(), given.serve_s)
    finally:
        application.close()
    say("Took the application down")


def _publish(claim: Any, document: Document, address: str, serve_s: int) -> None:
    """Publish ``document`` and keep it served for ``serve_s``. Raise JobError when the claim is lost meanwhile."""
    ends_at = datetime.now(UTC) + timedelta(seconds=serve_s)
    ray.get(claim.publish.remote(document, ends_at.isoformat(timespec="seconds")))
    say(f"Application '{APPLICATION}' is ready at {address}")
    say(f"Serving the output for {serve_s} s")
    if first_finished([claim.until_end.remote()], serve_s) is not None:
        raise JobError("the node that kept the output was lost, so it is not served any more")
