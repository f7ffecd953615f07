"""A Prometheus behind TLS with a certificate authority of its own, and behind a bearer token from a file."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from console.clients.prometheus import PrometheusClient
from console.config import PrometheusServer, bearer_token
from console.errors import AuthError, SourceError
from tests.fakes.certificates import Authority
from tests.fakes.prometheus import TroubledPrometheus, vector

TOKEN = "a-token-of-a-test"
PATIENCE_S = 20.0


def asked(server: PrometheusServer) -> tuple[float | None, ...]:
    async def work() -> tuple[float | None, ...]:
        client = PrometheusClient(server, lambda: bearer_token(server), timeout_s=PATIENCE_S)
        try:
            return tuple(series.value for series in (await client.instant("up")).series)
        finally:
            client.close()

    return asyncio.run(work())


def test_a_server_of_an_own_authority_is_believed_with_its_ca_file_alone(tmp_path: Path) -> None:
    authority, other = Authority(tmp_path), Authority(tmp_path, "another authority")
    fake = TroubledPrometheus()
    fake.data = vector(({}, "1.5"))
    with fake.running(tls=authority.context_for("127.0.0.1")):
        url = f"https://{fake.address}"
        assert asked(PrometheusServer("oss", url, ca_file=authority.ca_file)) == (1.5,)
        for believed in (None, other.ca_file):
            with pytest.raises(SourceError) as refused:
                asked(PrometheusServer("oss", url, ca_file=believed))
            assert "certificate" in refused.value.what
            assert "ca_file" in refused.value.hint
    assert len(fake.asked) == 1  # nothing was asked, and no token sent, past a certificate that is not believed


def test_a_certificate_of_another_address_is_refused(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    fake = TroubledPrometheus()
    with fake.running(tls=authority.context_for("127.0.0.9")), pytest.raises(SourceError) as refused:
        asked(PrometheusServer("oss", f"https://{fake.address}", ca_file=authority.ca_file))
    assert "certificate" in refused.value.what
    assert fake.asked == []


def test_a_ca_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    fake = TroubledPrometheus()
    missing = tmp_path / "gone.pem"
    with fake.running(tls=authority.context_for("127.0.0.1")), pytest.raises(SourceError) as refused:
        asked(PrometheusServer("oss", f"https://{fake.address}", ca_file=missing))
    assert str(missing) in f"{refused.value.what} {refused.value.hint}"


def test_the_token_of_the_file_is_sent_and_a_refusal_is_told(tmp_path: Path) -> None:
    token_file = tmp_path / "token"
    token_file.write_text(TOKEN + "\n")
    token_file.chmod(0o600)
    authority = Authority(tmp_path)
    fake = TroubledPrometheus()
    with fake.running(tls=authority.context_for("127.0.0.1")):
        server = PrometheusServer("oss", f"https://{fake.address}", token_file, authority.ca_file)
        asked(server)
        assert fake.headers[-1]["Authorization"] == f"Bearer {TOKEN}"
        fake.trouble = "forbidden"
        with pytest.raises(AuthError) as refused:
            asked(server)
    assert "bearer_token_file" in refused.value.hint
    assert TOKEN not in str(refused.value)


def test_a_token_that_others_can_read_is_not_sent(tmp_path: Path) -> None:
    token_file = tmp_path / "token"
    token_file.write_text(TOKEN)
    token_file.chmod(0o644)
    fake = TroubledPrometheus()
    with fake.running(), pytest.raises(SourceError) as refused:
        asked(PrometheusServer("oss", fake.url, token_file))
    assert fake.asked == []
    assert TOKEN not in str(refused.value)
