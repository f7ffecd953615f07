"""What can be laid over each other in a plot: the clusters of one output, or several runs; and the table about them.

A plot shows at most ``POINTS_MOST`` points of a member, every n-th of them; what shows it also says so.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

from console.model.output import ClusterOutput, JobOutput, Statistic, Summary
from console.render.cells import BLANK, Cell, Column, Row, cell, unknown
from console.render.chart import Group
from console.render.figures import number
from console.render.glyphs import Glyphs
from console.render.legend import group_pen

POINTS_MOST = 4000  # of one member; more are a carpet on any terminal
STATISTICS = ("seed", "name", "priority", "length")

CLUSTER_COLUMNS = (
    Column("sign", "", 1, right=False),
    Column("cluster", "CLUSTER", 7, right=False),
    Column("url", "ADDRESS", 21, right=False, drop=2),
    Column("weight", "WEIGHT", 6, drop=3),
    Column("files", "FILES", 6),
    Column("seconds", "SECONDS", 7),
    Column("rate", "FILES/S", 7),
    Column("ray", "RAY", 6, right=False, drop=1),
    Column("error", "ERROR", 8, right=False, flex=True, width_most=100),
)


class Member(msgspec.Struct, frozen=True):
    """A cluster of an output, or a run. ``name`` is what a legend calls it, ``shown`` what is plotted of it."""

    name: str
    title: str
    summaries: tuple[Summary, ...]
    shown: tuple[Summary, ...]
    about: ClusterOutput | None = None

    @property
    def points(self) -> int:
        """Return how many points it has in each plot."""
        return sum(len(summary.batches) for summary in self.summaries)

    @property
    def points_shown(self) -> int:
        """Return how many of them are plotted."""
        return sum(len(summary.batches) for summary in self.shown)


def member(name: str, title: str, summaries: tuple[Summary, ...], about: ClusterOutput | None = None) -> Member:
    """Return a member with what is to be plotted of it."""
    return Member(name, title, summaries, thinned(summaries, POINTS_MOST), about)


def members_of(output: JobOutput) -> tuple[Member, ...]:
    """Return the clusters of an output, in their order."""
    return tuple(
        member(f"cluster {key}", f"cluster {key}  {cluster.url}", cluster.data, cluster)
        for key, cluster in output.clusters.items()
    )


def thinned(summaries: Sequence[Summary], points_most: int) -> tuple[Summary, ...]:
    """Return the summaries with every n-th of their points, counted through all, so that at most so many are left."""
    total = sum(len(summary.batches) for summary in summaries)
    if total <= points_most:
        return tuple(summaries)
    step, at, out = math.ceil(total / points_most), 0, []
    for summary in summaries:
        first, count = -at % step, len(summary.batches)
        at += count
        if first < count:
            out.append(_part_of(summary, slice(first, None, step)))
    return tuple(out)


def _part_of(summary: Summary, part: slice) -> Summary:
    statistics = {
        name: Statistic(getattr(summary, name).mean[part], getattr(summary, name).variance[part]) for name in STATISTICS
    }
    return Summary(summary.id, summary.workers[part], summary.actors[part], summary.batches[part], **statistics)


def groups_of(summaries: Sequence[Summary], statistic: str) -> list[Group]:
    """Return the points of one statistic: a group per summary, mean on x and variance on y."""
    return [
        Group(summary.id, getattr(summary, statistic).mean, getattr(summary, statistic).variance)
        for summary in summaries
    ]


def overlaid(members: Sequence[Member], statistic: str) -> list[Group]:
    """Return the points of one statistic: a group per member."""
    return [
        Group(
            each.name,
            [value for summary in each.shown for value in getattr(summary, statistic).mean],
            [value for summary in each.shown for value in getattr(summary, statistic).variance],
        )
        for each in members
    ]


def files_per_s(cluster: ClusterOutput) -> float | None:
    """Return how fast a cluster worked, None where that is not known or it did nothing."""
    return cluster.files / cluster.seconds if cluster.files and cluster.seconds else None


def cluster_rows(members: Sequence[Member], glyphs: Glyphs) -> dict[str, Row]:
    """Return a row per cluster of an output, with the marker and the colour that it has when all are overlaid."""
    return {
        each.name: Row((_sign(place, glyphs), *_about(each, each.about, glyphs)))
        for place, each in enumerate(members)
        if each.about is not None
    }


def _sign(place: int, glyphs: Glyphs) -> Cell:
    return Cell(((glyphs.markers[place % len(glyphs.markers)], group_pen(place)),), float(place))


def _about(each: Member, cluster: ClusterOutput, glyphs: Glyphs) -> tuple[Cell, ...]:
    figures = (cluster.weight, cluster.files, cluster.seconds, files_per_s(cluster))
    return (
        cell(each.name.removeprefix("cluster ")),
        cell(cluster.url or "", "dim"),
        *(unknown(glyphs) if value is None else cell(number(value, glyphs), "", value) for value in figures),
        unknown(glyphs) if cluster.ray_version is None else cell(cluster.ray_version),
        cell(f"{glyphs.failed} {cluster.error}", "bad") if cluster.error else BLANK,
    )
