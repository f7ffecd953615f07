"""The files of one embedded cluster: its entries in the state folder and its own temporary folder."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import IO

import msgspec

from console.services.embedded import launch
from console.services.embedded.record import FOLDER, Plan, Record, log_file, record_file, targets_file, token_file
from console.services.state_folder import StateFolder

_TOLD_LINES = 4
_WORTH_TELLING = ("gcs_server.err", "gcs_server.out", "raylet.err", "raylet.out", "dashboard.log", "dashboard.err")


class ClusterFiles:
    """Makes what a plan needs on disk, and clears it away."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._state = StateFolder(Path(plan.state_folder))

    def write_record(self, record: Record) -> None:
        """Write down what is guarded."""
        self._state.write(msgspec.json.encode(record), FOLDER, record_file(record.name))

    def furnish(self, environ: Mapping[str, str]) -> tuple[list[str], dict[str, str]]:
        """Make all files that the start needs; return its command line and environment."""
        plan, state = self._plan, self._state.folder(FOLDER)
        # Never an existing folder: in /tmp that could be another user's.
        Path(plan.folder).mkdir(mode=0o700)
        if plan.role == "ray":
            self._state.write(plan.token.encode(), FOLDER, token_file(plan.name))
            self._state.write(launch.targets(plan), FOLDER, targets_file(plan.name))
        else:
            configuration = launch.prometheus_configuration(state)
            (Path(plan.folder) / "prometheus.yml").write_bytes(configuration)
        return launch.command(plan), launch.environment(plan, state, environ)

    def open_log(self) -> IO[bytes]:
        """Return the file that takes what the start prints."""
        return self._state.write(b"", FOLDER, log_file(self._plan.name)).open("ab")

    def complaint(self, what: str) -> str:
        """Return ``what`` with the last lines of the start's output; keep Ray's own last words in the log file."""
        path = self._state.at(FOLDER, log_file(self._plan.name))
        printed = path.read_text(errors="replace").splitlines()
        with path.open("a") as log:
            for name in _WORTH_TELLING:
                log.writelines(f"{name}: {line}\n" for line in self._last_words(name))
        return "; ".join([what, *(line.strip() for line in printed[-_TOLD_LINES:] if line.strip())])

    def _last_words(self, name: str) -> list[str]:
        path = Path(launch.ray_temp_folder(self._plan.folder)) / "session_latest" / "logs" / name
        return path.read_text(errors="replace").splitlines()[-20:] if path.is_file() else []

    def clear(self, *, failed: bool = False) -> None:
        """Remove everything; after a failed start the log file stays, so that it can be read."""
        remove_traces(self._state, self._plan.name, self._plan.folder, with_log=not failed)


def remove_traces(state: StateFolder, name: str, folder: str, *, with_log: bool = True) -> None:
    """Remove the files of one cluster; its record goes last, so that a killed clean-up is found again."""
    shutil.rmtree(folder, ignore_errors=True)
    for file in (token_file(name), targets_file(name)):
        state.remove(FOLDER, file)
    if with_log:
        state.remove(FOLDER, log_file(name))
    state.remove(FOLDER, record_file(name))


def new_folder(unique: str, environ: Mapping[str, str]) -> str:
    """Return a name for a cluster's temporary folder, short enough for the sockets below it.

    A socket's path may have 107 bytes (103 on macOS), and Ray adds up to 68 of its own; so a long TMPDIR is not used.
    """
    base = environ.get("TMPDIR", "")
    usable = base.startswith("/") and len(os.fsencode(base)) <= 16 and Path(base).is_dir()
    return f"{base.rstrip('/') if usable else '/tmp'}/raydeck-{unique[:8]}"  # noqa: S108 -- a private folder in it
