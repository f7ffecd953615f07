"""Whether a submission can work, judged from what the cluster last said. Pure; unknown is no reason to refuse."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal
from urllib.parse import urlsplit

from msgspec import Struct

from console.bundles import Needs
from console.model.check import CheckedService, ClusterChecks
from console.model.cluster import ClusterSnapshot, FreeResources, State
from console.model.serve import ServeStatus
from console.services.path_faults import sentence

GIB = 1024**3
APPLICATION = "requests"  # the Serve application of the bundled jobs
NOTHING = Needs(cpus=0, memory_bytes=0, gpus=0)


class PreflightCheck(Struct, frozen=True):
    """One answer of the preflight, in words; ``unverified`` is not known from here.

    ``counted`` is true of what Ray counts only now and then: a refusal may be out of date by some seconds.
    """

    outcome: Literal["ok", "refused", "unverified"]
    text: str
    counted: bool = False


class ServeUse(Struct, frozen=True):
    """What a job serves: under this ``route``, at this ``port`` inside its cluster; what is served there already."""

    route: str
    port: int
    status: ServeStatus


def preflight(
    snapshot: ClusterSnapshot, needs: Needs, serve: ServeUse | None = None, path: ClusterChecks | None = None
) -> tuple[PreflightCheck, ...]:
    """Check a cluster against what a job needs.

    ``serve`` is None for a job that serves nothing, or where nobody can tell what is served. ``path`` is what the walk
    found, None where it was not walked; ``snapshot`` is joined with it.
    """
    return tuple(_checks(snapshot, needs, serve, path))


def preflight_other(
    main: ClusterSnapshot,
    other: ClusterSnapshot,
    needs: Needs,
    pythons: tuple[str | None, str | None],
    path: ClusterChecks | None = None,
) -> tuple[PreflightCheck, ...]:
    """Check another cluster that the job on ``main`` is to work on by Ray client.

    ``pythons`` are the versions of Python on ``main`` and there, None where unknown. Ray client demands the same Ray
    and the same major.minor of Python. That the console does not reach a cluster is no reason to refuse: it is the
    driver that has to reach it.
    """
    rays = _ray_version(main), _ray_version(other)
    return (
        _same("Ray", rays, rays, main.spec.name),
        _same("Python", pythons, (_minor(pythons[0]), _minor(pythons[1])), main.spec.name),
        *_resources(other.free if other.state is not State.DOWN else None, needs),
        *_broken_forward("client", path, "the driver's own way there may stand"),
    )


def refusals(checks: tuple[PreflightCheck, ...]) -> str:
    """Return what speaks against the submission, in one line; empty when nothing does."""
    return "; ".join(check.text for check in checks if check.outcome == "refused")


def may_be_outdated(checks: tuple[PreflightCheck, ...]) -> bool:
    """Return whether all that speaks against the submission may have changed since Ray counted it."""
    refused = [check for check in checks if check.outcome == "refused"]
    return bool(refused) and all(check.counted for check in refused)


def _checks(
    snapshot: ClusterSnapshot, needs: Needs, serve: ServeUse | None, path: ClusterChecks | None
) -> Iterator[PreflightCheck]:
    if path is not None and path.dark is not None and not snapshot.spec.starting:
        way = "its tunnel" if snapshot.spec.tunnel is not None else "the way to it"
        yield PreflightCheck("refused", f"{way} is broken at {path.dark.probe}: {sentence(path.dark)}")
        return
    if snapshot.state is State.DOWN:
        fault = snapshot.faults[0].message if snapshot.faults else "it does not answer"
        yield PreflightCheck("refused", f"{snapshot.spec.name} is down: {fault}")
        return
    if needs != NOTHING:
        yield from _resources(snapshot.free, needs)
    if serve is not None:
        yield from _serve(serve, snapshot)
        yield from _broken_forward("serve", path, "the output would be read from the log")
    if needs == NOTHING and snapshot.state is State.UNKNOWN:
        yield PreflightCheck("unverified", "it has not answered yet")
    elif needs == NOTHING:
        yield PreflightCheck("ok", "it answers")


def _serve(serve: ServeUse, snapshot: ClusterSnapshot) -> Iterator[PreflightCheck]:
    for name, application in serve.status.applications.items():
        if name == APPLICATION:
            what = f"application '{name}' of another job is {application.status}"
            yield PreflightCheck("refused", f"Serve is in use: {what}")
        elif application.route_prefix is not None and _covers(application.route_prefix, serve.route):
            what = f"application '{name}' has the route {application.route_prefix}"
            yield PreflightCheck("refused", f"Serve is in use: {what}")
    options = serve.status.http_options
    ports = {serve.port, urlsplit(snapshot.spec.serve or "").port}
    if options is not None and options.port is not None and options.port not in ports:
        yield PreflightCheck("refused", f"Serve listens on port {options.port} there already, not on {serve.port}")


def _covers(prefix: str, route: str) -> bool:
    return route == prefix or route.startswith(prefix.rstrip("/") + "/")


def _broken_forward(service: CheckedService, path: ClusterChecks | None, meaning: str) -> Iterator[PreflightCheck]:
    ladder = None if path is None else path.ladder(service)
    if ladder is not None and (broken := ladder.first_broken) is not None:
        yield PreflightCheck("unverified", f"{service} is broken at {broken.probe}: {broken.detail}; {meaning}")


def _resources(free: FreeResources | None, needs: Needs) -> Iterator[PreflightCheck]:
    if free is None:
        yield PreflightCheck("unverified", "free resources not known yet")
        return
    yield _enough("CPU", free.cpus, needs.cpus, "")
    yield _enough("memory", free.memory_bytes / GIB, needs.memory_bytes / GIB, " G")
    if needs.gpus:
        yield _enough("GPU", free.gpus, needs.gpus, "")


def _ray_version(snapshot: ClusterSnapshot) -> str | None:
    """Return the version that the cluster runs now: what ran there before it went down says nothing."""
    if snapshot.identity is None or snapshot.state is State.DOWN:
        return None
    return snapshot.identity.ray_version


def _minor(version: str | None) -> str | None:
    return None if version is None else ".".join(version.split(".")[:2])


def _same(
    what: str, versions: tuple[str | None, str | None], compared: tuple[str | None, str | None], main: str
) -> PreflightCheck:
    here, there = versions
    if here is None or there is None:
        return PreflightCheck("unverified", f"{what} not known {'there' if there is None else f'on {main}'}")
    if compared[0] == compared[1]:
        return PreflightCheck("ok", f"{what} {there}")
    return PreflightCheck("refused", f"{what} {there} there and {here} on {main}: Ray client cannot connect them")


def _enough(what: str, free: float, needed: float, unit: str) -> PreflightCheck:
    text = f"{free:.3g}{unit} {what} free, needs {needed:.3g}{unit}"
    return PreflightCheck("ok" if free >= needed else "refused", text, counted=True)
