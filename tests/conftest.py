"""What all tests share: what a machine lacks is skipped with a reason, and on CI such a skip is a failure.

Two ways to skip are told apart by the reason: ``not permitted: …`` is what no package can mend (network namespaces in
a locked-down container), and stays a skip on CI. Everything else, such as a missing program, is a failure there.
"""

import math
import os
import shutil
import signal
from collections.abc import Callable, Generator, Sequence
from itertools import zip_longest

import hypothesis
import pytest

NOT_PERMITTED = "not permitted:"


def _strict() -> bool:
    return os.environ.get("CI", "").lower() == "true"


def _reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    text = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return text.removeprefix("Skipped: ")


def _refuse_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    if _strict() and report.skipped and not hasattr(report, "wasxfail"):
        reason = _reason(report)
        if not reason.startswith(NOT_PERMITTED):
            report.outcome = "failed"
            report.longrepr = f"skipped, which CI=true does not allow: {reason}"


def pytest_configure() -> None:
    """Take Ctrl-C as in a terminal: a shell that starts us in its background has it ignored, by our children too."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


# How long one example takes says nothing on a busy machine. On CI the examples are the same each time: new ones are for
# those who work on the code, and their finds become tests of their own.
hypothesis.settings.register_profile("raydeck", deadline=None, derandomize=_strict())
hypothesis.settings.load_profile("raydeck")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep in one process what shares something expensive: the shared clusters, or what one module starts."""
    for item in items:
        if item.get_closest_marker("live") and not item.get_closest_marker("xdist_group"):
            shared = "shared_clusters" in getattr(item, "fixturenames", ())
            item.add_marker(pytest.mark.xdist_group("shared clusters" if shared else item.path.stem))
    items[:] = _spread(items)


def _spread(items: Sequence[pytest.Item]) -> list[pytest.Item]:
    """Put the groups evenly among all other tests, the largest first; ``--no-loadscope-reorder`` keeps this order.

    A group starts real processes and computes, most others wait: two groups at once are too much for two cores, and
    two others leave them idle.
    """
    groups: dict[str, list[pytest.Item]] = {}
    others = []
    for item in items:
        group = item.get_closest_marker("xdist_group")
        (others if group is None else groups.setdefault(group.args[0], [])).append(item)
    share = math.ceil(len(others) / max(1, len(groups)))
    parts = [others[start : start + share] for start in range(0, len(others), max(1, share))]
    largest_first = sorted(groups.values(), key=len, reverse=True)
    return [item for pair in zip_longest(largest_first, parts, fillvalue=[]) for part in pair for item in part]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    _refuse_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    _refuse_skip(report)
    return report


@pytest.fixture(scope="session")
def program() -> Callable[[str, str], str]:
    """``program(name, package)`` is the path of a program, or skips and names the Debian package that has it."""

    def find(name: str, package: str) -> str:
        path = shutil.which(name)
        if path is None:
            pytest.skip(f"no {name} on PATH: install the package {package}")
        return path

    return find
