"""The driver's side of the Serve application ``requests``: started beside the pipeline, published, taken down.

Only our own application is ever taken down, and none is ever replaced.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import as_completed
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import ray
from ray import serve
from ray.serve.context import _get_global_client as serve_client
from ray.serve.exceptions import RayServeException

from pipeline.background import in_background
from pipeline.claim import APPLICATION, Holding
from pipeline.errors import JobError
from pipeline.listeners import is_taken, stranger
from pipeline.log import say
from pipeline.output import Document, marked_line
from pipeline.parameters import Parameters
from pipeline.replica import deployed_at, ingress, running_application, take_down
from pipeline.stages import GIB
from pipeline.waiting import first_finished

DEPLOYMENT = "raydeck-requests"  # tells an application of these jobs from anybody else's
EMPTY_S = 5.0  # an application without deployments is just being made, or just ending


def serve_made(given: Parameters, holding: Holding, make: Callable[[], Document]) -> None:
    """Run ``make`` while Serve starts, and serve what it made. What fails first is raised; nothing waits for the other.

    Raise JobError when another application or another listener is in the way.
    """
    application = Application(holding, given.serve_host, given.serve_port)
    made, opened = in_background(make), in_background(application.open)
    try:
        for each in as_completed((made, opened)):
            each.result()
        say(marked_line(made.result().whole()))
        _publish(holding.claim, made.result(), opened.result(), given.serve_s)
    finally:
        application.close()
    say("Took the application down")


class Application:
    """The application of one job, which holds the claim."""

    def __init__(self, holding: Holding, host: str, port: int) -> None:
        self._submission_id, self._host, self._port = holding.submission_id, host, port
        self._begun = False
        self._deployed_at: float | None = None

    def open(self) -> str:
        """Start Serve and the application; return the address at which it answers."""
        logging.getLogger("ray.serve").setLevel(logging.ERROR)  # its own progress and warnings are not ours
        _make_way()
        host, port = _start_serve(self._host, self._port)
        self._begun = True
        _run(self._submission_id)
        self._deployed_at = deployed_at()
        other = stranger(host, port, self._submission_id)
        if other:
            raise JobError(f"process-parameters.serve-port: port {port} is shared with {other}")
        return f"http://{host}:{port}/"

    def close(self) -> None:
        """Take the application down, as far as it has come."""
        if self._begun:
            take_down(self._deployed_at)


def _publish(claim: Any, document: Document, address: str, serve_s: int) -> None:
    """Publish ``document`` and keep it served for ``serve_s``. Raise JobError when the claim is lost meanwhile."""
    ends_at = datetime.now(UTC) + timedelta(seconds=serve_s)
    ray.get(claim.publish.remote(document, ends_at.isoformat(timespec="seconds")))
    say(f"Application '{APPLICATION}' is ready at {address}")
    say(f"Serving the output for {serve_s} s")
    if first_finished([claim.until_end.remote()], serve_s) is not None:
        raise JobError("the node that kept the output was lost, so it is not served any more")


def _make_way() -> None:
    """Take down what a killed job left, and wait for what is ending; refuse to replace anything else.

    Only for the holder of the claim: an application of these jobs cannot belong to a living one then. While it is
    deleted Serve tells of no deployments of it.
    """
    give_up_at = time.monotonic() + EMPTY_S
    while (found := running_application()) is not None:
        if set(found.deployments) == {DEPLOYMENT}:
            say("Taking down the application of a job that was killed")
        elif found.status != "DELETING":
            if found.deployments or time.monotonic() > give_up_at:
                raise JobError(f"an application '{APPLICATION}' that is not of these jobs runs on this cluster")
            time.sleep(0.1)
            continue
        serve.delete(APPLICATION)


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
    deployments = getattr(running_application(), "deployments", {})
    messages = "\n".join(deployment.message for deployment in deployments.values())
    return (messages.splitlines() or [""])[-1]
