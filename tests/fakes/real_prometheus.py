"""A real Prometheus for tests: scrapes what a test names, may be stopped and started again on the same data."""

from __future__ import annotations

import json
import socket
import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import httpx


@dataclass(frozen=True)
class Scrape:
    """One scrape job; every target is an address with a path, all with the same labels."""

    job: str
    address: str
    path: str = "/metrics"
    interval: str = "1s"
    labels: dict[str, str] = field(default_factory=dict)

    def config(self) -> dict[str, Any]:
        # Job names must differ, so the label is set afterwards.
        target = {"targets": [self.address], "labels": {"__metrics_path__": self.path, "job": self.job} | self.labels}
        name = f"{self.job} {self.address} {self.path}"
        return {
            "job_name": name,
            "scrape_interval": self.interval,
            "scrape_timeout": self.interval,
            "static_configs": [target],
        }


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class RealPrometheus:
    """The server's process; ``folder`` holds its configuration and data."""

    def __init__(self, binary: str, folder: Path, scrapes: Iterable[Scrape]) -> None:
        self.binary, self.folder, self.port = binary, folder, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)
        config = {"scrape_configs": [scrape.config() for scrape in scrapes]}
        (folder / "prometheus.yml").write_text(json.dumps(config))

    def start(self) -> RealPrometheus:
        """Start it and wait until it answers."""
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    self.binary,
                    f"--config.file={self.folder}/prometheus.yml",
                    f"--storage.tsdb.path={self.folder}/data",
                    f"--web.listen-address=127.0.0.1:{self.port}",
                    "--log.level=warn",
                ],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
            )
        deadline = time.monotonic() + 20
        while not self._ready():
            assert self._process.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        return self

    def stop(self) -> None:
        """End it, as an operator would."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(20)
            self._process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def answers(self, query: str, at: float | None = None) -> list[tuple[dict[str, str], float]]:
        """Return what the server answers, asked past all code of ours."""
        asked = {"query": query} | ({} if at is None else {"time": str(at)})
        document = httpx.get(f"{self.url}/api/v1/query", params=asked, timeout=10).raise_for_status().json()
        return [(one["metric"], float(one["value"][1])) for one in document["data"]["result"]]

    def until(self, query: str, count: int, timeout_s: float = 30.0) -> None:
        """Wait until a query has this many results."""
        deadline = time.monotonic() + timeout_s
        while len(self.answers(query)) < count:
            assert time.monotonic() < deadline, f"{query}: {self.answers(query)[:3]}"
            time.sleep(0.1)

    def until_targets(self, count: int, timeout_s: float = 30.0) -> None:
        """Wait until it has found so many targets, scraped or not."""
        deadline = time.monotonic() + timeout_s
        while len(httpx.get(f"{self.url}/api/v1/targets").json()["data"]["activeTargets"]) < count:
            assert time.monotonic() < deadline
            time.sleep(0.1)

    def _ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/-/ready", timeout=1).status_code == 200
        except httpx.HTTPError:
            return False
