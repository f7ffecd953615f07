"""Sending a job so that one key press is one job: an id of our own, and after any trouble a look whether it exists."""

from __future__ import annotations

import asyncio
import copy
import secrets
import string
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct

from console.bundles import Bundle, set_value
from console.clients.dashboard import DashboardClient
from console.clients.submission import Submission, send
from console.errors import NotFoundError, NotSentError, RefusedError, SlowError, SourceError, UntoldError, UsageError
from console.model.cluster import ClusterSpec
from console.model.job import Job
from console.services.shipping import TellShipped, ship, tell_nobody

SUBMIT_TIMEOUT_S = 60.0
_RESTS_S = (0.2, 1.0, 2.0)
_SETTLE_S = 2.0
_ID_CHARACTERS = "".join(sorted(set(string.ascii_letters + string.digits) - set("IloO01")))

Send = Callable[[ClusterSpec, str | None, Submission, float], Awaitable[None]]


class Request(Struct, frozen=True, kw_only=True):
    """What an operator asks to be run. ``env`` and ``runtime_env`` may hold secrets: passed on, never shown or stored.

    ``runtime_env`` is that of a job that is run again; ``metadata`` is added to ours. ``reserved`` is what its
    entrypoint has to itself, by the names of Ray's client (``entrypoint_num_cpus``, …).
    """

    job: str
    command: str
    working_dir: Path | None
    env: Mapping[str, str] = {}
    pip: Sequence[str] = ()
    runtime_env: Mapping[str, Any] = {}
    metadata: Mapping[str, str] = {}
    reserved: Mapping[str, Any] = {}

    def __repr__(self) -> str:
        """Leave the environment out."""
        return f"Request({self.job!r})"


def new_submission_id() -> str:
    """Return an id like Ray's own: ``raysubmit_`` and 16 characters that are told apart when read aloud."""
    return "raysubmit_" + "".join(secrets.choice(_ID_CHARACTERS) for _ in range(16))


def bundle_request(
    bundle: Bundle, document: Mapping[str, Any], spec: ClusterSpec, env: Mapping[str, str], pip: Sequence[str]
) -> Request:
    """Make the request of a bundle for one cluster: parameters checked, Serve's host and port filled in."""
    filled = fill_serve_address(bundle, document, spec)
    bundle.check(filled)
    return Request(job=bundle.name, command=bundle.command(filled), working_dir=bundle.folder, env=env, pip=pip)


def fill_serve_address(bundle: Bundle, document: Mapping[str, Any], spec: ClusterSpec) -> dict[str, Any]:
    """Fill in what the operator left out and the cluster knows: where its Serve listens."""
    filled = copy.deepcopy(dict(document))
    known: dict[str, str | int] = {"serve-host": spec.serve_host, "serve-port": spec.serve_port}
    for name, path in bundle.filled.items():
        section, _, key = path.partition(".")
        if key not in filled.get(section, {}):
            set_value(filled, path, known[name])
    return filled


def with_clusters(bundle: Bundle, document: dict[str, Any], main: ClusterSpec, others: Sequence[ClusterSpec]) -> None:
    """Have the bundle on ``main`` work on ``others``, too: their client addresses become its parameter, in place.

    Raise UsageError when the bundle, or one of the clusters, is not made for that.
    """
    if bundle.others is None:
        raise UsageError(bundle.name, "works on one cluster only", "--with is for jobs such as parallel_clustering")
    names = [other.name for other in others]
    for other in others:
        if other.name == main.name or names.count(other.name) > 1:
            raise UsageError(other.name, "is named twice", "--with names the other clusters, each once")
        if other.client is None:
            raise UsageError(other.name, "has no client address", f"client = as {main.name}'s driver reaches it")
    bundle.others.write_to(document, [other.client for other in others])


