"""``raydeck status --watch``: every row as soon as its own cluster has answered, whatever another one does."""

import json
import subprocess
import sys
from contextlib import contextmanager

from tests.benchmarks.scenes import ROOT, configuration, fakes, surroundings


@contextmanager
def watching(folder, urls):
    """Run the command over these dashboards and yield what it prints, a document a line."""
    config = configuration(folder, urls)
    command = [sys.executable, "-m", "console", "--config", str(config), "status", "--watch", "--json"]
    with subprocess.Popen(command, cwd=ROOT, env=surroundings(folder), stdout=subprocess.PIPE, text=True) as process:
        try:
            yield ({row["name"]: row for row in json.loads(line)["clusters"]} for line in process.stdout)
        finally:
            process.terminate()


def test_a_hung_cluster_delays_no_other_row_and_its_own_says_so(tmp_path):
    with fakes(2) as (good, hung):
        hung.trouble = "hang"
        with watching(tmp_path, [good.url, hung.url]) as shown:
            first = next(rows for rows in shown if rows["cluster-1"]["state"] == "up")
            assert (first["cluster-2"]["state"], first["cluster-2"]["faults"]) == ("unknown", [])
            later = next(rows for rows in shown if rows["cluster-2"]["state"] == "down")
            assert later["cluster-1"]["state"] == "up"
            assert "no answer within" in later["cluster-2"]["faults"][0]["message"]
