"""Benchmarks share the real clusters of the live tests."""

import pytest

from tests.live.conftest import embedded_cluster, shared_clusters

__all__ = ["embedded_cluster", "shared_clusters"]


@pytest.fixture
def figure(capsys):
    """``figure("what", "value")`` prints one line of the report, whatever pytest captures."""

    def show(what: str, value: object) -> None:
        with capsys.disabled():
            print(f"\n  {what}: {value}", end="")

    return show
