"""Output documents of both forms, and log lines that are none."""

import base64
import copy
import json
import zlib
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.errors import NotFoundError, RaydeckError
from console.model.output import Statistic, decode_marked_line, parse_output

SUMMARY = json.loads((Path(__file__).parents[1] / "golden" / "processing.json").read_text())["published"]


def document(output):
    return json.dumps({"output": output}).encode()


def test_the_form_of_one_cluster():
    parsed = parse_output(document([SUMMARY]))
    (summary,) = parsed.clusters["0"].data
    assert summary.id == "1-1-1"
    assert summary.batches == (1, 2, 3, 4, 5)
    assert summary.length == Statistic(
        (4.0, 4.8, 3.8, 6.0, 4.4), (2.8, 1.7600000000000002, 1.3599999999999999, 1.2, 3.44)
    )
    assert parsed.summaries == (summary,)


def test_the_form_of_several_clusters_keeps_their_numbers_and_errors():
    clusters = {
        "0": {"url": "Main", "data": [SUMMARY], "files": 25, "weight": 0.5, "beyond": "what we know"},
        "2": {"url": "ray://b:10001", "data": [], "error": "it went away"},
    }
    parsed = parse_output(document(clusters))
    assert list(parsed.clusters) == ["0", "2"]
    assert parsed.clusters["0"].files == 25
    assert parsed.clusters["2"].error == "it went away"
    assert len(parsed.summaries) == 1


def test_empty_outputs_are_outputs():
    assert parse_output(document([])).summaries == ()
    assert parse_output(document({})).clusters == {}


def broken():
    for key in SUMMARY:
        lacking = copy.deepcopy(SUMMARY)
        del lacking[key]
        yield [lacking]
    uneven = copy.deepcopy(SUMMARY)
    uneven["name"]["variance"].pop()
    yield [uneven]
    yield {"0": {"data": []}}
    yield "text"
    yield None


@pytest.mark.parametrize("output", broken())
def test_what_is_no_output_is_refused(output):
    with pytest.raises(NotFoundError, match="is not a document of summaries"):
        parse_output(document(output))


@given(st.binary())
def test_no_bytes_crash_the_reader(junk):
    with pytest.raises(NotFoundError):
        parse_output(junk)


@given(st.binary())
def test_no_line_crashes_the_decoder(line):
    assert decode_marked_line(line) is None


def marked(packed, digest):
    return b"raydeck-output 1 sha256:" + digest.encode() + b" " + base64.b64encode(packed)


def test_a_checksum_of_something_else_is_an_error():
    line = marked(zlib.compress(b"{}"), sha256(b"[]").hexdigest())
    with pytest.raises(RaydeckError, match="checksum differs"):
        decode_marked_line(line)


def test_a_cut_line_is_an_error():
    line = marked(zlib.compress(b"{}" * 999)[:-4], sha256(b"{}" * 999).hexdigest())
    with pytest.raises(RaydeckError, match="cut off"):
        decode_marked_line(line)


def test_words_around_the_mark_make_it_another_line():
    assert decode_marked_line(b"(pid=1) raydeck-output 1 too-large 5") is None
