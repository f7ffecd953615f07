"""The parameters that parallel_clustering adds: job and console judge them alike."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pipeline.clustering_parameters import ClusteringParameters
from pipeline.errors import JobError, ParameterError
from pipeline.parameters import read

from console.bundles import bundled_folder, find_bundles, set_value
from console.errors import ParameterError as ConsoleParameterError

BUNDLE = find_bundles([bundled_folder()])["parallel_clustering"]
URLS, WEIGHTS, TIMEOUT = (
    f"process-parameters.{key}" for key in ("cluster-urls", "resource-weights", "cluster-timeout")
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
)
ADDRESSES = st.lists(
    st.text("ab1.:[]/ -_@\n", max_size=6).map(lambda host: f"{host}:1") | st.from_regex(r"(?a)\w{0,3}:\d{0,6}"),
    max_size=3,
)
NUMBERS = st.dictionaries(st.sampled_from(["CPU", "RAM", "GPU", "cpu"]), st.floats() | st.integers(), max_size=4)


def changed(path, value):
    document = BUNDLE.defaults()
    set_value(document, path, value)
    return document


def test_defaults_are_the_published_run():
    found = read(ClusteringParameters, json.dumps(BUNDLE.defaults()))
    assert (found.amount, found.serve_s, found.cluster_timeout_s, found.cluster_urls) == (400, 40, 300, ())
    assert found.resource_weights == {"CPU": 0.6, "RAM": 0.2, "GPU": 0.2}
    assert found.priority == {"txt": 1, "sh": 2, "md": 3, "yaml": 4, "py": 5, "ipynb": 6}
    document = BUNDLE.defaults()
    del document["process-parameters"]["cluster-timeout"]
    assert read(ClusteringParameters, json.dumps(document)) == found


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (URLS, ["ray://10.0.0.1:10001"]),
        (URLS, ["10.0.0.1"]),
        (URLS, ["10.0.0.1:0"]),
        (URLS, ["10.0.0.1:70000"]),
        (URLS, ["a:1", "b:2", "a:1"]),
        (URLS, "a:1"),
        (WEIGHTS, {"CPU": -0.1}),
        (WEIGHTS, {"CPU": True}),
        (WEIGHTS, {"TPU": 1}),
        (WEIGHTS, [0.6, 0.2, 0.2]),
        (TIMEOUT, 0),
        (TIMEOUT, 2.5),
    ],
)
def test_a_wrong_value_is_refused_by_its_key_on_both_sides(path, value):
    document = changed(path, value)
    with pytest.raises(ParameterError, match=f"^{path}: ") as caught:
        read(ClusteringParameters, json.dumps(document))
    assert "\n" not in str(caught.value)
    with pytest.raises(ConsoleParameterError, match=path):
        BUNDLE.check(document)


@pytest.mark.parametrize("urls", [[], ["ray-local-1-client.integration.svc.cluster.local:8151", "[::1]:10001", "h:1"]])
def test_addresses_and_none_at_all_are_taken(urls):
    BUNDLE.check(changed(URLS, urls))
    assert read(ClusteringParameters, json.dumps(changed(URLS, urls))).cluster_urls == tuple(urls)


@given(st.sampled_from([URLS, WEIGHTS, TIMEOUT]), JSON | ADDRESSES | NUMBERS)
def test_job_and_console_judge_alike(path, value):
    document = changed(path, value)
    try:
        BUNDLE.check(document)
    except ConsoleParameterError:
        with pytest.raises(JobError):
            read(ClusteringParameters, json.dumps(document))
    else:
        read(ClusteringParameters, json.dumps(document))


@given(st.sampled_from([parameter for parameter in BUNDLE.parameters if parameter.path in {URLS, WEIGHTS}]), st.data())
def test_what_a_field_shows_is_read_back(parameter, data):
    kind = st.from_regex(r"[a-z]{1,5}:[1-9][0-9]{0,3}", fullmatch=True)
    weights = st.dictionaries(st.sampled_from(["CPU", "RAM", "GPU"]), st.floats(0, 1000))
    value = data.draw(st.lists(kind, unique=True) if parameter.path == URLS else weights)
    assert parameter.parse(parameter.show(value)) == value


def test_the_bundle_tells_which_parameter_takes_clusters_and_what_they_need():
    assert BUNDLE.others.path == URLS
    assert find_bundles([bundled_folder()])["parallel_processing"].others is None
    document = changed("process-parameters.actor-number", 3)
    assert (BUNDLE.needs(document).cpus, BUNDLE.needs_of_others(document).cpus) == (5, 4)
