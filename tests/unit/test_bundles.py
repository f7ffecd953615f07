"""Bundles: declarations read or refused with file and key; documents, forms and commands that follow from them."""

import json
import shlex
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.bundles import Needs, Parameter, bundled_folder, find_bundles, parse_assignment, set_value
from console.errors import ConfigError, ParameterError

BUNDLE = find_bundles([bundled_folder()])["parallel_processing"]
GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "processing.json").read_text())
TOML = """
title = "Mine"
entrypoint = "python mine.py"
[[parameters]]
path = "data-parameters.rate"
label = "rate"
type = "float"
default = 1.5
min = 0
"""


def folder_with(path, name="mine", toml=TOML):
    path.mkdir(exist_ok=True)
    (path / f"{name}.py").write_text("")
    (path / f"{name}.toml").write_text(toml)
    return path


def test_defaults_are_the_published_run():
    document = BUNDLE.defaults()
    assert document.pop("process-parameters") == {"worker-number": 2, "actor-number": 2, "serve-seconds": 120}
    assert document == {key: GOLDEN["parameters"][key] for key in ("data-parameters", "storage-parameters")}
    BUNDLE.check(BUNDLE.defaults())


def test_changing_a_document_leaves_the_defaults_alone():
    document = BUNDLE.defaults()
    set_value(document, "data-parameters.priority.txt", 9)
    document["data-parameters"]["lengths"].append(99)
    assert BUNDLE.defaults()["data-parameters"]["priority"]["txt"] == 1
    assert 99 not in BUNDLE.defaults()["data-parameters"]["lengths"]


def test_needs_grow_with_the_actors():
    document = BUNDLE.defaults()
    assert BUNDLE.needs(document) == Needs(4, pytest.approx(1.1 * 2**30), 0)
    set_value(document, "process-parameters.actor-number", 5)
    assert BUNDLE.needs(document) == Needs(7, pytest.approx(1.7 * 2**30), 0)


@given(st.text())
def test_any_text_arrives_in_the_command_unharmed(text):
    document = BUNDLE.defaults()
    set_value(document, "process-parameters.serve-host", text)
    *entrypoint, argument = shlex.split(BUNDLE.command(document))
    assert entrypoint == ["python", "parallel_processing.py"]
    assert json.loads(argument) == document


def test_a_command_beyond_what_linux_takes_is_refused():
    document = BUNDLE.defaults()
    set_value(document, "data-parameters.lengths", [7] * 50_000)
    with pytest.raises(ParameterError, match="more than a command line may hold"):
        BUNDLE.command(document)


def test_filled_values_may_be_there_and_are_checked():
    document = BUNDLE.defaults()
    set_value(document, BUNDLE.filled["serve-host"], "127.0.0.1")
    set_value(document, BUNDLE.filled["serve-port"], 8400)
    BUNDLE.check(document)
    set_value(document, BUNDLE.filled["serve-port"], "8400")
    with pytest.raises(ParameterError, match=r"^process-parameters\.serve-port: "):
        BUNDLE.check(document)


NAMES = st.text(min_size=1)
PRIORITY = Parameter(
    path="data-parameters.priority", list_path="data-parameters.extensions", label="", type="priorities", default={}
)


@given(st.dictionaries(NAMES, st.integers(), min_size=1))
def test_priorities_survive_the_form(value):
    assert PRIORITY.parse(PRIORITY.show(value)) == value
    document = {}
    PRIORITY.write_to(document, value)
    assert document["data-parameters"]["extensions"] == list(value)
    assert list(PRIORITY.read_from(document)) == list(value)


def parameter(kind, **more):
    return Parameter(path="data-parameters.x", label="x", type=kind, default=None, **more)


