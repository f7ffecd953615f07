"""The marked line that a job prints is what the console reads: two implementations, one format."""

import json
import random
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pipeline.output import MAX_LINE_BYTES, marked_line, of_one, of_several

from console.errors import NotFoundError, RaydeckError
from console.model.output import decode_marked_line

JSON_OBJECTS = st.dictionaries(st.text(), st.floats(allow_nan=False, allow_infinity=False) | st.text())


def encoded(output):
    return json.dumps({"output": output}).encode()


@given(st.lists(JSON_OBJECTS))
def test_what_is_printed_is_read_back_to_the_last_bit(output):
    document = of_one(output).whole()
    line = marked_line(document)
    assert "\n" not in line
    assert decode_marked_line(line.encode()) == document
    assert json.loads(document) == {"output": output}


def test_a_line_beyond_a_megabyte_says_how_large_the_output_is():
    noise = random.Random(1)
    document = encoded([noise.random() for _ in range(120_000)])
    line = marked_line(document)
    assert line == f"raydeck-output 1 too-large {len(document)}"
    with pytest.raises(NotFoundError, match=f"{len(document)} bytes are too large"):
        decode_marked_line(line.encode())


def test_a_line_of_just_under_a_megabyte_is_whole():
    noise = random.Random(1)
    document = encoded([noise.random() for _ in range(75_000)])
    line = marked_line(document)
    assert MAX_LINE_BYTES * 0.8 < len(line) <= MAX_LINE_BYTES
    assert decode_marked_line(f"{line}\r\n".encode()) == document


@given(st.integers(27, 400), st.integers(0, 255))
def test_a_damaged_line_is_never_taken_for_the_output(place, byte):
    document = encoded([{"id": "1-1-1", "workers": list(range(40))}])
    line = bytearray(marked_line(document).encode())
    place %= len(line)
    if line[place] == byte:
        return
    line[place] = byte
    with suppress(RaydeckError):
        assert decode_marked_line(bytes(line)) in {None, document}


def test_lines_on_either_side_of_the_limit_are_whole_or_say_too_large():
    noise = random.Random(1)
    document = encoded([noise.random() for _ in range(100_000)])
    kinds = set()
    for size in range(900_000, len(document), 20_000):
        line = marked_line(document[:size])
        assert len(line) <= MAX_LINE_BYTES
        kinds.add("too-large" in line)
        if "too-large" not in line:
            assert decode_marked_line(line.encode()) == document[:size]
    assert kinds == {True, False}


@given(st.lists(JSON_OBJECTS), st.integers(0, 9), st.integers(0, 9))
def test_a_page_of_one_cluster_is_the_same_document_with_fewer_summaries(output, first, count):
    document = of_one(output)
    assert document.total == len(output)
    assert json.loads(document.page(first, count)) == {"output": output[first : first + count]}


ABOUT = JSON_OBJECTS.filter(lambda about: "data" not in about)


@given(st.lists(st.tuples(ABOUT, st.lists(JSON_OBJECTS, max_size=4)), min_size=1, max_size=4), st.data())
def test_pages_of_several_clusters_make_up_the_whole(clusters, data):
    document = of_several({str(number): cluster for number, cluster in enumerate(clusters)})
    whole = {str(number): {**about, "data": rows} for number, (about, rows) in enumerate(clusters)}
    assert json.loads(document.whole()) == {"output": whole}
    size = data.draw(st.integers(1, 5))
    gathered = {number: [] for number in whole}
    for first in range(0, document.total, size):
        page = json.loads(document.page(first, size))["output"]
        assert sum(len(cluster["data"]) for cluster in page.values()) <= size
        for number, cluster in page.items():
            gathered[number] += cluster.pop("data")
            assert cluster == {key: value for key, value in whole[number].items() if key != "data"}
    assert gathered == {number: cluster["data"] for number, cluster in whole.items()}
