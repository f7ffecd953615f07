"""Both front ends as users have them, on the clusters of tests/live/conftest.py."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from raydeck_process import Raydeck, configured

GOLDEN = json.loads((Path(__file__).parents[2] / "golden" / "processing.json").read_text())["published"]


@pytest.fixture(scope="package")
def here(embedded_cluster, tmp_path_factory) -> Raydeck:
    """``raydeck`` with a clusters.toml of the shared cluster."""
    return Raydeck(tmp_path_factory.mktemp("here"), configured(embedded_cluster.spec))


@pytest.fixture
def other(tmp_path: Path) -> Callable[[str], Raydeck]:
    """``other(config)`` is a ``raydeck`` of another user: nothing of the first one's is known to it."""
    return lambda config: Raydeck(tmp_path / "other", config)


@pytest.fixture
def folder(tmp_path: Path) -> Callable[..., Path]:
    """``folder(name=content…)`` is a working dir with these Python programs."""

    def make(**programs: str) -> Path:
        made = tmp_path / "work"
        made.mkdir(exist_ok=True)
        for name, content in programs.items():
            (made / f"{name}.py").write_text(content)
        return made

    return make


@pytest.fixture
def started(here: Raydeck) -> Iterator[list[str]]:
    """Ids of jobs that are stopped when the test is over."""
    ids: list[str] = []
    yield ids
    for job_id in ids:
        here("stop", job_id, "--wait")


@pytest.fixture(scope="session")
def is_golden() -> Callable[[bytes], bool]:
    """``is_golden(document)`` says whether an output holds the published summary, bit for bit."""

    def judge(document: bytes) -> bool:
        keys = ("workers", "batches")
        found = [s for s in json.loads(document)["output"] if all(s[key] == GOLDEN[key] for key in keys)]
        return [{**s, "id": None} for s in found] == [{**GOLDEN, "id": None}]

    return judge
