"""The rule for skips in tests/conftest.py, tried on a small test suite of its own."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SUITE = """
import pytest
def test_missing(program):
    program("no-such-program", "some-package")
def test_locked():
    pytest.skip("not permitted: no network namespaces")
@pytest.mark.xfail(reason="known")
def test_known():
    raise AssertionError
"""


@pytest.mark.parametrize(
    ("on_ci", "passed", "counts"), [("", 0, "2 skipped, 1 xfailed"), ("true", 1, "1 failed, 1 skipped")]
)
def test_on_ci_only_what_is_not_permitted_may_be_skipped(tmp_path, on_ci, passed, counts):
    shutil.copy(Path(__file__).parents[1] / "conftest.py", tmp_path)
    (tmp_path / "test_suite.py").write_text(SUITE)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-rsf",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        str(tmp_path),
        str(tmp_path),
    ]
    environ = os.environ | {"CI": on_ci, "PYTHONDONTWRITEBYTECODE": "1"}
    ran = subprocess.run(command, env=environ, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert ran.returncode == passed
    assert counts in ran.stdout
    assert "install the package some-package" in ran.stdout
