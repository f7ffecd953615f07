"""The replica of the Serve application ``requests``: what answers ``GET /output`` and ``GET /about``.

It keeps nothing: it passes on what the claim holds. If the driver is killed, the claim ends with it; the replica learns
that and takes the application down itself, so no job's answer outlives the job.
"""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from typing import Annotated, Any

import ray
from fastapi import FastAPI, HTTPException, Query, Response
from ray import serve
from ray.exceptions import ActorUnavailableError, RayActorError

from pipeline.claim import APPLICATION, find_claim

First = Annotated[int, Query(alias="from", ge=0)]
Count = Annotated[int | None, Query(ge=0)]


def running_application() -> Any:
    """Return Serve's status of the application, None where it does not exist."""
    return serve.status().applications.get(APPLICATION)


def deployed_at() -> float | None:
    """Return by what time Serve tells this application from one that replaces it; None where it does not exist."""
    return getattr(running_application(), "last_deployed_time_s", None)


def take_down(deployed: float | None) -> None:
    """Take down the application that was deployed at that time (None: any), but none that has replaced it."""
    found = deployed_at()
    if found is not None and deployed in {None, found}:
        serve.delete(APPLICATION)


def _end_with(claim: Any, submission_id: str) -> None:
    """Take the application down when its job's claim has ended, that is, when the driver is gone."""
    deployed = deployed_at()
    while _holds(claim, submission_id):
        time.sleep(1)  # cut off from it for a while
    take_down(deployed)


def _holds(claim: Any, submission_id: str) -> bool:
    """Wait for the claim's end; return False then, True when only the way to it was lost."""
    if claim is None:
        return False
    try:
        if ray.get(claim.about.remote())["submission_id"] == submission_id:
            ray.get(claim.until_end.remote())
    except ActorUnavailableError:
        return True
    except RayActorError:
        pass
    return False


class Answers:
    """The answers of one job: those that its claim holds, and none once it has ended.

    The claim is found by name: a handle of a job that ended meanwhile would keep a replica from starting for ever.
    """

    def __init__(self, submission_id: str) -> None:
        self._submission_id = submission_id
        self._claim = find_claim()
        threading.Thread(target=_end_with, args=(self._claim, submission_id), daemon=True).start()

    async def output(self, first: First = 0, count: Count = None) -> Response:
        """Answer the document, or the page of it from a summary on; headers say whose it is, and how many there are."""
        document, summaries, _ = await self._answer(first, count)
        if not document:
            raise HTTPException(503, "the job has not published its output yet")
        headers = {"raydeck-submission-id": self._submission_id, "raydeck-summaries": str(summaries)}
        return Response(document, headers=headers, media_type="application/json")

    async def about(self) -> dict[str, Any]:
        """Answer submission id, job name, checksum of the parameters, and when it ends."""
        _, _, about = await self._answer(0, 0)
        return about

    async def _answer(self, first: int, count: int | None) -> tuple[bytes, int, dict[str, Any]]:
        document, summaries, about = b"", 0, {}
        with suppress(RayActorError):
            if self._claim:
                document, summaries, about = await self._claim.answer.remote(first, count)
        if about.get("submission_id") != self._submission_id:
            raise HTTPException(410, "the job that this was has ended")
        return document, summaries, about


def ingress(submission_id: str) -> type:
    """Return the deployment's class for one job. The routes are made in the replica: not every FastAPI can travel."""

    def routes() -> FastAPI:
        answers = Answers(submission_id)
        app = FastAPI()
        app.get("/output")(answers.output)
        app.get("/about")(answers.about)
        return app

    return serve.ingress(routes)()  # type: ignore[no-any-return]  # Ray leaves it untyped
