"""How every job begins and ends: versions first, parameters before work, one line of failure, a last line of outcome.

Imports nothing that a bare cluster may lack, so that this can be said in a line, too.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import platform
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import NoReturn, TypeVar

import ray
from ray.exceptions import RayError, RayTaskError

from pipeline.claim import Holding, take_claim
from pipeline.errors import JobError, one_line
from pipeline.log import say
from pipeline.parameters import Parameters, checksum, read

P = TypeVar("P", bound=Parameters)


def run(name: str, kind: type[P], work: Callable[[P, Holding], None], arguments: Sequence[str]) -> int:
    """Run the job ``name`` whose parameters are ``arguments[0]``; return the exit status."""
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # a parameter may hold any text
    _stop_on_signals(name)
    try:
        _say_versions()
        _carry_out(name, kind, work, arguments)
    except (JobError, RayError, ConnectionError, TimeoutError) as error:
        say(f"{name} failed: {cause(error)}")
        return 1
    except Exception as error:  # a fault of the job's own: all that is known of it, then the last line
        traceback.print_exc(file=sys.stdout)
        say(f"{name} failed: {one_line(repr(error))}")
        return 1
    say(f"{name} succeeded")
    return 0


def end(status: int) -> NoReturn:
    """End the process, now: after the last line no thread has anything to say, nor anything to wait for.

    Ray would abort, and say so, were it shut down under a thread that works. What is connected ends with the process.
    """
    sys.stdout.flush()
    os._exit(status)


def _carry_out(name: str, kind: type[P], work: Callable[[P, Holding], None], arguments: Sequence[str]) -> None:
    if len(arguments) != 1:
        raise JobError(f"parameters: expected one argument, the JSON object of the parameters, got {len(arguments)}")
    given = read(kind, arguments[0])
    ray.init(log_to_driver=False, logging_level=logging.WARNING)
    _stop_on_signals(name)  # Ray has put its own handler there
    about = {"submission_id": _submission_id(), "job": name, "parameters_sha256": checksum(arguments[0])}
    work(given, take_claim({**about, "ends_at": None}))


def _say_versions() -> None:
    try:
        numpy = importlib.import_module("numpy")
    except ImportError:
        hint = 'raydeck submit --pip numpy, or ray job submit --runtime-env-json \'{"pip": ["numpy"]}\''
        raise JobError(f"NumPy is missing on this cluster; submit the job with it: {hint}") from None
    say(f"Python {platform.python_version()}, Ray {ray.__version__}, NumPy {numpy.__version__}")


def _submission_id() -> str:
    """Return the id that the Jobs API gave this job; Ray's own job id when it was started by hand."""
    config = json.loads(os.environ.get("RAY_JOB_CONFIG_JSON_ENV_VAR") or "{}")
    return str(config.get("metadata", {}).get("job_submission_id") or ray.get_runtime_context().get_job_id())


def cause(error: Exception) -> str:
    """Return what an operator needs of ``error``, in a line; Ray wraps a task's error in its whole remote traceback.

    What Ray's client server says may hold a traceback as text: its frames are left out, what they led to is not.
    """
    if isinstance(error, RayTaskError):
        return one_line(repr(error.cause))
    told, is_traced, trace = str(error).partition("Traceback (most recent call last):\n")
    if is_traced:
        lines = trace.splitlines()
        frames = max((place for place, line in enumerate(lines, start=1) if line.startswith(" ")), default=0)
        return one_line(" ".join([told, *(lines[frames:] or lines)]))
    return one_line(error) or type(error).__name__


def _stop_on_signals(name: str) -> None:
    """End at once when told to. The claim ends with this process, and the application ends with the claim.

    Nothing is raised, because an exception amid Ray's own code may get lost there.
    """

    def stop(number: int, _frame: object) -> NoReturn:
        os.write(sys.stdout.fileno(), f"{name} stopped by {signal.Signals(number).name}\n".encode())
        os._exit(128 + number)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
