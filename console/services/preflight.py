"""Whether a submission can work, judged from what the cluster last said. Pure; unknown is no reason to refuse."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from msgspec import Struct

from console.bundles import Needs
from console.model.cluster import ClusterSnapshot, FreeResources, State

GIB = 1024**3


class PreflightCheck(Struct, frozen=True):
    """One answer of the preflight, in words; ``unverified`` is not known from here."""

    outcome: Literal["ok", "refused", "unverified"]
    text: str


def preflight(snapshot: ClusterSnapshot, needs: Needs, holder: str | None) -> tuple[PreflightCheck, ...]:
    """Check a cluster against what a bundle needs.

    ``holder`` names the job whose Serve application stands in the way, None when there is none.
    """
    return tuple(_checks(snapshot, needs, holder))


def preflight_other(
    main: ClusterSnapshot, other: ClusterSnapshot, needs: Needs, pythons: tuple[str | None, str | None]
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
    )


def refusals(checks: tuple[PreflightCheck, ...]) -> str:
    """Return what speaks against the submission, in one line; empty when nothing does."""
    return "; ".join(check.text for check in checks if check.outcome == "refused")


def _checks(snapshot: ClusterSnapshot, needs: Needs, holder: str | None) -> Iterator[PreflightCheck]:
    if snapshot.state is State.DOWN:
        fault = snapshot.faults[0].message if snapshot.faults else "it does not answer"
        yield PreflightCheck("refused", f"{snapshot.spec.name} is down: {fault}")
        return
    yield from _resources(snapshot.free, needs)
    if holder is not None:
        yield PreflightCheck("refused", f"Serve is in use: {holder}")


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
    return PreflightCheck("ok" if free >= needed else "refused", text)
