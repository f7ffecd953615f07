"""Whose figures metrics mode can show: every cluster, and below it its nodes. One row each."""

from __future__ import annotations

from msgspec import Struct

from console.metrics import METRICS
from console.model.address import address_order
from console.model.cluster import ClusterSnapshot, Node
from console.model.hosts import host_mates, with_host_cpu
from console.model.metrics import stale_limit_s
from console.model.usage import cluster_sources, cluster_usage, mean, node_sources, sampled_at
from console.render.bars import load_tone
from console.render.cells import BLANK, Cell, Column, Row, cell, unknown
from console.render.clusters_table import data_age_s
from console.render.figures import percent
from console.render.glyphs import Glyphs, state_tone
from console.render.load_cells import source_cell
from console.render.nodes_table import node_name
from console.render.staleness import age_cell, is_forgotten, is_stale

SUBJECT_COLUMNS = (
    Column("state", "", 1, right=False),
    Column("name", "CLUSTER, NODE", 16, right=False, flex=True, width_most=30),
    Column("cpu", "CPU", 6),
    Column("gpu", "GPU", 5, drop=2),
    Column("source", "FROM", 4, right=False, drop=3),
    Column("age", "AGE", 5, drop=1),
)


class Subject(Struct, frozen=True, eq=False):
    """A cluster, or one of its nodes; ``node_id`` is empty for the cluster, ``address`` is the node's.

    ``told`` is what its row shows: the cluster's snapshot, or the node with the others on its host.
    """

    cluster: str
    told: ClusterSnapshot | tuple[Node, ...]
    node_id: str = ""
    address: str = ""


def subject_key(cluster: str, node_id: str = "") -> str:
    """Return the key of a row, which the filter searches, too."""
    return f"{cluster} {node_id}".rstrip()


def subjects_of(snapshot: ClusterSnapshot) -> dict[str, Subject]:
    """Return a cluster and its nodes behind it, in their order, by the keys of their rows."""
    name, mates = snapshot.spec.name, host_mates(snapshot)
    subjects = [Subject(name, snapshot)]
    subjects += [Subject(name, (node, *mates.get(node.node_id, ())), node.node_id, node.ip) for node in snapshot.nodes]
    return {subject_key(name, subject.node_id): subject for subject in subjects}


def subject_row(subject: Subject, now: float, stale_after_s: float, glyphs: Glyphs) -> Row:
    """Return the row of a cluster or of a node."""
    told = subject.told
    if isinstance(told, ClusterSnapshot):
        return _cluster_row(told, now, stale_limit_s(stale_after_s, told.scrape_interval_s), glyphs)
    return _node_row(told[0], told[1:], (now, stale_after_s), glyphs)


def _cluster_row(snapshot: ClusterSnapshot, now: float, limit_s: float, glyphs: Glyphs) -> Row:
    age_s = data_age_s(snapshot, now)
    use = cluster_usage(snapshot)
    known = age_s is not None and not is_forgotten(age_s, limit_s)
    return Row(
        (
            Cell(((glyphs.state(snapshot.state), state_tone(snapshot.state)),), snapshot.state, fresh=True),
            cell(snapshot.spec.name),
            _share(use.cpu_percent if known else None, "cpu_percent", glyphs),
            _share(use.gpu_percent if known else None, "gpu_percent", glyphs) if use.gpu_count else BLANK,
            source_cell(cluster_sources(snapshot) if known else ()),
            age_cell(age_s, limit_s, glyphs),
        ),
        stale=is_stale(age_s, limit_s),
    )


def _node_row(node: Node, mates: tuple[Node, ...], times: tuple[float, float], glyphs: Glyphs) -> Row:
    now, limit_s = times[0], stale_limit_s(times[1], node.scrape_interval_s)
    at = sampled_at((node,)) if node.alive else node.died_at
    age_s = None if at is None else max(0.0, now - at)
    known = node.alive and age_s is not None and not is_forgotten(age_s, limit_s)
    cpu, gpu = with_host_cpu(node, mates).value("cpu_percent"), mean(gpu.used_percent for gpu in node.gpus)
    state = "up" if node.alive else "down"
    name = node_name(node)
    return Row(
        (
            Cell(((" ", ""),) if node.alive else ((glyphs.state(state), "bad"),), state, fresh=True),
            cell(f"  {name}", "" if node.alive else "dim", address_order(name)),
            _share(cpu if known else None, "cpu_percent", glyphs, of_host=bool(mates)),
            _share(gpu if known else None, "gpu_percent", glyphs) if node.gpus else BLANK,
            source_cell(node_sources(node) if known else ()),
            age_cell(age_s, limit_s if node.alive else float("inf"), glyphs),
        ),
        stale=not node.alive or is_stale(age_s, limit_s),
    )


def _share(value: float | None, metric: str, glyphs: Glyphs, *, of_host: bool = False) -> Cell:
    """Return ``54 %``, ``=54 %`` where it is the host's, which others on it show, too."""
    if value is None:
        return unknown(glyphs)
    tone = load_tone(value, METRICS[metric].warn_percent, METRICS[metric].bad_percent)
    return cell(("=" if of_host else "") + percent(value, glyphs), "" if tone == "load" else tone, value)
