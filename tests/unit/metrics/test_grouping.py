"""Which series belong to which cluster, in the query and in the answer."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.clients.grouping import claims, escaped, groupings, literal, matchers
from console.clients.promql import detail_query, overview_query, range_query
from console.metrics import METRICS
from console.model.cluster import ClusterSpec
from console.model.portplan import port_plan

WORDS = st.text(st.characters(codec="ascii", exclude_categories=["C"]), min_size=1, max_size=12)


def cluster(name, **series):
    return ClusterSpec(name=name, kind="local", dashboard="http://x", series=series)


def planned(slot, kind="local"):
    plan = port_plan(kind, slot)
    return ClusterSpec(name=f"{kind}-{slot}", kind=kind, dashboard="http://x", plan=plan, series=plan.series())


@given(WORDS)
def test_an_escaped_word_is_the_word_itself(word):
    assert literal(re.escape(word)) == word


@given(WORDS)
def test_what_is_called_literal_matches_that_text(pattern):
    plain = literal(pattern)
    if plain is not None:
        assert re.fullmatch(pattern, plain)
        assert claims({"job": pattern}, {"job": plain})


@pytest.mark.parametrize("pattern", ["a|b", "ray-.*", "a.b", "[ab]", r"\d", "a+", "a?", "(a)", "^a", "a$"])
def test_what_may_match_several_texts_is_no_literal(pattern):
    assert literal(pattern) is None


@given(WORDS)
def test_text_between_quotes_stays_text(text):
    quoted = escaped(text)
    assert re.fullmatch(r'(?:[^"\\]|\\.)*', quoted)
    assert quoted.replace('\\"', '"').replace("\\\\", "\\") == text or "\\" in text


def test_claims_is_anchored_and_absent_is_empty():
    assert claims({"job": "ray"}, {"job": "ray"})
    assert not claims({"job": "ray"}, {"job": "ray-2"})
    assert not claims({"job": "ray"}, {})
    assert claims({"job": ".*"}, {})
    assert not claims({}, {"job": "x"})


def test_head_and_worker_of_a_planned_cluster_are_one_group():
    (grouping,) = groupings([planned(1), planned(2), planned(1, "hpc")])
    assert (grouping.key, len(grouping.folds)) == ("raydeck_job", 1)
    pattern, replacement = grouping.folds[0].pattern, grouping.folds[0].replacement
    for job, name in (("ray-local-1-metrics-head", "local-1"), ("ray-hpc-1-metrics-worker", "hpc-1")):
        folded = replacement.replace("$1", re.fullmatch(pattern, job)[1])
        assert grouping.clusters_of({grouping.key: folded}) == (name,)
    assert grouping.clusters_of({grouping.key: "prometheus"}) == ()


def test_clusters_that_use_other_labels_are_grouped_apart():
    found = groupings([planned(1), cluster("cloud", ray_io_cluster="raycluster-kuberay"), cluster("none")])
    assert [grouping.key for grouping in found] == ["raydeck_job", "ray_io_cluster"]
    assert found[1].clusters_of({"ray_io_cluster": "raycluster-kuberay"}) == ("cloud",)


def test_several_labels_are_joined():
    (grouping,) = groupings([cluster("a", job="ray", site="x"), cluster("b", job="ray", site="y|z")])
    assert grouping.clusters_of({grouping.key: "ray\nx"}) == ("a",)
    (fold,) = grouping.folds
    assert re.fullmatch(fold.pattern, "ray\nz")
    assert not re.fullmatch(fold.pattern, "ray\nx")
    assert grouping.clusters_of({grouping.key: fold.replacement}) == ("b",)


def test_two_clusters_with_the_same_matchers_share_a_group():
    (grouping,) = groupings([cluster("a", job="ray"), cluster("b", job="ray")])
    assert grouping.clusters_of({"job": "ray"}) == ("a", "b")


def test_the_scope_stays_short_however_many_clusters_there_are():
    few = overview_query(groupings([cluster(f"c{n}", job=f"job-{n}") for n in range(3)]), sessions=False)
    many = overview_query(groupings([cluster(f"c{n}", job=f"job-{n}") for n in range(500)]), sessions=False)
    assert 'job=~"job-0|job-1|job-2"' in few
    assert 'job!=""' in many
    assert len(many) < 2000


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("node", [None, '192.0.2.2"} or vector(1)'])
def test_a_node_cannot_leave_its_quotes(metric, node):
    query = range_query(metric, {"job": 'a"b'}, node=node)
    bare = re.sub(r'"(?:[^"\\]|\\.)*"', '""', query)
    assert "vector" not in bare
    assert bare.count("(") == bare.count(")")
    assert bare.count("{") == bare.count("}")


def test_every_name_that_a_metric_has_is_asked_for():
    query = detail_query([{"job": "x"}])
    for metric in METRICS.values():
        for part in metric.exported:
            assert all(name in query for name, _ in part.names)
    assert matchers({"job": "x"}) in query
