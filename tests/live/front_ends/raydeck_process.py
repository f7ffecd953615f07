"""``raydeck`` as its users have it: a process of its own, with a configuration file and a state folder of its own."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

TRACES = ("Traceback", "Exception ignored", "Error:", "coroutine", "Task exception")


@dataclass(frozen=True)
class Ran:
    """What a command left: exit status, standard output as it came, standard error."""

    status: int
    out: bytes
    err: str

    @property
    def json(self):
        """The one JSON document on standard output."""
        return json.loads(self.out)

    @property
    def text(self):
        return self.out.decode()

    def check_status(self, status):
        """Expect an exit status alone."""
        assert self.status == status, (self.status, self.err, self.out[-2000:])
        return self

    def check(self, status, *words):
        """Expect an exit status and words on standard error, in one line unless the command succeeded."""
        assert self.status == status, (self.status, self.err, self.out[-2000:])
        for word in words:
            assert word in self.err, self.err
        if status not in {0, 130}:
            assert self.err.splitlines()[-1].startswith("raydeck: "), self.err
        return self


class Raydeck:
    """``raydeck("jobs", "--json")`` runs a command to its end. What any of them printed is in ``said``."""

    def __init__(self, folder: Path, config: str | None = None, environ: dict[str, str] | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.state = folder / "state"
        kept = {name: value for name, value in (environ or os.environ).items() if not name.startswith("RAY")}
        self.environ = {**kept, "XDG_STATE_HOME": str(self.state), "XDG_CONFIG_HOME": str(folder), "HOME": str(folder)}
        self.environ["PYTHONPATH"] = str(Path(__file__).parents[3])
        self.said: list[bytes] = []
        if config is not None:
            (folder / "clusters.toml").write_text(config)

    def __call__(self, *words: object, timeout_s: float = 150.0, **environ: str) -> Ran:
        process = self.start(*words, **environ)
        return self.end(process, timeout_s)

    def start(self, *words: object, **environ: str) -> subprocess.Popen[bytes]:
        """Start a command and leave it running."""
        return subprocess.Popen(
            self.command(*words), cwd=self.folder, env=self.environ | environ, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def command(self, *words: object) -> list[str]:
        return [sys.executable, "-P", "-m", "console", *map(str, words)]

    def end(self, process: subprocess.Popen[bytes], timeout_s: float = 60.0, *, with_signal: int | None = None) -> Ran:
        """Wait for a command's end, after a signal if one is given; whatever it did, it showed no traceback."""
        if with_signal is not None:
            process.send_signal(with_signal)
        try:
            out, err = process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            raise AssertionError((process.args, "did not end", out[-2000:], err[-2000:])) from None
        self.said += [out, err]
        ran = Ran(process.returncode, out, err.decode())
        assert not [words for words in TRACES if words in ran.err], ran.err
        return ran

    def interrupt(self, process: subprocess.Popen[bytes]) -> Ran:
        """Press Ctrl-C."""
        return self.end(process, with_signal=signal.SIGINT)

    def pipe(self, shell_line: str) -> Ran:
        """Run a line of sh in which ``raydeck`` is the command."""
        line = shell_line.replace("raydeck", f"{sys.executable} -P -m console")
        return self.end(
            subprocess.Popen(
                ["bash", "-c", line], cwd=self.folder, env=self.environ, stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            )
        )  # fmt: skip

    def submit(self, *words: object, **environ: str) -> str:
        """Submit a job and return its id."""
        return str(self("submit", *words, "--json", **environ).check(0).json["submission_id"])

    def status_of(self, job_id: str) -> str:
        return next(j["status"] for j in self("jobs", "--json").json["jobs"] if j["submission_id"] == job_id)


def configured(*specs, serve: bool = True) -> str:
    """A clusters.toml of running clusters; without ``serve`` nobody can ask their Serve."""
    rows = ["[console]\nrefresh_s = 1\n"]
    for spec in specs:
        rows.append(f'[[clusters]]\nname = "{spec.name}"\nkind = "local"\ndashboard = "{spec.dashboard}"')
        rows += [f'auth_token_file = "{spec.auth_token_file}"'] if spec.auth_token_file else []
        rows += [f'nodes = 1\nserve = "{spec.serve}"\n'] if serve else []
    return "\n".join(rows)


def until(condition, timeout_s: float = 60.0, every_s: float = 0.1):
    """Wait until ``condition()`` is true and return its value."""
    deadline = time.monotonic() + timeout_s
    while not (value := condition()):
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(every_s)
    return value


def read_until(process: subprocess.Popen[bytes], words: str, timeout_s: float = 60.0) -> bytes:
    """Read a running command's standard output until it holds these words."""
    assert process.stdout is not None
    os.set_blocking(process.stdout.fileno(), False)
    seen = b""

    def look():
        nonlocal seen
        with suppress(BlockingIOError):
            seen += process.stdout.read() or b""
        return words.encode() in seen or process.poll() is not None

    until(look, timeout_s)
    os.set_blocking(process.stdout.fileno(), True)
    assert words.encode() in seen, seen
    return seen
