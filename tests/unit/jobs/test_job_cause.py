"""What an operator is told of an error: what happened, on one line, without the frames that led there."""

import pytest
from pipeline.driver import cause

TRACE = """Initialization failure from server:
Traceback (most recent call last):
  File "/venv/ray/util/client/server/proxier.py", line 765, in Datapath
    if not self.proxy_manager.start_specific_server(
           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
RuntimeError: Failed to create runtime_env for Ray client server, it is caused by:
Traceback (most recent call last):
  File "/venv/ray/_private/runtime_env/agent.py", line 1, in _create
    raise OSError("No package")
OSError: No package
in the GCS
"""


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ConnectionError(TRACE), "Initialization failure from server: OSError: No package in the GCS"),
        (ConnectionError("Traceback (most recent call last):\n  File x"), "File x"),
        (ConnectionError("two\nlines"), "two lines"),
        (ValueError(), "ValueError"),
    ],
)
def test_the_end_of_a_traceback_is_told_and_not_its_frames(error, told):
    assert cause(error) == told
