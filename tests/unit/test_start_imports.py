"""What the start may not pay for: found in a process of its own, after the whole console has been imported."""

import subprocess
import sys

import pytest

LOOK = "import sys, {}; print(*(name for name in {!r} if name in sys.modules))"
# Ray comes with the first submission, httpx with the first connection, the rest with what needs it.
DEAR = ("ray", "httpx", "requests", "numpy", "plotext", "prometheus_api_client", "psutil", "yaml", "http.client")
OTHER_SCREENS = tuple(
    f"console.screens.{name}" for name in ("jobs", "log", "metrics", "plots", "serve", "submit", "why")
)


@pytest.mark.parametrize(
    ("modules", "unwanted"),
    [
        ("console.cli.screen, console.cli.root", (*DEAR, *OTHER_SCREENS)),
        ("console.cli.clusters", (*DEAR, "textual", "plotext")),
        ("console.cli.jobs", (*DEAR, "textual", "plotext")),
        ("console.cli.submit", (*DEAR, "textual", "plotext")),
        ("console.services.core", (*DEAR, "textual", "rich", "plotext")),
    ],
)
def test_nothing_dear_is_imported_before_it_is_needed(modules: str, unwanted: tuple[str, ...]) -> None:
    command = [sys.executable, "-c", LOOK.format(modules, unwanted)]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    assert found.stdout.split() == []
