"""Submission through Ray's own JobSubmissionClient. Ray is imported here, in a thread, and only when a job is sent."""

from __future__ import annotations

import asyncio
import gc
import logging
import re
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from console.errors import NotSentError, RefusedError, ReplyError, SlowError, SourceError, UnreachableError
from console.model.cluster import ClusterSpec

if TYPE_CHECKING:
    import requests
    from ray.job_submission import JobSubmissionClient

_CONNECT_S, _GRACE_S = 5.0, 5.0
# What a head answers with 500 although nothing was started (read in Ray 2.49.2 and 2.60): it found no agent to pass
# the job on to, or its agent said no.
_SAID_NO = re.compile(r"No available agent to submit job|Request failed with status code 4\d\d")


class Submission(Struct, frozen=True, kw_only=True):
    """What is sent. ``submission_id`` is made by us, so that sending it twice can never start two jobs.

    ``runtime_env`` may hold environment variables: it is passed on and never shown, logged or stored. Its working dir
    is on the head already. ``reserved`` is what its entrypoint has to itself, by the SDK's names.
    """

    submission_id: str
    entrypoint: str
    runtime_env: Mapping[str, Any]
    metadata: Mapping[str, str] = {}
    reserved: Mapping[str, Any] = {}

    def __repr__(self) -> str:
        """Leave the runtime environment out: it may hold secrets."""
        return f"Submission({self.submission_id!r})"


class _Deadline:
    """When a submission has to be over; once it is abandoned, nothing more is sent."""

    def __init__(self, timeout_s: float) -> None:
        self._ends_at = time.monotonic() + timeout_s
        self.abandoned = threading.Event()
        self.posted = False
        self.http_status = 0  # of the last answer

    @property
    def is_over(self) -> bool:
        """Return whether there is no time left, but for the moment in which two clocks disagree."""
        return time.monotonic() > self._ends_at - 0.1

    def left_s(self) -> float:
        """Return the seconds left; raise OSError when there are none."""
        left = self._ends_at - time.monotonic()
        if left <= 0 or self.abandoned.is_set():
            msg = "the time for this submission is over"
            raise OSError(msg)
        return left


async def send(spec: ClusterSpec, token: str | None, submission: Submission, timeout_s: float) -> None:
    """Send a submission. RefusedError: the head said no; NotSentError: it never left; others do not say.

    When this returns, however it does, nothing of it is sent any more: a request that hangs ends with the deadline.
    """
    deadline = _Deadline(timeout_s)
    sending = _in_thread(lambda: _send(spec, token, submission, deadline))
    try:
        async with asyncio.timeout(timeout_s):
            await asyncio.shield(sending)
    except TimeoutError as error:
        deadline.abandoned.set()
        await asyncio.wait({sending}, timeout=_GRACE_S)
        kind: type[SourceError] = SlowError if deadline.posted else NotSentError
        raise kind(spec.name, f"the submission was not answered within {timeout_s:g} s") from error
    finally:
        deadline.abandoned.set()


def _send(spec: ClusterSpec, token: str | None, submission: Submission, deadline: _Deadline) -> None:
    client_class = _client_class(token, deadline)
    gc.freeze()  # what the SDK has made stays, and need not be walked at each garbage collection while keys wait
    # The SDK logs each upload to standard error, which the full-screen console owns; its modules set levels of their
    # own, so the one handler that all of them share is silenced.
    for handler in logging.getLogger("ray").handlers:
        handler.setLevel(logging.CRITICAL)
    try:
        client = client_class(spec.dashboard)
        client.submit_job(
            entrypoint=submission.entrypoint,
            submission_id=submission.submission_id,
            runtime_env=dict(submission.runtime_env),
            metadata=dict(submission.metadata),
            **submission.reserved,
        )
    except OSError as error:  # what requests raises is one, and the SDK's ConnectionError, too
        if not deadline.posted:
            raise NotSentError(spec.name, "the connection was lost before the job was submitted") from error
        if deadline.is_over:
            raise SlowError(spec.name, "the submission was not answered in time") from error
        raise UnreachableError(spec.name, "the connection was lost while the job was submitted") from error
    except Exception as error:  # the SDK raises RuntimeError for each answer that is no success, and ValueError
        raise _answered(spec.name, str(error), deadline) from error


def _answered(cluster: str, said: str, deadline: _Deadline) -> SourceError:
    """Return what an answer that is no success means: a gateway's 5xx does not say what became of the job behind it."""
    what = f"the submission failed: {_cause(said)}"
    status = deadline.http_status
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR and _SAID_NO.search(said) is None:
        return ReplyError(cluster, what, http_status=status) if deadline.posted else NotSentError(cluster, what)
    if deadline.posted and status < HTTPStatus.BAD_REQUEST:  # a success that the SDK cannot read
        return UnreachableError(cluster, what)
    return RefusedError(cluster, what, http_status=status)


def _cause(said: str) -> str:
    """Return an answer in a line; of a traceback that a head sends also the error at its end."""
    lines = [line.strip() for line in said.strip().splitlines() if line.strip()]
    first = lines[0][:200] if lines else "it does not say why"
    return f"{first} {lines[-1][:200]}" if len(lines) > 1 and "Traceback" in said else first


def _client_class(token: str | None, deadline: _Deadline) -> type[JobSubmissionClient]:
    """Return Ray's client with requests of our own: each has a deadline, and brings this cluster's token or none.

    Ray's own requests have no deadline, add the token of ``RAY_AUTH_TOKEN`` to whatever cluster is asked, and go
    through a proxy that the environment names.
    """
    from ray.job_submission import JobSubmissionClient  # noqa: PLC0415 -- 0.6 s and 50 MB, paid only by a submission

    class DeadlinedClient(JobSubmissionClient):
        def _do_request(
            self, method: str, endpoint: str, *, data: bytes | None = None, json_data: object = None, **asked: Any
        ) -> requests.Response:
            timeout = (_CONNECT_S, deadline.left_s())
            deadline.posted = deadline.posted or method == "POST"
            deadline.http_status = 0
            asked |= {"data": data, "json": json_data, "timeout": timeout, "allow_redirects": False}
            with _session(self._address, token) as session:
                answer = session.request(method, self._address + endpoint, **asked)
            deadline.http_status = answer.status_code
            return answer

    return DeadlinedClient


def _session(address: str, token: str | None) -> requests.Session:
    """Return a session that knows no proxy and no .netrc, and trusts whom the system trusts, as our other clients."""
    import requests  # noqa: PLC0415 -- 60 ms

    class SystemTrust(requests.adapters.HTTPAdapter):
        def init_poolmanager(self, *args: Any, **options: Any) -> None:
            super().init_poolmanager(*args, ssl_context=ssl.create_default_context(), **options)

    session = requests.Session()
    session.trust_env = False
    if token is not None:
        session.headers["Authorization"] = f"Bearer {token}"
    if address.startswith("https:"):
        session.mount("https://", SystemTrust())
    return session


def _in_thread(work: Callable[[], None]) -> asyncio.Future[None]:
    """Run blocking work in a daemon thread: a hung one must not hold up the exit."""
    done: Future[None] = Future()

    def run() -> None:
        if not done.set_running_or_notify_cancel():
            return
        try:
            work()
        except BaseException as error:
            done.set_exception(error)
        else:
            done.set_result(None)

    threading.Thread(target=run, name="submission", daemon=True).start()
    return asyncio.wrap_future(done)
