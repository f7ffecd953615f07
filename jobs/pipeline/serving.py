"""The driver's side of the Serve application ``requests``: started beside the pipeline, published, taken down.

Only our own application is ever taken down, and none is ever replaced.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import ray
from ray import serve
from ray.serve.context import _get_global_client as serve_client
from ray.serve.exceptions import RayServeException

from pipeline.claim import APPLICATION, Holding
from pipeline.errors import JobError
from pipeline.listeners import is_taken, stranger
from pipeline.log import say
from pipeline.output import Document
from pipeline.replica import ingress
from pipeline.stages import GIB
from pipeline.waiting import first_finished

DEPLOYMENT = "raydeck-requests"  # tells an application of these jobs from anybody else's


@contextmanager
def application(holding: Holding, host: str, port: int) -> Iterator[str]:
    """Run the application while the block runs; give the address at which it answers.

    Raise JobError when another application or another listener is in the way.
    """
    logging.getLogger("ray.serve").setLevel(logging.ERROR)  # its own progress and warnings are not ours
    _make_way()
    opened_at: float | None = None
    try:
        host, port = _start_serve(host, port)
        _run(holding.submission_id)
        opened_at = getattr(_running(), "last_deployed_time_s", None)
        _refuse_strangers(holding.submission_id, host, port)
        yield f"http://{host}:{port}/"
    finally:
        running = _running()
        if running is not None and opened_at in {None, running.last_deployed_time_s}:
            serve.delete(APPLICATION)


def serve_output(claim: Any, document: Document, address: str, serve_s: int) -> None:
    """Publish ``document`` and keep it served for ``serve_s``. Raise JobError when the claim is lost meanwhile."""
    ends_at = datetime.now(UTC) + timedelta(seconds=serve_s)
    ray.get(claim.publish.remote(document, ends_at.isoformat(timespec="seconds")))
    say(f"Application '{APPLICATION}' is ready at {address}")
    say(f"Serving the output for {serve_s} s")
    if first_finished([claim.until_end.remote()], serve_s) is not None:
        raise JobError("the node that kept the output was lost, so it is not served any more")


def _make_way() -> None:
    """Take down what a killed job left; refuse to replace anything else.

    Only for the holder of the claim: an application of these jobs cannot belong to a living one then.
    """
    app = _running()
    if app is None:
        return
    if set(app.deployments) != {DEPLOYMENT}:
        raise JobError(f"an application '{APPLICATION}' that is not of these jobs runs on this cluster")
    say("Taking down the application of a job that was killed")
    serve.delete(APPLICATION)


def _running() -> Any:
    """Return Serve's status of the application, None where it does not exist."""
    return serve.status().applications.get(APPLICATION)


def _start_serve(host: str, port: int) -> tuple[str, int]:
    """Start Serve unless it runs; return the host and port that it is really bound to."""
    if serve_client(raise_if_no_controller_running=False) is None and is_taken(host, port):
        raise JobError(f"process-parameters.serve-port: something else answers on port {port} of this node already")
    serve.start(http_options={"host": host, "port": port})
    bound: Any = cast("Any", serve_client()).http_config
    if bound.port != port:
        say(f"Serve runs on this cluster already and answers on port {bound.port}, not on {port}")
    return bound.host, bound.port


def _run(submission_id: str) -> None:
    deployment = serve.deployment(
        name=DEPLOYMENT,
        num_replicas=1,
        ray_actor_options={"num_cpus": 1, "memory": GIB // 2},
        graceful_shutdown_wait_loop_s=0.1,
        graceful_shutdown_timeout_s=1,
    )
    try:
        serve.run(deployment(ingress(submission_id)).bind(), name=APPLICATION, route_prefix="/")
    except (RayServeException, RuntimeError) as error:
        raise JobError(f"Serve does not run the application: {_reason() or error}") from error


def _reason() -> str:
    """Return the last line of what Serve knows of a replica that failed: the rest is its traceback."""
    deployments = getattr(_running(), "deployments", {})
    messages = "\n".join(deployment.message for deployment in deployments.values())
    return (messages.splitlines() or [""])[-1]


def _refuse_strangers(submission_id: str, host: str, port: int) -> None:
    other = stranger(host, port, submission_id)
    if other:
        raise JobError(f"process-parameters.serve-port: port {port} is shared with {other}")
