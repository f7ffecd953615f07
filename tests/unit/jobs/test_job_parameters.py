"""A job's parameters: read whole or refused with the key, whatever the argument holds."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pipeline.errors import JobError, ParameterError
from pipeline.parameters import Parameters, checksum, read

from console.bundles import bundled_folder, find_bundles, set_value
from console.bundles.document import parameters_checksum
from console.errors import ParameterError as ConsoleParameterError

BUNDLE = find_bundles([bundled_folder()])["parallel_processing"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
)
PATHS = [path for parameter in BUNDLE.parameters for path in parameter.paths]

WRONG = [
    ("process-parameters.worker-number", 0),
    ("process-parameters.worker-number", True),
    ("process-parameters.actor-number", 2.0),
    ("process-parameters.serve-port", 70000),
    ("process-parameters.serve-host", ""),
    ("process-parameters.serve-seconds", "120"),
    ("data-parameters.amount", "many\nlines"),
    ("data-parameters.lengths", []),
    ("data-parameters.lengths", [2, 0]),
    ("data-parameters.extensions", ["txt", ""]),
    ("data-parameters.priority", {"txt": "1"}),
    ("data-parameters.tuple-batch", None),
    ("data-parameters.stats-batch", -1),
    ("storage-parameters.bucket", "b"),
    ("data-parameters.amout", 5),
    ("data-parameters", []),
    ("storage-parameters", None),
    ("surprise", {}),
]


def changed(path, value):
    document = BUNDLE.defaults()
    if "." in path:
        set_value(document, path, value)
    else:
        document[path] = value
    return document


def test_defaults_of_the_bundle_are_the_jobs_own():
    given = read(Parameters, json.dumps(BUNDLE.defaults()))
    assert (given.workers, given.actors, given.amount, given.serve_port, given.serve_s) == (2, 2, 50, 8350, 120)
    document = BUNDLE.defaults()
    del document["process-parameters"]["serve-seconds"]
    assert read(Parameters, json.dumps(document)) == given


@pytest.mark.parametrize(("path", "value"), WRONG)
def test_a_wrong_value_is_refused_by_its_key(path, value):
    with pytest.raises(ParameterError) as caught:
        read(Parameters, json.dumps(changed(path, value)))
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("path", [path for path in PATHS if not path.endswith("serve-seconds")])
def test_a_missing_key_is_named(path):
    document = BUNDLE.defaults()
    section, _, key = path.partition(".")
    del document[section][key]
    with pytest.raises(ParameterError, match=f"^{path}: is missing"):
        read(Parameters, json.dumps(document))


def test_an_extension_without_priority_is_named():
    with pytest.raises(ParameterError, match=r"data-parameters\.priority: the extension 'rs' has no priority"):
        read(Parameters, json.dumps(changed("data-parameters.extensions", ["txt", "rs"])))


@pytest.mark.parametrize("argument", ["", "{", "[]", "7", "nonsense", "[" * 100_000])
def test_what_is_no_object_is_refused(argument):
    with pytest.raises(ParameterError, match=r"^parameters: "):
        read(Parameters, argument)


@given(st.sampled_from([*PATHS, "storage-parameters.x", "data-parameters", "process-parameters"]), JSON)
def test_job_and_console_judge_alike(path, value):
    document = changed(path, value)
    try:
        BUNDLE.check(document)
    except ConsoleParameterError:
        with pytest.raises(JobError):
            read(Parameters, json.dumps(document))
    else:
        read(Parameters, json.dumps(document))


@given(st.dictionaries(st.text(max_size=3), JSON.filter(lambda v: v == v), max_size=3))  # noqa: PLR0124 -- no NaN
def test_checksum_is_the_consoles_whatever_the_spacing(document):
    assert checksum(json.dumps(document, indent=1)) == parameters_checksum(document)


def run_job(argument, *, python_code=None):
    script = str(Path("parallel_processing.py"))
    code = python_code or f"import runpy, sys; runpy.run_path({script!r}, run_name='__main__')"
    command = [sys.executable, "-c", code, *argument]
    environ = os.environ | {"RAY_ADDRESS": "127.0.0.1:1"}  # it must not get as far as a cluster
    return subprocess.run(command, cwd=bundled_folder(), env=environ, capture_output=True, text=True, check=False)


def test_a_bad_parameter_ends_the_job_with_one_line():
    ended = run_job([json.dumps(changed("process-parameters.worker-number", 0))])
    versions, failure = ended.stdout.splitlines()
    assert versions.startswith("Python 3.")
    assert failure.startswith("parallel_processing failed: process-parameters.worker-number: expected a whole number")
    assert (ended.returncode, ended.stderr) == (1, "")


def test_a_lone_surrogate_in_a_message_harms_nothing():
    ended = run_job([json.dumps(changed("data-parameters.\ud800\x1b[2J", 1))])
    assert ended.stdout.splitlines()[-1].startswith("parallel_processing failed: data-parameters.\\ud800")
    assert ended.returncode == 1


@pytest.mark.parametrize("job", ["parallel_processing", "parallel_clustering"])
def test_missing_numpy_is_said_with_the_way_to_mend_it(job):
    code = f"import runpy, sys; sys.modules['numpy'] = None; runpy.run_path('{job}.py', run_name='__main__')"
    ended = run_job([json.dumps(BUNDLE.defaults())], python_code=code)
    (failure,) = ended.stdout.splitlines()
    assert "NumPy is missing on this cluster" in failure
    assert "--pip numpy" in failure
    assert (ended.returncode, ended.stderr) == (1, "")
