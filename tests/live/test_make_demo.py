"""The main path as a newcomer walks it: the demo typed in a real tmux, to the scatter plots; nothing is left behind."""

import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from console.services.embedded import processes
from console.services.embedded.registry import read_records
from console.services.state_folder import StateFolder

pytestmark = pytest.mark.live

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
COLUMNS, LINES = 120, 36
LIVE_S = 120  # `make bench` holds 15 s, where no other test takes the processor
STEP_S = 90
PLOTS = ("seed", "name", "priority", "length")


class Tmux:
    """One session of a tmux server of its own."""

    def __init__(self, program: str, folder: Path, environ: dict[str, str]) -> None:
        self._command = [program, "-u", "-f", os.devnull, "-S", str(folder / "tmux")]
        self._environ = environ
        shell = "env PS1='$ ' sh"
        self("new-session", "-d", "-x", str(COLUMNS), "-y", str(LINES), "-c", str(folder), shell)

    def __call__(self, *words: str) -> str:
        ran = subprocess.run([*self._command, *words], env=self._environ, capture_output=True, text=True, check=True)
        return ran.stdout

    @property
    def text(self) -> str:
        return self("capture-pane", "-p")

    def press(self, *keys: str) -> None:
        self("send-keys", *keys)

    def type(self, line: str) -> None:
        self("send-keys", "-l", line)
        self.press("Enter")

    def shows(self, *words: str, timeout_s: float = STEP_S) -> str:
        """Wait until the screen shows all of these words, and return it."""
        deadline = time.monotonic() + timeout_s
        while missing := [word for word in words if word not in (text := self.text)]:
            assert time.monotonic() < deadline, f"not seen: {missing}\n{text}"
            time.sleep(0.05)
        return text


def demo_command(arguments: str = "") -> str:
    """``make demo`` where make has made this environment, else what it runs once it has installed."""
    made_by_make = Path(sys.prefix) == ROOT / ".venv" and (ROOT / ".venv" / ".ready").exists()
    if not made_by_make:
        return f"raydeck demo {arguments}"
    return f"make -s -C {shlex.quote(str(ROOT))} demo" + (f" ARGS={shlex.quote(arguments)}" if arguments else "")


def is_live(text: str) -> bool:
    return any(line.split()[:2] == ["●", "embedded-1"] for line in text.replace("▌", " ").splitlines())


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """A newcomer's environment: no configuration, no clusters, the installed command on PATH."""
    if not (BIN / "raydeck").exists():
        pytest.skip("raydeck is not installed beside this Python: pip install -e '.[dev]'")
    of_make = {"MAKEFLAGS", "MAKEOVERRIDES", "MFLAGS", "MAKELEVEL", "ARGS"}  # `make test ARGS=…` is not for the demo
    of_terminal = {"TMUX", "TMUX_PANE", "COLUMNS", "LINES"}  # of the one in which the tests were started
    unset = {"RAYDECK_CONFIG", "NO_COLOR", "PYTHONPATH", *of_terminal, *of_make}
    kept = {name: value for name, value in os.environ.items() if name not in unset}
    folders = {name: str(tmp_path) for name in ("HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME")}
    return kept | folders | {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "LC_ALL": "C.UTF-8"}


@pytest.fixture
def tmux(program, tmp_path: Path, environ: dict[str, str]) -> Iterator[Tmux]:
    session = Tmux(program("tmux", "tmux"), tmp_path, environ)
    yield session
    session("kill-server")  # hangs up on a demo that still runs, which takes its cluster down


def wait_for_live_row(tmux: Tmux, record_property) -> None:
    """Type the command, see the interface before the cluster is up, and the live row in time."""
    began = time.monotonic()
    tmux.type(f"{demo_command()}; echo ended with $?")
    painted = tmux.shows("1 clusters", "CLUSTER")
    painted_s = time.monotonic() - began
    assert not is_live(painted)
    while not is_live(text := tmux.text):
        assert time.monotonic() - began < LIVE_S, text
        time.sleep(0.05)
    record_property("painted_s", round(painted_s, 2))
    record_property("live_s", round(time.monotonic() - began, 2))


def open_form(tmux: Tmux) -> None:
    """Open the job's form, again while it judges by a head that is too young to have told what it has free."""
    deadline = time.monotonic() + STEP_S
    while True:
        tmux.press("s")
        tmux.shows("parallel_processing", "Enter choose")
        tmux.press("Enter")
        form = tmux.shows("F5 submit", "CPU free, needs 4")
        if "✓" in form:
            return
        assert time.monotonic() < deadline, form
        tmux.press("Escape")
        tmux.shows("s submit", "embedded-1")
        time.sleep(1)


def test_from_the_typed_demo_to_the_scatter_plots(tmux, tmp_path, record_property):
    wait_for_live_row(tmux, record_property)
    state = StateFolder.from_environment({"XDG_STATE_HOME": str(tmp_path)})
    records = read_records(state)
    assert [record.name for record in records if record.role == "ray"] == ["embedded-1"]
    running = [process for record in records for process in processes.family(record)]
    assert running
    open_form(tmux)
    tmux.press("F5")
    tmux.shows("running", "Generated 50 files")
    tmux.shows("is ready at", "output kept")
    tmux.press("o")
    shown = tmux.shows(*PLOTS, "● 1-", "▲ 2-")
    assert shown.count("x mean, y variance") == 4
    tmux.press("q")
    tmux.shows("ended with 0")
    assert [process for process in running if process.is_running()] == []
    assert read_records(state) == ()
    for record in records:
        assert processes.find(record.guard) is None
        assert processes.family(record) == []
        assert not Path(record.folder).exists()


def test_the_demo_without_a_terminal_prints_the_four_plots_and_leaves_nothing(environ, tmp_path, record_property):
    began = time.monotonic()
    command = shlex.split(demo_command("--headless"))
    ran = subprocess.run(command, env=environ, cwd=tmp_path, capture_output=True, text=True, timeout=240, check=False)
    record_property("seconds", round(time.monotonic() - began, 1))
    assert ran.returncode == 0, ran.stderr
    assert tuple(re.findall(r"(\w+) +x mean, y variance", ran.stdout)) == PLOTS
    assert read_records(StateFolder.from_environment({"XDG_STATE_HOME": str(tmp_path)})) == ()