async def submit(
    dashboard: DashboardClient,
    token: str | None,
    request: Request,
    *,
    submission_id: str,
    timeout_s: float = SUBMIT_TIMEOUT_S,
    tell: TellShipped = tell_nobody,
    send_submission: Send = send,
) -> Job:
    """Bring the working dir to the head, send the request and return the job as the cluster has it.

    Whatever goes wrong on the way, the cluster is asked whether the job exists: then it is returned. If it does not,
    and the answer was lost or came from a gateway, the same submission is sent again: its id makes that harmless. An
    error means that there is no job; only where that cannot be told, the UntoldError names the id to look for.
    """
    await dashboard.identity()  # a dead address or a wrong token is said in our words, before anything is sent
    runtime_env = await _runtime_env(dashboard, request, tell, timeout_s)
    submission = _submission(request, submission_id, runtime_env)
    attempts = _Attempts(lambda left_s: send_submission(dashboard.spec, token, submission, left_s), timeout_s)
    for rest_s in (*_RESTS_S, 0.0):
        await attempts.send()
        job = await _found(dashboard, submission_id, attempts.doubt or attempts.trouble)
        if job is not None:
            return job
        if attempts.are_over:
            break
        await asyncio.sleep(rest_s)
    return await _late(dashboard, submission_id, attempts)


def _submission(request: Request, submission_id: str, runtime_env: dict[str, Any]) -> Submission:
    return Submission(
        submission_id=submission_id,
        entrypoint=request.command,
        runtime_env=runtime_env,
        metadata={"job_name": request.job, "raydeck_job": request.job} | dict(request.metadata),
        reserved=request.reserved,
    )


class _Attempts:
    """Sending one submission, again and again within its time. ``send`` takes the seconds that are left.

    ``trouble`` is what the last attempt met; ``doubt`` is that something was sent, and what came of it was not told.
    """

    def __init__(self, send: Callable[[float], Awaitable[None]], timeout_s: float) -> None:
        self.trouble: SourceError | None = None
        self.doubt: SourceError | None = None
        self._send = send
        self._elapsed = asyncio.get_running_loop().time
        self._ends_at = self._elapsed() + timeout_s

    async def send(self) -> None:
        """Send it once."""
        try:
            await self._send(max(1.0, self._ends_at - self._elapsed()))
            self.trouble = None
        except SourceError as error:
            self.trouble = error
            self.doubt = self.doubt if isinstance(error, RefusedError | NotSentError) else error

    @property
    def are_over(self) -> bool:
        """Whether another one would change nothing, or comes too late."""
        final = self.trouble is None or isinstance(self.trouble, RefusedError | SlowError)
        return final or self._elapsed() > self._ends_at


async def _found(dashboard: DashboardClient, submission_id: str, trouble: SourceError | None) -> Job | None:
    """Ask for the job, again and again while there is no answer; raise UntoldError when none comes."""
    for rest_s in (*_RESTS_S, None):
        try:
            return await dashboard.job(submission_id)
        except NotFoundError:
            return None
        except SourceError as error:
            if rest_s is None:
                raise _unanswered(submission_id, trouble, error) from error
            await asyncio.sleep(rest_s)
    return None


def _unanswered(submission_id: str, trouble: SourceError | None, error: SourceError) -> SourceError:
    """Return what is told when the head does not say whether it has the job: what was not sent is in no doubt."""
    return trouble if isinstance(trouble, RefusedError | NotSentError) else _untold(submission_id, trouble or error)


async def _late(dashboard: DashboardClient, submission_id: str, attempts: _Attempts) -> Job:
    """Return a job that the head took late; else raise what kept it from being one.

    What was sent and never answered may still be under way inside the head: then nobody can tell.
    """
    if attempts.doubt is None:
        raise attempts.trouble or _vanished(dashboard.spec.name, submission_id)
    await asyncio.sleep(_SETTLE_S)
    job = await _found(dashboard, submission_id, attempts.doubt)
    if job is not None:
        return job
    raise _untold(submission_id, attempts.doubt)


def _untold(submission_id: str, trouble: SourceError) -> UntoldError:
    what = f"cannot tell whether {submission_id} was started: {trouble.what}"
    hint = f"raydeck logs {submission_id} tells it later"
    return UntoldError(trouble.where, what, hint, submission_id=submission_id)


def _vanished(cluster: str, submission_id: str) -> SourceError:
    return SourceError(cluster, f"took {submission_id} and does not know it", "was its head restarted?")


async def _runtime_env(
    dashboard: DashboardClient, request: Request, tell: TellShipped, timeout_s: float
) -> dict[str, Any]:
    environment: dict[str, Any] = dict(request.runtime_env)
    if request.working_dir is not None:
        environment["working_dir"] = await ship(dashboard.packages, request.working_dir, tell, timeout_s)
    if request.env:
        environment["env_vars"] = dict(request.env)
    if request.pip:
        environment["pip"] = list(request.pip)
    return environment
