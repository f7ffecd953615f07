"""The claim: at most one job of a cluster holds the application name ``requests``, and only as long as it lives.

A named actor is the claim: the cluster grants a name to one actor only, and ends the actor with its driver, however
that ends. It also keeps what is served, so that nothing is answered in the name of a job that is gone.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any, NamedTuple, cast

import ray
from ray.exceptions import GetTimeoutError, RayActorError

from pipeline.errors import JobError
from pipeline.output import Document

APPLICATION = "requests"
NAMESPACE = "raydeck"
PATIENCE_S = 8.0  # the claim of a job that was just ended is gone by then


class Claim:
    """The actor. ``about`` says whose it is; ``document`` is None until it is published."""

    def __init__(self, about: dict[str, Any]) -> None:
        self._about = about
        self._document: Document | None = None

    async def about(self) -> dict[str, Any]:
        """Return submission id, job name, checksum of the parameters, and when it ends (None: not ready yet)."""
        return self._about

    async def publish(self, document: Document, ends_at: str) -> None:
        """Make ``document`` the answer."""
        self._document = document
        self._about = {**self._about, "ends_at": ends_at}

    async def answer(self, first: int, count: int | None) -> tuple[bytes, int, dict[str, Any]]:
        """Return the page of ``count`` summaries from ``first`` on (None: all the rest), how many there are, and whose.

        The page is empty before the document is published.
        """
        document = self._document
        if document is None:
            return b"", 0, self._about
        return document.page(first, document.total if count is None else count), document.total, self._about

    async def until_end(self) -> None:
        """Never return: who waits for this learns when the claim ends, by the error."""
        await asyncio.Event().wait()


class Holding(NamedTuple):
    """The claim in the hands of the job that has it."""

    claim: Any
    submission_id: str


def take_claim(about: dict[str, Any]) -> Holding:
    """Take the claim for the job that ``about`` tells of. Raise JobError naming the holder when another job has it."""
    give_up_at = time.monotonic() + PATIENCE_S
    while True:
        try:
            actor = ray.remote(Claim).options(num_cpus=0, name=APPLICATION, namespace=NAMESPACE)
            return Holding(actor.remote(about), about["submission_id"])
        except ValueError:  # Ray's word for a name that is taken
            holder = _holder()
        if holder is not None:
            raise JobError(f"the application '{APPLICATION}' is held by {_holder_words(holder)}")
        if time.monotonic() > give_up_at:
            raise JobError(f"the application '{APPLICATION}' is held by a job that does not answer")
        time.sleep(0.2)


def _holder_words(about: dict[str, Any]) -> str:
    """Return the words for who holds the name, from what ``about`` answered."""
    until = about.get("ends_at")
    state = f"serving until {until}" if until else "not ready yet"
    return f"job {about.get('submission_id')} ({about.get('job')}), {state}: wait for its end or stop it"


def find_claim() -> Any:
    """Return the claim that exists now, whosever it is; None when there is none."""
    try:
        return ray.get_actor(APPLICATION, namespace=NAMESPACE)
    except ValueError:
        return None


def _holder() -> dict[str, Any] | None:
    """Return who holds the claim; None when that is just ending."""
    claim = find_claim()
    try:
        return cast("dict[str, Any]", ray.get(claim.about.remote(), timeout=5)) if claim else None
    except (RayActorError, GetTimeoutError):
        return None
