"""``raydeck output``: from the route, from the log, from this machine; the same bytes each time, golden to the bit."""

import json
import re

import httpx
import pytest
from raydeck_process import Raydeck, configured

from console.model.cluster import ClusterSpec

pytestmark = pytest.mark.live

GONE_URL = "http://127.0.0.1:9"


@pytest.fixture(scope="module")
def served(here, embedded_cluster):
    """A finished submission whose output is served until the tests are over: its document, and the route's bytes."""
    words = ["--set", "process-parameters.serve-seconds=600", "--set", "process-parameters.serve-host=127.0.0.1"]
    submitted = here("submit", "parallel_processing", *words, "--wait", "--json").check(0).json
    yield submitted, httpx.get(f"{embedded_cluster.spec.serve}/output", timeout=10, trust_env=False).content
    here("stop", submitted["submission_id"], "--wait").check(0)


def fresh(tmp_path, *specs, **how) -> Raydeck:
    return Raydeck(tmp_path / "fresh", configured(*specs, **how))


def test_an_end_that_was_waited_for_keeps_the_output_of_a_short_service(tmp_path, is_golden, embedded_cluster):
    raydeck = fresh(tmp_path, embedded_cluster.spec)
    words = ["--set", "process-parameters.serve-seconds=1", "--wait=end", "--json"]
    ended = raydeck("submit", "parallel_processing", *words).check(0).json
    assert ended["status"] == "SUCCEEDED"
    with open(ended["output"], "rb") as kept:  # noqa: PTH123 -- as a script would
        assert is_golden(kept.read())
    (listed,) = raydeck("results", "--json").check(0).json["results"]
    assert listed["end_time"] is not None  # it was fetched before


def test_waiting_keeps_the_output_as_it_was_served(here, served, embedded_cluster, is_golden):
    submitted, document = served
    assert list(submitted) == ["cluster", "job", "submission_id", "status", "output"]
    assert (submitted["cluster"], submitted["job"]) == (embedded_cluster.name, "parallel_processing")
    assert submitted["status"] == "RUNNING"
    kept = here.state / "raydeck" / "outputs" / f"{submitted['submission_id']}.json"
    assert submitted["output"] == str(kept)
    assert kept.read_bytes() == document
    assert kept.stat().st_mode & 0o777 == 0o600
    assert is_golden(document)


def test_every_way_to_name_it_gives_the_bytes_of_the_route(here, served, embedded_cluster):
    submitted, document = served
    for words in ([], ["--id", submitted["submission_id"]], ["--cluster", embedded_cluster.name]):
        assert here("output", *words, "--json").check(0).out == document
    assert here("output", "--route", "/about").check(0).json["submission_id"] == submitted["submission_id"]
    here("output", "--route", "/nosuch").check(1, "HTTP 404")


def test_plots_and_values(here, served):
    submitted, document = served
    plots = here("output", "--plot").check(0).text
    assert all(re.search(rf"\b{name}\b", plots) for name in ("seed", "name", "priority", "length"))
    ids = [summary["id"] for summary in json.loads(document)["output"]]
    assert all(name in plots.splitlines()[-1] for name in ids)
    assert "\x1b" not in plots
    ascii_plots = Raydeck(here.folder)("--ascii", "output", "--id", submitted["submission_id"], "--plot").check(0)
    assert ascii_plots.out.isascii()
    values = here("output").check(0).text
    assert "0.15999999999999998" in values or "0.16" in values


def test_another_user_has_it_from_the_route_and_from_the_log(tmp_path, served, embedded_cluster):
    submitted, document = served
    from_route = fresh(tmp_path / "a", embedded_cluster.spec)
    assert from_route("output", "--json").check(0).out == document
    from_log = fresh(tmp_path / "b", embedded_cluster.spec, serve=False)
    assert from_log("output", "--id", submitted["submission_id"], "--json").check(0).out == document
    sources = [next(r.state.rglob("*.about.json")).read_text() for r in (from_route, from_log)]
    assert ['"source":"serve"' in text for text in sources] == [True, False]


def test_the_kept_copy_outlives_its_cluster_and_is_not_believed_once_damaged(tmp_path, here, served, embedded_cluster):
    submitted, document = served
    gone = ClusterSpec(name=embedded_cluster.name, kind="local", dashboard=GONE_URL)
    later = Raydeck(tmp_path / "later", configured(gone, serve=False), here.environ)
    later.environ["XDG_STATE_HOME"] = str(here.state)
    for words in ([], ["--id", submitted["submission_id"]], ["--cluster", gone.name]):
        assert later("output", *words, "--json").check(0).out == document
    nothing = fresh(tmp_path, gone, serve=False)
    nothing("output", "--json").check(1, "nothing listens there")
    kept = here.state / "raydeck" / "outputs" / f"{submitted['submission_id']}.json"
    kept.write_bytes(document.replace(b"1", b"2", 1))
    try:
        later("output", "--json").check(1, "its checksum differs")
    finally:
        kept.write_bytes(document)


def test_a_second_job_is_refused_beforehand_unless_forced(here, served):
    del served
    refused = here("submit", "parallel_processing").check(1, "Serve is in use", "--force submits all the same")
    assert refused.out == b""
    forced = here("submit", "parallel_processing", "--force", "--wait", "--json").check(
        1, "job failed", "is held by job"
    )
    assert forced.json["status"] == "FAILED"


def test_a_job_without_output_says_so(here, folder):
    job_id = here.submit("--working-dir", folder(nothing=""), "--entrypoint", "python nothing.py", "--wait=end")
    here("output", "--id", job_id).check(1, "is no bundled job with an output")
