"""The dashboard's HTTP API: who answers, its nodes, its logical resources, its jobs and their logs.

Read on Ray 2.49.2 and 2.60. Environment variables of jobs are never decoded, so nothing behind this file can show,
log or keep them.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

import msgspec

from console.clients import node_summary, reserved, waiting
from console.clients.http import Call, Connections, Reply, exchange, open_stream, status_error
from console.clients.job_reply import JobReply
from console.clients.packages import PackageStore
from console.errors import AuthError, ConfigError, NotFoundError, NotRayError
from console.model.cluster import ClusterSpec, FreeResources, Identity, Node
from console.model.diagnosis import Demand, Resources
from console.model.job import Job
from console.model.serve import ServeStatus

if TYPE_CHECKING:
    import httpx

Decoded = TypeVar("Decoded")
_LONG_BYTES = 256 * 1024  # longer lists are decoded beside the event loop
_UNKNOWN_JOB = re.compile(rb"\s*Job .* does not exist\.?\s*", re.DOTALL)


class _Version(msgspec.Struct):
    ray_version: str
    session_name: str = ""


class SecretRuntimeEnv(msgspec.Struct):
    """The runtime environment of one job as it was submitted, environment variables in clear."""

    runtime_env: dict[str, Any] | None = None

    def __repr__(self) -> str:
        """Show nothing of it."""
        return "SecretRuntimeEnv()"


class _LoadMetrics(msgspec.Struct):
    usage: dict[str, Any] = {}


class _ClusterStatus(msgspec.Struct, rename="camel"):
    load_metrics_report: _LoadMetrics | None = None
    time: float | None = None


class _StatusBody(msgspec.Struct, rename="camel"):
    cluster_status: _ClusterStatus | None = None


class _StatusReply(msgspec.Struct):
    data: _StatusBody


class _Metadata(msgspec.Struct, rename="camel"):
    python_version: str


class _MetadataReply(msgspec.Struct):
    data: _Metadata


class _StopReply(msgspec.Struct):
    stopped: bool


class DashboardClient:
    """One cluster's dashboard. Every call has a deadline and raises a SourceError or returns model values.

    ``token_again`` is given when its token could not be read: it is called before each question, raises the same
    ConfigError while the token still cannot be read, and until it returns nothing is asked.
    """

    def __init__(
        self,
        spec: ClusterSpec,
        token: str | None,
        *,
        timeout_s: float = 5.0,
        token_again: Callable[[], str | None] | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.spec = spec
        self.token_again = token_again
        self._timeout_s = timeout_s
        self.connections = Connections(spec.dashboard, token, transport)

    @property
    def http(self) -> httpx.AsyncClient:
        """Return the client of the connections."""
        return self.connections.client

    @property
    def packages(self) -> PackageStore:
        """Return the packages that the head keeps."""
        return PackageStore(self.http, self.spec.name)

    async def close(self) -> None:
        """Close the connections."""
        await self.connections.close()

    def become(self, other: DashboardClient) -> Awaitable[None]:
        """Take another client's cluster and connections over, so that whoever holds this one goes on there.

        Where the address and the token's place are the same, what is under way goes on undisturbed. To await what is
        returned closes the connections that are left over.
        """
        same = (self.spec.dashboard, self.spec.auth_token_file) == (other.spec.dashboard, other.spec.auth_token_file)
        self.spec = other.spec
        if not same:
            self.connections, other.connections = other.connections, self.connections
            self.token_again = other.token_again
        return other.close()

    async def identity(self) -> Identity:
        """Ask ``/api/version``: 3 ms, and the session name changes at each start of the head."""
        found = await self._get("/api/version", _Version)
        return Identity(found.ray_version, found.session_name)

    async def nodes(self) -> tuple[Node, ...]:
        """Ask ``/nodes?view=summary``: real figures per node, which the head itself renews every 5 to 15 s.

        Past the head's cache: that hands out its last answer however old it is, minutes after a pause, while it makes
        a new one for whoever asks next (``aiohttp_cache``, read and seen in Ray 2.60).
        """
        reply = await self._ok("GET", "/nodes", params={"view": "summary", "nocache": 1})
        return node_summary.decode(reply.body, self.spec.name)

    async def python_version(self) -> str:
        """Ask ``/api/v0/cluster_metadata`` for the version of Python that the head runs, such as ``3.11.7``."""
        return (await self._get("/api/v0/cluster_metadata", _MetadataReply)).data.python_version

    async def resources(self) -> Resources:
        """Ask ``/api/cluster_status`` for all logical resources and everything that waits for some."""
        found = await self._get("/api/cluster_status", waiting.StatusReply)
        return waiting.resources(found)

    async def waiting_tasks(self, job_id: str) -> tuple[Demand, ...]:
        """Ask the state API for the tasks of a job (its job id) that have no node yet, those of a kind together."""
        reply = await self._ok("GET", "/api/v0/tasks", params=waiting.question(job_id))
        return waiting.tasks(self._decode(reply, waiting.TasksReply))

    async def reserved(self, job_id: str) -> Mapping[str, Any] | None:
        """Ask the state API what a submission's entrypoint has to itself; None when that is not known any more."""
        reply = await self._ok("GET", "/api/v0/actors", params=reserved.question(job_id))
        return reserved.reserved(self._decode(reply, reserved.ActorsReply), job_id)

    async def free(self) -> FreeResources | None:
        """Ask ``/api/cluster_status`` for what Ray would still hand out; None while a starting head does not know."""
        found = await self._get("/api/cluster_status", _StatusReply)
        status = found.data.cluster_status
        if status is None or status.load_metrics_report is None or not (usage := status.load_metrics_report.usage):
            return None
        return FreeResources(_free(usage, "CPU"), _free(usage, "memory"), _free(usage, "GPU"), status.time)

    async def jobs(self) -> tuple[Job, ...]:
        """Ask for all jobs that the head remembers; the API has no pages."""
        reply = await self._ok("GET", "/api/jobs/")
        if len(reply.body) > _LONG_BYTES:
            return await asyncio.to_thread(self._decoded_jobs, reply)
        return self._decoded_jobs(reply)

    def _decoded_jobs(self, reply: Reply) -> tuple[Job, ...]:
        return tuple(found.job(self.spec.name) for found in self._decode(reply, list[JobReply]))

    async def job(self, job_id: str) -> Job:
        """Ask for one job; raise NotFoundError when the head says that it does not know it."""
        path = f"/api/jobs/{quote(job_id, safe='')}"
        reply = self._of_a_known_job(job_id, await self._exchange("GET", path))
        return self._decode(reply, JobReply).job(self.spec.name)

    async def runtime_env(self, job_id: str) -> SecretRuntimeEnv:
        """Ask for the runtime environment of a job, secrets in clear: to be passed on, and for nothing else."""
        path = f"/api/jobs/{quote(job_id, safe='')}"
        return await self._get(path, SecretRuntimeEnv)

    async def stop(self, job_id: str) -> bool:
        """Ask Ray to stop a job. True is only what Ray said: it may do nothing, so verify by the status."""
        path = f"/api/jobs/{quote(job_id, safe='')}/stop"
        reply = self._of_a_known_job(job_id, await self._exchange("POST", path))
        return self._decode(reply, _StopReply).stopped

    async def serve_status(self) -> ServeStatus:
        """Ask for the Serve applications; the first time takes a head over a second."""
        return await self._get("/api/serve/applications/", ServeStatus)

    async def log_tail(self, job: Job, lines: int) -> bytes:
        """Return the last ``lines`` lines of a job's log, -1 for all of it.

        Never ask ``/api/jobs/<id>/logs``: it reads the whole file into the head's memory.
        """
        reply = await self._ok("GET", "/api/v0/logs/file", params=_log_params(job) | {"lines": lines})
        return reply.body

    def log_window(self, job: Job, lines: int, bound_s: int = 30) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Open the last ``lines`` lines of a job's log as it stands now, -1 for all of it; bytes as they come.

        A body that is cut short raises, so one that ends is whole. ``/api/v0/logs/stream`` would go on by itself, but
        Ray never notices that its reader has gone: each one that was ever opened stays, and after 100 of them
        (gRPC's limit) no log of that node can be read until the head is restarted. A window may take ``bound_s``
        in all (Ray's default is 30) and is cut short then; one that is left early stays until then.
        """
        params = _log_params(job) | {"lines": lines, "timeout": bound_s}
        return open_stream(
            self.http, "/api/v0/logs/file", where=self.spec.name, timeout_s=self._timeout_s, params=params
        )

    async def _get(self, path: str, kind: type[Decoded]) -> Decoded:
        return self._decode(await self._ok("GET", path), kind)

    async def _ok(self, method: str, path: str, params: Mapping[str, str | int] | None = None) -> Reply:
        return self._checked(await self._exchange(method, path, params))

    async def _exchange(self, method: str, path: str, params: Mapping[str, str | int] | None = None) -> Reply:
        if self.token_again is not None:
            self._read_token(self.token_again)
        call = Call(method, path, params or {})
        return await exchange(self.http, call, where=self.spec.name, timeout_s=self._timeout_s)

    def _read_token(self, token_again: Callable[[], str | None]) -> None:
        try:
            token = token_again()
        except ConfigError as error:
            raise AuthError(self.spec.name, f"{error.where}: {error.what}", error.hint) from error
        if token is not None:
            self.http.headers["Authorization"] = f"Bearer {token}"
        self.token_again = None

    def _checked(self, reply: Reply) -> Reply:
        if reply.http_status != HTTPStatus.OK:
            raise status_error(self.spec.name, reply)
        return reply

    def _of_a_known_job(self, job_id: str, reply: Reply) -> Reply:
        """Tell the head's own "Job x does not exist" (Ray 2.49 to 2.60) from the 404 of a gateway that has no route."""
        if reply.http_status == HTTPStatus.NOT_FOUND and _UNKNOWN_JOB.fullmatch(reply.body):
            raise NotFoundError(self.spec.name, f"no job {job_id}", "raydeck jobs lists what there is")
        return self._checked(reply)

    def _decode(self, reply: Reply, kind: type[Decoded]) -> Decoded:
        try:
            return msgspec.json.decode(reply.body, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise NotRayError(self.spec.name, f"what answers is not Ray's dashboard: {error}") from error


def _log_params(job: Job) -> dict[str, str | int]:
    if not job.driver_node_id or not job.submission_id:
        raise NotFoundError(job.cluster, f"{job.id} has no log yet", "its driver has not started")
    return {"node_id": job.driver_node_id, "submission_id": job.submission_id}


def _free(usage: Mapping[str, Any], resource: str) -> float:
    """Return total less used of one resource; a resource that nobody has is 0."""
    match usage.get(resource):
        case [int() | float() as used, int() | float() as total]:
            return max(0.0, float(total - used))
        case _:
            return 0.0
