"""What a submission brings along: this cluster's token and nothing of the operator's own, through nobody's proxy."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from console.clients.submission import Submission, send
from console.model.cluster import ClusterSpec
from tests.fakes.head import fake_head

OPERATORS_OWN = "operators-own-token"


@pytest.fixture
def operators_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An operator who has a token for a cluster of their own, a proxy, and a password for this host."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login operator password hunter2\n")
    netrc.chmod(0o600)
    for name, value in {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": OPERATORS_OWN,
        "http_proxy": "http://127.0.0.1:9",
        "NETRC": str(netrc),
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("no_proxy", raising=False)


@pytest.mark.parametrize("token", [None, "token-of-this-cluster"])
@pytest.mark.usefixtures("operators_environment")
def test_only_this_cluster_s_token_is_sent_and_to_this_cluster_alone(token: str | None) -> None:
    async def work() -> None:
        async with fake_head(time.time) as head:
            spec = ClusterSpec(name="c", kind="local", dashboard=head.url)
            sent = Submission(submission_id="raysubmit_1", entrypoint="true", runtime_env={})
            await send(spec, token, sent, timeout_s=30)
            assert [job["submission_id"] for job in head.submissions] == ["raysubmit_1"]
            assert set(head.tokens) == {None if token is None else f"Bearer {token}"}

    asyncio.run(work())
