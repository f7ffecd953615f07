"""The driver's side of the Serve application ``requests``: started where nothing is in the way, and taken down.

Only our own application is ever taken down, and none is ever replaced.
"""

from __future__ import annotations

import logging
import time
from threading import Event
from typing import Any, cast

from ray import serve
from ray.serve.context import _get_global_client as serve_client
from ray.serve.exceptions import RayServeException

from pipeline.claim import APPLICATION, Holding
from pipeline.errors import JobError
from pipeline.listeners import is_taken, stranger
from pipeline.log import say
from pipeline.replica import deployed_at, ingress, running_application, take_down
from pipeline.stages import GIB

DEPLOYMENT = "raydeck-requests"  # tells an application of these jobs from anybody else's
LOOK_S = 0.1
EMPTY_S = 5.0  # an application without deployments is just being made, or just ending


class Application:
    """The application of one job, which holds the claim."""

    def __init__(self, holding: Holding, host: str, port: int) -> None:
        self._submission_id, self._host, self._port = holding.submission_id, host, port
        self._begun = False
        self._deployed_at: float | None = None
        self.starting = Event()  # the replica is, or never will be

    def open(self) -> str:
        """Start Serve and the application; return the address at which it answers."""
        try:
            host, port = self._ask_for()
            self._wait_until_running()
        finally:
            self.starting.set()
        self._deployed_at = deployed_at()
        other = stranger(host, port, self._submission_id)
        if other:
            raise JobError(f"process-parameters.serve-port: port {port} is shared with {other}")
        return f"http://{host}:{port}/"

    def _ask_for(self) -> tuple[str, int]:
        logging.getLogger("ray.serve").setLevel(logging.ERROR)  # its own progress and warnings are not ours
        _make_way()
        bound = _start_serve(self._host, self._port)
        self._begun = True
        _deploy(self._submission_id)
        return bound

    def _wait_until_running(self) -> None:
        """Wait for the replica; ``serve.run`` looks once a second only. Raise JobError when it fails or is gone."""
        while (found := running_application()) is not None and found.status != "DEPLOY_FAILED":
            if found.status == "RUNNING":
                return
            if any(deployment.replica_states for deployment in found.deployments.values()):
                self.starting.set()
            time.sleep(LOOK_S)
        reason = "somebody else took it down" if found is None else _reason(found)
        raise JobError(f"Serve does not run the application: {reason}")

    def close(self) -> None:
        """Take the application down, as far as it has come."""
        if self._begun:
            take_down(self._deployed_at)


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


def _deploy(submission_id: str) -> None:
    """Have the application started, without waiting."""
    deployment = serve.deployment(
        name=DEPLOYMENT,
        num_replicas=1,
        ray_actor_options={"num_cpus": 1, "memory": GIB // 2},
        graceful_shutdown_wait_loop_s=0.1,
        graceful_shutdown_timeout_s=1,
    )
    target = serve.RunTarget(deployment(ingress(submission_id)).bind(), name=APPLICATION, route_prefix="/")
    try:
        serve.run_many([target], wait_for_applications_running=False)
    except (RayServeException, RuntimeError) as error:
        raise JobError(f"Serve does not run the application: {error}") from error


def _reason(found: Any) -> str:
    """Return the last line of what Serve knows of a replica that failed: the rest is its traceback."""
    messages = "\n".join(deployment.message for deployment in found.deployments.values())
    return str((messages.splitlines() or [found.message])[-1])
