"""Scrape targets, and figures over time from what the console has seen."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.cli.metrics import since_of, span_of
from console.clients.prometheus import ScrapeTarget
from console.clients.promql import range_query
from console.errors import UsageError
from console.model.cluster import ClusterSnapshot, ClusterSpec, Gpu, Node, Sample
from console.model.metrics import Line
from console.render.glyphs import ASCII, UNICODE
from console.render.metric_tables import LINE_COLUMNS, line_row, target_row
from console.services.ranges import POINTS_MOST, step_of
from console.services.seen import EVERY_S, KEPT_S, SeenHistory
from console.services.targets import duration_s, targets_of, unix_seconds


def cluster(name, **series):
    return ClusterSpec(name=name, kind="local", dashboard="http://x", series=series)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("2s", 2), ("1m30s", 90), ("500ms", 0.5), ("1h", 3600), ("1d12h", 129600), ("", None), ("s", None), ("2", None),
     ("2s!", None), ("1.5s", None)],
)  # fmt: skip
def test_durations(text, seconds):
    assert duration_s(text) == seconds


def test_times():
    assert unix_seconds("2026-11-22T22:39:31.49836091Z") == pytest.approx(1795387171.49836)
    assert unix_seconds("0001-01-01T00:00:00Z") is None
    assert unix_seconds("") is unix_seconds("soon") is None


def test_targets_are_those_of_our_clusters():
    found = [
        ScrapeTarget({"job": "ray-1", "instance": "b:1"}, "up", "", "2026-11-22T22:39:31Z", 0.08, "2s"),
        ScrapeTarget({"job": "ray-1", "instance": "a:1"}, "down", "EOF", "2026-11-22T22:39:31Z", 0.0, "2s"),
        ScrapeTarget({"job": "prometheus", "instance": "c:1"}, "up"),
        ScrapeTarget({"job": "ray-2", "instance": "d:1"}, "strange", "", "0001-01-01T00:00:00Z"),
    ]
    specs = [cluster("one", job="ray-1"), cluster("two", job="ray-2"), cluster("three", job="ray-3"), cluster("none")]
    told = [(t.cluster, t.instance, t.health, t.error) for t in targets_of(found, specs, "oss")]
    missing = "no target of the server has labels that `series` matches"
    assert told == [
        ("one", "a:1", "down", "EOF"), ("one", "b:1", "up", ""), ("two", "d:1", "unknown", ""),
        ("three", "", "unknown", missing), ("none", "", "unknown", missing),
    ]  # fmt: skip
    (down, *_) = targets_of(found, specs, "oss")
    cells = [cell.text for cell in target_row(down, down.scraped_at + 3, UNICODE).cells]
    assert cells[-2:] == ["3 s", "EOF"]
    assert "".join(cell.text for cell in target_row(down, 0.0, ASCII).cells).isascii()


@given(st.floats(1, 31 * 86400), st.none() | st.floats(0.5, 600))
def test_a_line_never_has_more_points_than_a_terminal_columns(span_s, interval_s):
    step_s = step_of(span_s, interval_s)
    assert span_s / step_s <= POINTS_MOST + 1
    assert step_s >= (interval_s or 0) or step_s == 86400


def snapshot(at, cpu, **more):
    gpus = (Gpu(0, None, "x", 50.0, 5.0, 10.0, sampled_at=at),)
    node = Node("n", "10.0.0.1", "h", "head", True, {"cpu_percent": Sample(cpu, at, "dashboard"),
                                                    "cpu_cores": Sample(2.0, at, "dashboard")}, gpus)  # fmt: skip
    return ClusterSnapshot(spec=cluster("a"), taken_at=at, nodes=(node,), **more)


def test_what_was_seen_is_kept_every_5_s_with_gaps_where_nothing_was():
    seen = SeenHistory()
    for at in (1000.0, 1001.0, 1005.0, 1010.0, 1200.0):
        seen.record(snapshot(at, at - 1000))
    (line,) = seen.lines("a", "n", "cpu_percent", 1004.0, "10.0.0.1")
    assert (line.node, line.points) == ("10.0.0.1", ((1005.0, 5.0), (1010.0, 10.0), (1105.0, None), (1200.0, 200.0)))
    (whole,) = seen.lines("a", "", "cpu_percent", 0.0)
    assert (whole.source, whole.points[0]) == ("dashboard", (1000.0, 0.0))
    (gpu,) = seen.lines("a", "n", "gram_used_bytes", 0.0)
    assert (gpu.gpu, gpu.points[0][1]) == (0, 5.0)
    assert seen.lines("b", "", "cpu_percent", 0.0) == ()
    seen.keep_only(set())
    assert seen.lines("a", "", "cpu_percent", 0.0) == ()


def test_what_was_seen_is_kept_for_a_day_and_thinned_out_with_age():
    seen, day = SeenHistory(), int(KEPT_S / EVERY_S)
    for n in range(day + 200):
        seen.record(snapshot(n * EVERY_S, 1.0))
    now = (day + 199) * EVERY_S
    (line,) = seen.lines("a", "", "cpu_percent", 0.0)
    assert now - line.points[0][0] == pytest.approx(KEPT_S, abs=900)
    assert None not in {value for _, value in line.points}
    assert len(line.points) < 600
    (newest,) = seen.lines("a", "", "cpu_percent", now - 300)
    assert len(newest.points) >= 60


def test_what_prometheus_tells_is_seen_too_so_that_charts_go_on_when_it_stops():
    seen = SeenHistory()
    figures = {"cpu_percent": Sample(7.0, 1000.0, "prometheus")}
    seen.record(snapshot(1000.0, 1.0, figures=figures))
    (line,) = seen.lines("a", "", "cpu_percent", 0.0)
    assert line.points == ((1000.0, 7.0),)


def test_two_nodes_at_one_address_have_lines_of_their_own():
    one = snapshot(1000.0, 1.0)
    other = msgspec.structs.replace(
        one.nodes[0], node_id="m", samples={"cpu_percent": Sample(2.0, 1000.0, "dashboard")}
    )
    seen = SeenHistory()
    seen.record(msgspec.structs.replace(one, nodes=(*one.nodes, other)))
    values = [seen.lines("a", node_id, "cpu_percent", 0.0)[0].points[0][1] for node_id in ("n", "m")]
    assert values == [1.0, 2.0]
    assert 'instance="i:1"' in range_query("cpu_percent", {"job": "ray"}, node="10.0.0.1", instance="i:1")


def test_every_cluster_has_its_share_of_the_room_and_what_ended_makes_room(monkeypatch):
    monkeypatch.setattr("console.services.seen.MOST_ROWS", 200)
    template, seen = snapshot(1000.0, 1.0), SeenHistory()
    nodes = tuple(msgspec.structs.replace(template.nodes[0], node_id=f"n{n}") for n in range(200))
    for name in ("a", "b"):
        spec = cluster(name)
        seen.record(msgspec.structs.replace(template, spec=spec, nodes=nodes))
    kept = {name: [one for one in nodes if seen.lines(name, one.node_id, "cpu_percent", 0.0)] for name in "ab"}
    assert 0 < len(kept["b"]) < len(nodes)
    newer = msgspec.structs.replace(snapshot(5000.0, 1.0).nodes[0], node_id="new")
    seen.record(msgspec.structs.replace(snapshot(5000.0, 1.0), nodes=(newer,)))
    assert seen.lines("a", "new", "cpu_percent", 0.0)


def test_a_node_that_is_listed_no_more_is_forgotten_ten_minutes_after_it_was_seen_last():
    seen = SeenHistory()

    def record(at, node_id):
        told = snapshot(at, 1.0)
        seen.record(msgspec.structs.replace(told, nodes=(msgspec.structs.replace(told.nodes[0], node_id=node_id),)))

    record(1000.0, "gone")
    record(1500.0, "new")
    assert seen.lines("a", "gone", "cpu_percent", 0.0)
    record(1700.0, "new")
    assert seen.lines("a", "gone", "cpu_percent", 0.0) == ()
    assert seen.lines("a", "new", "cpu_percent", 0.0)
    assert len(seen.lines("a", "", "cpu_percent", 0.0)[0].points) >= 3


def test_a_line_as_a_row():
    line = Line("memory_used_bytes", "", None, "prometheus", ((0.0, 0.0), (10.0, None), (20.0, 1024.0**3)))
    row = dict(zip((column.key for column in LINE_COLUMNS), line_row(line, 22.0, UNICODE, 3).cells, strict=True))
    assert [row[key].text for key in ("metric", "now", "min", "max", "age")] == [
        "memory used",
        "1 G",
        "0 B",
        "1 G",
        "2 s",
    ]
    assert len(row["trend"].text) == 3
    empty = line_row(Line("cpu_percent", "", None, "dashboard"), 0.0, ASCII, 0)
    assert "".join(cell.text for cell in empty.cells).isascii()


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("5m", 300), ("24h", 86400), ("7d", 604800)])
def test_spans(text, seconds):
    assert span_of(text) == seconds
    assert since_of(text, 1e9) == 1e9 - seconds


@pytest.mark.parametrize("text", ["", "5", "m", "-5m", "0s", "99d", "5m ", "five"])
def test_what_is_no_span_is_refused_with_an_example(text):
    with pytest.raises(UsageError, match="5m"):
        span_of(text)
    with pytest.raises(UsageError):
        since_of(text if text != "5m " else "x", 1e9)


def test_since_takes_a_time():
    assert since_of("2026-01-31T14:00:00+00:00", 0.0) == 1769868000
