"""Rows of clusters and nodes: what is not known is a dash, what does not apply a blank, and nothing is ever false."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.metrics import METRICS
from console.model.cluster import ClusterSnapshot, ClusterSpec, Gpu, Identity, Node, Sample, State, TunnelSpec
from console.model.job import JobCounts
from console.render.cells import Row
from console.render.clusters_table import CLUSTER_COLUMNS, cluster_row, inapplicable_columns, jobs_cell
from console.render.glyphs import ASCII, UNICODE
from console.render.load_cells import PAIR_WIDTH, SHARE_WIDTH, share_cell, used_cell
from console.render.nodes_table import NODE_COLUMNS, node_row

NOW, STALE_S, GIB = 1000.0, 15.0, 1024.0**3


def node(*, at: float = NOW - 1, gpus: tuple[Gpu, ...] = (), alive: bool = True, **figures: float) -> Node:
    samples = {name: Sample(value, at, "dashboard") for name, value in figures.items()}
    return Node(node_id="n" * 56, ip="10.0.0.1", hostname="h", role="head", alive=alive, samples=samples, gpus=gpus)


def snapshot(*nodes: Node, **fields: object) -> ClusterSnapshot:
    known = ClusterSnapshot(
        spec=ClusterSpec(name="one", kind="local", dashboard="http://127.0.0.1:1"),
        taken_at=NOW,
        state=State.UP,
        answered_at=NOW,
        identity=Identity("2.60.0", "session"),
        nodes=nodes,
        job_counts=JobCounts(),
    )
    return msgspec.structs.replace(known, **fields)


def texts(row: Row, columns: tuple[object, ...]) -> dict[str, str]:
    return {column.key: cell.text.strip() for column, cell in zip(columns, row.cells, strict=True)}  # type: ignore[attr-defined]


def clusters_texts(shot: ClusterSnapshot, now: float = NOW) -> dict[str, str]:
    return texts(cluster_row(shot, (), now, STALE_S, UNICODE), CLUSTER_COLUMNS)


def test_a_cluster_that_was_never_asked_is_unknown_everywhere() -> None:
    shot = snapshot(state=State.UNKNOWN, answered_at=None, identity=None, job_counts=None)
    shown = clusters_texts(shot)
    assert {shown[key] for key in ("ray", "nodes", "cpu", "gpu", "gram", "memory", "jobs", "age")} == {"—"}
    assert shown["state"] == "?"


def test_zero_is_zero_and_not_unknown() -> None:
    shown = clusters_texts(snapshot(node(cpu_percent=0, cpu_cores=2, memory_used_bytes=0, memory_total_bytes=GIB)))
    assert shown["cpu"].endswith("0 %")
    assert shown["memory"] == "0/1 G"
    assert shown["jobs"] == "0"


def test_what_does_not_apply_is_blank() -> None:
    shown = clusters_texts(snapshot(node(cpu_percent=5, cpu_cores=2)))
    assert (shown["gpu"], shown["gram"], shown["tunnel"]) == ("", "", "")


def test_a_tunnel_that_was_not_looked_at_is_unknown() -> None:
    spec = ClusterSpec(name="x", kind="local", dashboard="http://x", tunnel=TunnelSpec("cpouta", 1))
    assert clusters_texts(snapshot(spec=spec))["tunnel"] == "—"


def test_the_age_is_that_of_the_oldest_figure() -> None:
    assert clusters_texts(snapshot(node(at=NOW - 3, cpu_percent=1), node(at=NOW - 9, cpu_percent=1)))["age"] == "9 s"


@pytest.mark.parametrize(
    ("age_s", "stale", "shown"), [(15, False, True), (16, True, True), (60, True, True), (61, True, False)]
)
def test_stale_then_forgotten(age_s: float, *, stale: bool, shown: bool) -> None:
    shot = snapshot(node(at=NOW, cpu_percent=50, cpu_cores=1))
    row = cluster_row(shot, (), NOW + age_s, STALE_S, UNICODE)
    assert row.stale is stale
    assert ("50 %" in texts(row, CLUSTER_COLUMNS)["cpu"]) is shown
    rows = node_row(shot.nodes[0], (), NOW + age_s, STALE_S, UNICODE)
    assert ("50 %" in texts(rows, NODE_COLUMNS)["cpu"]) is shown


def test_fewer_nodes_than_expected_stand_out() -> None:
    spec = ClusterSpec(name="x", kind="local", dashboard="http://x", expected_nodes=3)
    assert clusters_texts(snapshot(node(), node(), spec=spec))["nodes"] == "2/3"
    assert clusters_texts(snapshot(node(), node(), node(), spec=spec))["nodes"] == "3"


def test_a_gpu_is_shown_where_it_is_and_what_it_cannot_tell_is_unknown() -> None:
    gpu = Gpu(0, "u", "H200", None, 7.8 * GIB, 8 * GIB)
    shown = clusters_texts(snapshot(node(gpus=(gpu,), cpu_percent=1)))
    assert (shown["gpu"], shown["gram"]) == ("—", "7.8/8 G !")


@pytest.mark.parametrize(
    ("counts", "text"),
    [
        (None, "—"),
        (JobCounts(), "0"),
        (JobCounts(running=2, succeeded=14), "2▶ 14✓"),
        (JobCounts(running=1, pending=3, failed=2, succeeded=9), "1▶ 2✗"),
        (JobCounts(running=1, pending=3, succeeded=9), "1▶ 3…"),
        (JobCounts(failed=2, stopped=1), "2✗ 1■"),
    ],
)
def test_jobs_say_the_most_urgent_first(counts: JobCounts | None, text: str) -> None:
    assert jobs_cell(counts, UNICODE).text == text


def test_columns_that_apply_to_nobody_are_named() -> None:
    bare = snapshot(node())
    with_gpu = snapshot(node(gpus=(Gpu(0, None, "x", 1.0, 1.0, 2.0),)))
    tunnelled = snapshot(spec=ClusterSpec(name="t", kind="local", dashboard="http://t", tunnel=TunnelSpec("v", 1)))
    assert inapplicable_columns(()) == {"gpu", "gram", "tunnel"}
    assert inapplicable_columns((bare, with_gpu)) == {"tunnel"}
    assert inapplicable_columns((bare, tunnelled)) == {"gpu", "gram"}


def test_a_dead_node_has_no_figures_and_the_age_of_its_death() -> None:
    dead = msgspec.structs.replace(node(alive=False, cpu_percent=5), died_at=NOW - 120)
    row = node_row(dead, (), NOW, STALE_S, UNICODE)
    shown = texts(row, NODE_COLUMNS)
    assert row.stale
    assert (shown["state"], shown["cpu"], shown["memory"], shown["age"]) == ("○", "—", "—", "2 m")


figures = st.floats(0, 2e18, allow_subnormal=False)


@given(st.integers(0, 2**60), st.integers(0, 2**60))
def test_used_of_total_always_fits_its_column(used: int, total: int) -> None:
    for glyphs in (UNICODE, ASCII):
        assert len(used_cell(min(used, total), total, METRICS["memory_used_bytes"], glyphs).text) <= PAIR_WIDTH


@given(figures, figures)
def test_a_share_fits_and_crossing_a_threshold_is_a_sign_not_only_a_colour(used: float, total: float) -> None:
    shown = share_cell(min(used, total), total, METRICS["disk_used_bytes"], UNICODE)
    assert len(shown.text) <= SHARE_WIDTH
    if total:
        assert shown.text.endswith("!") == (
            100 * min(used, total) / total >= (METRICS["disk_used_bytes"].warn_percent or 0)
        )
    else:
        assert shown.text == "—"


@given(st.dictionaries(st.sampled_from(sorted(METRICS)), figures), st.floats(-1e6, 1e6))
def test_any_figures_make_rows_that_are_ascii_where_asked(samples: dict[str, float], ago: float) -> None:
    shot = snapshot(node(at=NOW - ago, **samples))
    for row in (
        cluster_row(shot, (None, 5.0), NOW, STALE_S, ASCII),
        node_row(shot.nodes[0], (1.0,), NOW, STALE_S, ASCII),
    ):
        assert all(cell.text.isascii() for cell in row.cells)
