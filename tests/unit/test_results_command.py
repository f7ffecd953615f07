"""``raydeck results`` and ``results export``, and ``raydeck serve``: tables, JSON, files, and what is said when not."""

from __future__ import annotations

import asyncio
import csv
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner, Result

from console.cli.root import raydeck
from console.errors import RaydeckError
from console.model.job import Job
from console.services.output_fetch import SpoiltError
from console.services.outputs import OutputShelf
from console.services.state_folder import StateFolder
from tests.fakes.head import fake_head
from tests.pilot.deck import NOON, Clock, configuration
from tests.pilot.scenes import Fleet, clustering_document, output_document, serving

PARAMETERS = {"process-parameters": {}, "storage-parameters": {}, "data-parameters": {"amount": 400}}


def job(job_id: str) -> Job:
    return Job(
        cluster="local-1", submission_id=job_id, job_id="01", type="SUBMISSION", status="SUCCEEDED",
        entrypoint=f"python parallel_processing.py '{json.dumps(PARAMETERS)}'",
        start_time=NOON - 12, end_time=NOON, metadata={"raydeck_job": "parallel_processing"},
    )  # fmt: skip


@pytest.fixture
def shelf(tmp_path: Path) -> OutputShelf:
    return OutputShelf(StateFolder.from_environment({"XDG_STATE_HOME": str(tmp_path)}), lambda: NOON)


@pytest.fixture
def command(tmp_path: Path) -> Callable[..., Result]:
    config = tmp_path / "clusters.toml"
    config.write_text(configuration({"local-1": {"kind": "local", "dashboard": "http://127.0.0.1:9"}}))
    environ = {"XDG_STATE_HOME": str(tmp_path), "HOME": str(tmp_path)}
    return lambda *words: CliRunner().invoke(raydeck, ["--config", str(config), *map(str, words)], env=environ)


def test_what_is_kept_as_json_and_as_a_table(shelf: OutputShelf, command: Callable[..., Result]) -> None:
    document = json.dumps(output_document()).encode()
    kept = shelf.keep(job("raysubmit_a"), document, "serve")
    path = shelf.keep_aside(job("raysubmit_half"), SpoiltError(RaydeckError("local-1", "was cut off"), b"{", "log"))
    (found,), (aside,) = json.loads(command("results", "--json").stdout).values()
    assert found == {
        "cluster": "local-1", "job": "parallel_processing", "submission_id": "raysubmit_a", "parameters": PARAMETERS,
        "start_time": "2026-11-22T21:59:48.000+00:00", "end_time": "2026-11-22T22:00:00.000+00:00",
        "kept_at": "2026-11-22T22:00:00.000+00:00", "source": "serve", "sha256": hashlib.sha256(document).hexdigest(),
        "summaries_in_all": None, "path": str(shelf.path(kept)),
    }  # fmt: skip
    assert (aside["why"], aside["received_bytes"], aside["path"]) == ("was cut off", 1, str(path))
    table = command("results").stdout
    assert "amount 400" in table
    assert "kept aside, 1 B: was cut off" in table


def test_export_in_every_form(tmp_path: Path, shelf: OutputShelf, command: Callable[..., Result]) -> None:
    document = clustering_document()
    document["output"]["0"]["data"][0]["id"] = "=cmd|'/c calc'!A0"
    shelf.keep(job("raysubmit_a"), json.dumps(document).encode(), "serve")
    for suffix in ("json", "csv", "svg"):
        done = command("results", "export", "raysubmit_a", "--to", tmp_path / f"out.{suffix}")
        assert done.exit_code == 0, done.exception
    assert json.loads((tmp_path / "out.json").read_bytes()) == document
    rows = list(csv.DictReader((tmp_path / "out.csv").open()))
    data = [row for cluster in document["output"].values() for row in cluster["data"]]
    assert [float(row["name_variance"]) for row in rows] == [v for row in data for v in row["name"]["variance"]]
    assert rows[0]["summary"] == "'=cmd|'/c calc'!A0"
    assert {row["cluster"] for row in rows} == {"0", "1"}
    drawn = ET.parse(tmp_path / "out.svg").getroot()  # noqa: S314 -- our own file
    assert len(drawn.findall(".//{*}circle")) == 4 * len(rows)
    assert "cannot be reached: Connection refused" in (tmp_path / "out.svg").read_text()


def test_what_cannot_be_exported_is_said(tmp_path: Path, shelf: OutputShelf, command: Callable[..., Result]) -> None:
    kept = shelf.keep(job("raysubmit_a"), json.dumps(output_document()).encode(), "serve")
    for arguments, status, words in (
        (("raysubmit_b", "--to", "x.csv"), 1, "raysubmit_b"),
        (("raysubmit_a", "--to", "x.pdf"), 2, "x.pdf"),
        (("raysubmit_a", "--to", tmp_path / "no/x.csv"), 1, "cannot be written"),
    ):
        refused = command("results", "export", *arguments)
        assert refused.exit_code == status
        assert words in refused.output
    shelf.path(kept).write_bytes(b"{}")
    assert "its checksum differs" in command("results", "export", "raysubmit_a", "--to", tmp_path / "x.csv").output


def test_what_is_served_as_json_and_as_a_table(tmp_path: Path) -> None:
    async def run(*words: str) -> Result:
        async with fake_head(Clock()) as head:
            fleet = Fleet()
            fleet.heads["local-1"] = head
            serving(fleet)
            clusters = {"local-1": {"kind": "local", "dashboard": head.url, "serve": head.serve_url},
                        "dark": {"kind": "local", "dashboard": "http://127.0.0.1:9"}}  # fmt: skip
            config = tmp_path / "clusters.toml"
            config.write_text(configuration(clusters))
            arguments = ["--config", str(config), "serve", *words]
            return await asyncio.to_thread(
                CliRunner().invoke, raydeck, arguments, env={"XDG_STATE_HOME": str(tmp_path)}
            )

    done = asyncio.run(run("--json"))
    well, dark = json.loads(done.stdout)["clusters"]
    assert done.exit_code == 1
    assert (dark["applications"], "nothing listens there" in dark["error"]) == (None, True)
    assert [app["name"] for app in well["applications"]] == ["requests", "broken"]
    assert {"method": "POST", "path": "/items"} in well["applications"][0]["routes"]
    (deployment,) = well["applications"][0]["deployments"]
    assert deployment["replicas"] == [{"id": "abc", "state": "RUNNING", "node_ip": "172.29.0.15"}]
    assert deployment["requests_per_s"] is None
    table = asyncio.run(run("--cluster", "local-1"))
    assert table.exit_code == 0
    assert "raydeck-requests" in table.stdout
    assert "ImportError: no module named 'torch'" in table.stdout
