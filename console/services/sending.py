"""One submission of a front end: refused in read-only mode, its folder remembered, looked for when it is untold."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from console.bundles import Bundle
from console.clients.submission import send
from console.config import auth_token
from console.errors import RaydeckError, UntoldError
from console.model.job import Job
from console.services.core import Core
from console.services.parameter_sets import LAST
from console.services.shipping import TellShipped, tell_nobody
from console.services.submit import SUBMIT_TIMEOUT_S, Request, bundle_request, new_submission_id, submit


async def send_bundle(
    core: Core, cluster: str, bundle: Bundle, document: Mapping[str, Any], env: Mapping[str, str], pip: tuple[str, ...]
) -> Job:
    """Submit a bundle with these parameters."""
    spec = core.fleet.dashboard(cluster).spec
    return await send_request(core, cluster, bundle_request(bundle, document, spec, env, pip))


async def send_request(
    core: Core, cluster: str, request: Request, timeout_s: float = SUBMIT_TIMEOUT_S, tell: TellShipped = tell_nobody
) -> Job:
    """Submit anything; ``tell`` hears how far the working dir is. The job's row is asked for anew at once."""
    core.refuse_if_read_only("submit")
    dashboard = core.fleet.dashboard(cluster)
    token = await asyncio.to_thread(auth_token, dashboard.spec, core.options.environ)
    made, begun = new_submission_id(), asyncio.Event()

    async def sending(*asked: Any) -> None:
        begun.set()
        await send(*asked)

    with _doubt_remembered(core, cluster, made, begun):
        job = await submit(
            dashboard, token, request, submission_id=made, timeout_s=timeout_s, tell=tell, send_submission=sending
        )
        await _keep(core, "what was sent", lambda: core.sent.remember(made, request))
    core.fleet.poller(cluster).refresh()
    return job


@contextmanager
def _doubt_remembered(core: Core, cluster: str, submission_id: str, begun: asyncio.Event) -> Iterator[None]:
    """Have a submission looked for that may be a job, since nobody could tell or we were ended while it was sent."""
    try:
        yield
    except UntoldError:
        core.untold.remember(cluster, submission_id)
        raise
    except asyncio.CancelledError:
        if begun.is_set():
            core.untold.remember(cluster, submission_id)
            core.note(
                f"{submission_id} may have been started: raydeck logs {submission_id} --cluster {cluster} tells it"
            )
        raise


async def remember_parameters(core: Core, bundle: Bundle, document: Mapping[str, Any]) -> None:
    """Keep the parameters of what was just submitted: they are offered the next time."""
    await _keep(core, "the parameters", lambda: core.parameters.save(bundle, LAST, document))


async def _keep(core: Core, what: str, write: Callable[[], object]) -> None:
    """Write something beside a job that is made already: where that fails it is noted, and the job stays made."""
    try:
        await asyncio.to_thread(write)
    except (OSError, RaydeckError) as error:
        why = (error.strerror or str(error)) if isinstance(error, OSError) else error.what
        core.note(f"{what} could not be kept in {core.state.path}: {why}")
