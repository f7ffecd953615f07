"""Key to effect, seen from outside, while a real job floods its log."""

import itertools
import json
import sys
import time

import httpx
import pytest

from tests.benchmarks.scenes import console
from tests.benchmarks.terminal import Terminal

pytestmark = pytest.mark.bench

LINES_PER_S = 20_000
KEYS = 600
BLOCK = ["f", "k", "j", "k", "j", "k", "j", "f"]  # stop following, move about, follow again
P99_MOST_MS = 50.0
MEMORY_MOST_BYTES = 400 * 1024**2
FLOOD = f"""
import sys, time
due, written = time.perf_counter(), 0
while True:
    count = int((time.perf_counter() - due) * {LINES_PER_S}) - written
    sys.stdout.writelines(f"14:03:27 INFO worker {{n % 9}} batch {{n:08d}} done, mean {{n * 0.1:.3f}}\\n"
                          for n in range(written, written + count))
    sys.stdout.flush()
    written += count
    time.sleep(0.02)
"""


@pytest.fixture
def flooding(embedded_cluster, tmp_path):
    """A job of the shared cluster that writes 20 000 lines a second, and a clusters.toml that shows the cluster."""
    spec = embedded_cluster.spec
    (tmp_path / "flood.py").write_text(FLOOD)
    rows = f'[[clusters]]\nname = "real"\nkind = "local"\ndashboard = "{spec.dashboard}"\n'
    (tmp_path / "clusters.toml").write_text(f'{rows}auth_token_file = "{spec.auth_token_file}"\n')
    headers = {"Authorization": f"Bearer {embedded_cluster.token}"}
    with httpx.Client(base_url=spec.dashboard, headers=headers, timeout=30, trust_env=False) as client:
        entrypoint = f"{sys.executable} {tmp_path / 'flood.py'}"
        job_id = client.post("/api/jobs/", content=json.dumps({"entrypoint": entrypoint})).json()["submission_id"]
        yield job_id
        client.post(f"/api/jobs/{job_id}/stop")


def lines_counted(terminal: Terminal) -> int:
    """How many lines the log's title says have arrived."""
    words = next(line for line in terminal.screen.display if "lines" in line).split("lines")[0].split()
    digits = itertools.takewhile(str.isdigit, reversed(words))
    return int("".join(reversed(list(digits))))


def test_keys_while_a_log_floods(tmp_path, flooding, figure):
    with console(tmp_path, size=(120, 36)) as terminal:
        terminal.wait_for("●", 20)
        terminal.write("2")
        terminal.wait_for(flooding, 20)
        terminal.write("\r")
        terminal.wait_for(lambda text: text.count("batch") > 20, 30)
        terminal.read_for(3)
        began, before = time.perf_counter(), lines_counted(terminal)
        taken = terminal.key_latencies(BLOCK * (KEYS // len(BLOCK)), effect)
        rate = (lines_counted(terminal) - before) / (time.perf_counter() - began)
        rss = terminal.process.memory_info().rss
    figure("lines arriving meanwhile", f"{rate:,.0f} a second")
    figure("key to effect", taken)
    figure("memory after the flood", f"{rss / 1024**2:.0f} MiB")
    assert rate > 0.8 * LINES_PER_S
    assert taken.lost == 0
    assert taken.percentile(0.99) < P99_MOST_MS
    assert rss < MEMORY_MOST_BYTES


def effect(terminal: Terminal) -> tuple[bool, str]:
    """Whether the log is followed, and while it is not, a line of it."""
    following = "following" in title(terminal)
    return following, "" if following else terminal.line(12)


def title(terminal: Terminal) -> str:
    """The log's title line."""
    return terminal.line(3)