@given(
    st.lists(NAMES, min_size=1), st.lists(st.integers(), min_size=1), st.floats(allow_nan=False, allow_infinity=False)
)
def test_lists_and_numbers_survive_the_form(words, numbers, number):
    for kind, value in {"text-list": words, "int-list": numbers, "float": number, "int": numbers[0]}.items():
        assert parameter(kind).parse(parameter(kind).show(value)) == value


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("int", ""),
        ("int", "0"),
        ("int", "11"),
        ("int", "two"),
        ("int", "9" * 5000),
        ("float", "nan"),
        ("float", "inf"),
        ("int-list", "2 11"),
        ("int-list", ""),
        ("text-list", "'open"),
        ("text-list", " "),
    ],
)
def test_what_does_not_fit_is_refused_with_what_would(kind, text):
    with pytest.raises(ParameterError, match=r"^data-parameters\.x: expected .* got .* \(the help\)$"):
        parameter(kind, min=1, max=10, help="the help").parse(text)


@pytest.mark.parametrize("text", ["txt", "=1", "txt=", "txt=1 txt=2", "txt=x", "", "'"])
def test_priorities_that_are_none(text):
    with pytest.raises(ParameterError):
        PRIORITY.parse(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("data-parameters.amount=100", ("data-parameters.amount", 100)),
        ("data-parameters.name=a=b c", ("data-parameters.name", "a=b c")),
        ("data-parameters.lengths=[2, 3]", ("data-parameters.lengths", [2, 3])),
        ('data-parameters.name="7"', ("data-parameters.name", "7")),
        ("data-parameters.name=", ("data-parameters.name", "")),
    ],
)
def test_assignments(text, expected):
    assert parse_assignment(text) == expected


@pytest.mark.parametrize("text", ["", "amount", "amount=1", "=1", "data-parameters=1", "data-parameters.=1", "x.y=1"])
def test_what_is_no_assignment(text):
    with pytest.raises(ParameterError):
        parse_assignment(text)


def test_a_value_cannot_be_set_inside_a_number():
    with pytest.raises(ParameterError, match="amount is not an object"):
        set_value(BUNDLE.defaults(), "data-parameters.amount.x", 1)


def test_an_operators_own_folder_works_the_same_way(tmp_path):
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'not a bundle'\n")
    bundles = find_bundles([bundled_folder(), folder_with(tmp_path), tmp_path])
    mine = bundles["mine"]
    assert mine.folder == tmp_path
    assert mine.output is None
    assert mine.defaults()["data-parameters"] == {"rate": 1.5}
    assert mine.needs(mine.defaults()) == Needs(0, 0, 0)
    assert "parallel_processing" in bundles


def test_a_name_that_is_there_twice_names_both_files(tmp_path):
    first, second = folder_with(tmp_path / "a"), folder_with(tmp_path / "b")
    with pytest.raises(ConfigError) as caught:
        find_bundles([first, second])
    assert str(first / "mine.toml") in str(caught.value)
    assert str(second / "mine.toml") in str(caught.value)


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ConfigError, match="nowhere"):
        find_bundles([tmp_path / "nowhere"])


@pytest.mark.parametrize(
    ("toml", "named"),
    [
        (TOML.replace('"float"', '"double"'), "double"),
        (TOML.replace("min = 0", "minimum = 0"), "minimum"),
        (TOML.replace("1.5", "-1"), "data-parameters.rate"),
        (TOML.replace("data-parameters.rate", "rate"), "rate"),
        (TOML.replace("data-parameters.rate", "data-parameters.a.b"), "data-parameters.a.b"),
        (TOML + TOML[TOML.index("[[") :], "declared twice"),
        (TOML.replace('"float"', '"priorities"'), "list_path"),
        (TOML.replace("[[", '[resources]\ncpus_each = { "data-parameters.z" = 1 }\n[[', 1), "data-parameters.z"),
        (TOML.replace("[[", '[filled]\nserve-path = "data-parameters.z"\n[[', 1), "serve-path"),
        (TOML.replace("title", "titel"), "titel"),
        ("title = ", "title"),
    ],
)
def test_a_bad_declaration_is_refused_with_file_and_reason(tmp_path, toml, named):
    folder_with(tmp_path, toml=toml)
    with pytest.raises(ConfigError) as caught:
        find_bundles([tmp_path])
    assert str(tmp_path / "mine.toml") in str(caught.value)
    assert named in str(caught.value) or named == "title"
