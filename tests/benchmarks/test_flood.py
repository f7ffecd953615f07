"""A real job floods its log while keys are pressed: key to effect, seen from outside, and every line counted."""

from __future__ import annotations

import itertools
import json
import re
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.benchmarks.scenes import console
from tests.benchmarks.terminal import Latencies, Terminal

pytestmark = pytest.mark.bench

MOVES = ["k", "k", "j", "k", "j", "k"]  # never down to the end: there the log is followed again, and j does nothing
KEYS_LEAST = 500
P99_MOST_MS = 50.0
MEMORY_MOST_BYTES = 200 * 1000**2
FLOOD = """
import pathlib, sys, time
rate, seconds, go = int(sys.argv[1]), int(sys.argv[2]), pathlib.Path(sys.argv[3])
print("ready", flush=True)
while not go.exists():
    time.sleep(0.02)
due, written = time.perf_counter(), 0
while written < rate * seconds:
    count = min(rate * seconds, int((time.perf_counter() - due) * rate)) - written
    sys.stdout.writelines(f"14:03:27 INFO worker {n % 9} batch {n:08d} done, mean {n * 0.1:.3f}\\n"
                          for n in range(written, written + count))
    sys.stdout.flush()
    written += count
    time.sleep(0.02)
"""

Submit = Callable[[int, int], str]


@pytest.fixture
def submitted(embedded_cluster, tmp_path: Path) -> Iterator[Submit]:
    """``submitted(lines_per_s, seconds)`` is a job that waits for the file ``go``, then floods."""
    spec = embedded_cluster.spec
    (tmp_path / "flood.py").write_text(FLOOD)
    rows = f'[[clusters]]\nname = "real"\nkind = "local"\ndashboard = "{spec.dashboard}"\n'
    (tmp_path / "clusters.toml").write_text(f'{rows}auth_token_file = "{spec.auth_token_file}"\n')
    headers = {"Authorization": f"Bearer {embedded_cluster.token}"}
    with httpx.Client(base_url=spec.dashboard, headers=headers, timeout=30, trust_env=False) as client:
        ids: list[str] = []

        def submit(lines_per_s: int, seconds: int) -> str:
            words = (sys.executable, tmp_path / "flood.py", lines_per_s, seconds, tmp_path / "go")
            content = json.dumps({"entrypoint": " ".join(map(str, words))})
            ids.append(client.post("/api/jobs/", content=content).json()["submission_id"])
            return ids[-1]

        yield submit
        for job_id in ids:
            client.post(f"/api/jobs/{job_id}/stop")


def lines_counted(terminal: Terminal) -> int:
    """How many lines the log's title says have arrived."""
    words = next(line for line in terminal.screen.display if "lines" in line).split("lines")[0].split()
    digits = itertools.takewhile(str.isdigit, reversed(words))
    return int("".join(reversed(list(digits))))


@pytest.mark.parametrize(("lines_per_s", "seconds"), [(20_000, 45), (50_000, 60)])
def test_keys_while_a_log_floods(tmp_path: Path, submitted: Submit, figure, lines_per_s: int, seconds: int) -> None:
    job_id = submitted(lines_per_s, seconds)
    with console(tmp_path, size=(120, 36)) as terminal:
        terminal.wait_for("●", 20)
        terminal.write("2")
        terminal.wait_for(job_id, 20)
        terminal.write("\r")
        terminal.wait_for("ready", 30)
        terminal.settle(0.5)
        before = lines_counted(terminal)
        (tmp_path / "go").touch()
        terminal.wait_for(lambda text: text.count("batch") > 20, 30)
        taken = keys_for(terminal, seconds - 5)
        rss = terminal.process.memory_info().rss
        terminal.write("G")
        terminal.wait_for("job succeeded", 60)
        terminal.settle(0.5)
        counted = lines_counted(terminal) - before
        rss = max(rss, terminal.process.memory_info().rss)
    figure(f"{lines_per_s:,} lines/s for {seconds} s, lines counted of it", f"{counted:,}")
    figure("key to effect", taken)
    figure("memory", f"{rss / 1000**2:.0f} MB")
    assert counted == lines_per_s * seconds
    kept = re.findall(rb"batch (\d{8}) done", next(tmp_path.glob(f"state/raydeck/logs/{job_id}.log")).read_bytes())
    assert list(map(int, kept)) == list(range(lines_per_s * seconds - len(kept), lines_per_s * seconds))
    assert len(kept) > 50_000
    assert len(taken.milliseconds) >= KEYS_LEAST
    assert taken.lost == 0
    assert taken.percentile(0.99) < P99_MOST_MS
    assert rss < MEMORY_MOST_BYTES


def keys_for(terminal: Terminal, seconds: float) -> Latencies:
    """Stop following, move about and follow again, for so long."""
    ends_at, taken, lost = time.perf_counter() + seconds, list[float](), 0
    while time.perf_counter() < ends_at:
        for keys, effect in ((["f"], follows), (MOVES, lambda terminal: terminal.line(12)), (["f"], follows)):
            found = terminal.key_latencies(keys, effect)
            taken += found.milliseconds
            lost += found.lost
    return Latencies(tuple(taken), lost)


def follows(terminal: Terminal) -> bool:
    """Whether the log is followed, as its title says: that is painted last, so no part of the effect is to come."""
    return "following" in terminal.line(3)
