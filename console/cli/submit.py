"""``raydeck submit``: a bundled job with parameters, or any entrypoint with a working dir."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import click
from msgspec import Struct

from console.bundles import Bundle, parse_assignment, set_value
from console.cli.attending import Outcome, followed, kept_path, tell_shipped, tell_status, waited
from console.cli.session import Session, only_cluster, pass_session, say, tell, write_json
from console.errors import DeadlineError, ParameterError, PreflightError, RaydeckError, UsageError
from console.model.cluster import State
from console.model.job import Job
from console.render.documents import submission_document
from console.services.core import Core
from console.services.orders import send_all
from console.services.preflight import PreflightCheck, may_be_outdated, refusals
from console.services.sending import remember_parameters
from console.services.submit import Request, bundle_request, with_clusters


class Order(Struct, frozen=True, kw_only=True):
    """What was asked for on the command line. ``env`` may hold secrets, so it is never printed."""

    job: str | None
    clusters: Sequence[str]
    others: Sequence[str]
    assignments: Sequence[str]
    params_file: Path | None
    env: Mapping[str, str]
    pip: tuple[str, ...]
    working_dir: Path | None
    entrypoint: str | None
    force: bool
    timeout_s: float


class _SubmitCommand(click.Command):
    """``--wait`` alone means ``--wait=output``; click would take the next word for its value."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, ["--wait=output" if word == "--wait" else word for word in args])


@click.command(cls=_SubmitCommand)
@click.argument("job", required=False)
@click.option("--cluster", "clusters", multiple=True, help="Where; may be given again.")
@click.option("--with", "with_others", multiple=True, metavar="CLUSTERS", help="Others that the job works on, too.")
@click.option("--set", "assignments", multiple=True, metavar="PATH=VALUE", help="One parameter's value.")
@click.option("--params", "params_file", type=click.Path(path_type=Path), help="The whole JSON object.")
@click.option("--env", "env_names", multiple=True, metavar="NAME[=VALUE]", help="NAME alone: from here.")
@click.option("--pip", multiple=True, metavar="PKG", help="Package to install for the job.")
@click.option("--working-dir", type=click.Path(path_type=Path), help="With --entrypoint: submit anything.")
@click.option("--entrypoint", metavar="CMD", help="The command to run.")
@click.option("--wait", type=click.Choice(["output", "end"]), help="Until the output is kept, or the end.")
@click.option("--timeout", "timeout_s", type=float, default=600.0, show_default=True, help="Seconds for all of it.")
@click.option("--follow", "follows", is_flag=True, help="Print the log until the job has ended.")
@click.option("--force", is_flag=True, help="Submit although the preflight refuses.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@pass_session
def submit(session: Session, /, env_names: tuple[str, ...], with_others: tuple[str, ...], wait: str | None, *,
           follows: bool, as_json: bool, **asked: Any) -> None:  # fmt: skip
    """Submit a bundled job to a cluster, after a check that it can run there."""
    others = [name for names in with_others for name in names.split(",") if name]
    order = Order(env=_environment(env_names, session.environ), others=others, **asked)

    failures: dict[str, RaydeckError] = {}

    async def work(core: Core) -> list[Outcome]:
        core.refuse_if_read_only("submit")
        names = order.clusters or [only_cluster(core, None)]
        if len(set(names)) < len(names):
            raise UsageError("--cluster", "names a cluster twice", "one submission for each cluster")
        requests = {name: await _prepared(core, name, order) for name in names}
        jobs = await _sent(core, requests, failures, session)
        await _remember(core, names[0], order)
        if follows and not as_json:  # one log after the other: two at once could not be told apart
            return [await followed(core, job, session) for job in jobs]
        if wait is None and not follows:
            return [Outcome(job, kept_path(core, job)) for job in jobs]
        until_output = wait == "output" and not follows
        tell_job = write_status if follows else tell_status
        waits = (waited(core, job, until_output=until_output, tell_job=tell_job) for job in jobs)
        return list(await asyncio.gather(*waits))

    def write_status(job: Job) -> None:
        if not job.ended:  # how it ended is told with its output
            write_json(submission_document(job, name, None))

    name = order.job or "entrypoint"
    outcomes = session.run(lambda core: _in_time(work(core), order.timeout_s))
    _report(outcomes, name, as_json=as_json, several=len(outcomes) + len(failures) > 1 and not follows)
    for failure in (*failures.values(), *(outcome.failure for outcome in outcomes)):
        if failure is not None:
            raise failure


async def _in_time(work: Awaitable[list[Outcome]], timeout_s: float) -> list[Outcome]:
    try:
        async with asyncio.timeout(timeout_s):
            return await work
    except TimeoutError:
        raise DeadlineError("submit", f"not done after {timeout_s:g} s", "raydeck jobs shows how it stands") from None


def _environment(names: Sequence[str], environ: Mapping[str, str]) -> dict[str, str]:
    """Take ``NAME=VALUE`` as it is and ``NAME`` from the caller's environment."""
    found = {}
    for word in names:
        name, given, value = word.partition("=")
        if not given and name not in environ:
            raise UsageError(f"--env {name}", "is not set here", "give --env NAME=VALUE or export it")
        found[name] = value if given else environ[name]
    return found


async def _prepared(core: Core, cluster: str, order: Order) -> Request:
    """Make the request for one cluster; refuse what cannot work, unless forced."""
    if order.entrypoint is not None or order.working_dir is not None:
        return await _prepared_anything(core, cluster, order)
    if order.job is None:
        raise UsageError("submit", "say which job", f"one of: {', '.join(core.bundles())}")
    bundle = core.bundle(order.job)
    document = _whole_document(core, bundle, cluster, order)
    request = bundle_request(bundle, document, core.fleet.dashboard(cluster).spec, order.env, order.pip)
    others = _others(core, bundle, document, order)
    await _ask(core, (cluster, *others))
    await _judge(core, cluster, partial(core.preflights.of, cluster, bundle, document), order)
    for other in others:
        await _judge(core, other, partial(core.preflights.of_other, cluster, other, bundle, document), order)
    return request


async def _prepared_anything(core: Core, cluster: str, order: Order) -> Request:
    if order.job is not None or order.entrypoint is None or order.others:
        raise UsageError("submit", "give a JOB, or --working-dir with --entrypoint", "raydeck submit --help")
    await _ask(core, (cluster,))
    _refuse_or_tell(cluster, core.preflights.of_anything(cluster), order)
    return Request(job="", command=order.entrypoint, working_dir=order.working_dir, env=order.env, pip=order.pip)


async def _ask(core: Core, clusters: Sequence[str]) -> None:
    """Ask the clusters; only of those that do not answer the path is walked, for the reason."""
    await asyncio.gather(*(core.fleet.poller(name).poll() for name in clusters))
    if down := [name for name in clusters if core.preflights.known(name).state is State.DOWN]:
        await core.prober.ask(down)


def _others(core: Core, bundle: Bundle, document: Mapping[str, Any], order: Order) -> Sequence[str]:
    """Return the other clusters that the job works on, those too whose addresses stand in its parameters.

    Raise PreflightError for an address that is no cluster's: nobody could say whether the job can work there.
    """
    if bundle.others is None:
        return ()
    names = {spec.client: spec.name for spec in core.fleet.specs if spec.client is not None}
    addresses = bundle.others.read_from(document)
    for address in addresses:
        if address not in names and not order.force:
            hint = "--with CLUSTER names one and is judged, --force takes it as it is"
            raise PreflightError(address, "is the client address of no cluster here", hint)
    return tuple(dict.fromkeys(names[address] for address in addresses if address in names))


async def _remember(core: Core, cluster: str, order: Order) -> None:
    """Keep a bundle's parameters, as the form does, which offers them the next time."""
    if order.job is not None:
        bundle = core.bundle(order.job)
        await remember_parameters(core, bundle, _whole_document(core, bundle, cluster, order))


async def _judge(
    core: Core, cluster: str, ask: Callable[[], Awaitable[tuple[PreflightCheck, ...]]], order: Order
) -> None:
    checks = await ask()
    if may_be_outdated(checks) and not order.force:
        tell(f"{cluster}: {refusals(checks)}, as Ray counted last; asking again when it has counted anew")
        await core.preflights.counted_anew(cluster)
        checks = await ask()
    _refuse_or_tell(cluster, checks, order)


def _refuse_or_tell(cluster: str, checks: tuple[PreflightCheck, ...], order: Order) -> None:
    tell(f"{cluster}: " + "; ".join(check.text for check in checks))
    if (against := refusals(checks)) and not order.force:
        raise PreflightError(cluster, against, "--force submits all the same")


def _whole_document(core: Core, bundle: Bundle, cluster: str, order: Order) -> dict[str, Any]:
    """Return the parameters for one cluster, with the addresses of the others that it is to work on."""
    document = _document(bundle, order)
    if order.others:
        others = [core.fleet.dashboard(name).spec for name in order.others]
        with_clusters(bundle, document, core.fleet.dashboard(cluster).spec, others)
    return document


def _document(bundle: Bundle, order: Order) -> dict[str, Any]:
    document = bundle.defaults() if order.params_file is None else _read_document(order.params_file)
    for assignment in order.assignments:
        set_value(document, *parse_assignment(assignment))
    return document


def _read_document(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_bytes())
    except OSError as error:
        raise ParameterError(str(path), f"cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise ParameterError(str(path), f"is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise ParameterError(str(path), "expected one JSON object with the three sections of parameters")
    return document


async def _sent(
    core: Core, requests: Mapping[str, Request], failures: dict[str, RaydeckError], session: Session
) -> list[Job]:
    """Submit to all; return the jobs. What failed is put into ``failures``, and raised when nothing was submitted."""
    jobs = []
    for name, became in (await send_all(core, requests, tell_shipped(session.glyphs))).items():
        if isinstance(became, RaydeckError):
            failures[name] = became
        else:
            say(f"submitted {became.id} to {became.cluster}")
            jobs.append(became)
    for failure in failures.values():
        if not jobs:
            raise failure
        say(f"raydeck: {failure}")
    return jobs


def _report(outcomes: Sequence[Outcome], name: str, *, as_json: bool, several: bool) -> None:
    documents = [submission_document(outcome.job, name, outcome.output) for outcome in outcomes]
    if as_json:
        for document in [{"submissions": documents}] if several else documents:
            write_json(document)
        return
    for outcome in outcomes:
        click.echo(outcome.job.id if outcome.output is None else f"{outcome.job.id}  {outcome.output}")
