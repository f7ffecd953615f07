"""Which forwards follow from the port plan, which clusters have none, and that plans survive being written down."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.config import Config, SshGate, parse_config
from console.errors import NotFoundError, UsageError
from console.model.address import with_port
from console.services.forwards.plans import decode_plans, encode_plans, tunnel_plans
from console.services.forwards.session import forwarding_command

TEXT = """
[ssh.vm]
host = "GPU-cpouta"
private_ip = "192.168.1.19"
user = "op"
identity_file = "/keys/my key"

[ssh.bare]
host = "bare"

[[clusters]]
name = "local-1"
kind = "local"
tunnel = { via = "vm", slot = 1 }
reach = "forward"

[[clusters]]
name = "moved"
kind = "local"
tunnel = { via = "vm", slot = 2 }
reach = "forward"
dashboard = "http://localhost:9100"

[[clusters]]
name = "hpc-1"
kind = "hpc"
tunnel = { via = "vm", slot = 1 }

[[clusters]]
name = "homeless"
kind = "local"
tunnel = { via = "bare", slot = 4 }

[[clusters]]
name = "plain"
kind = "local"
dashboard = "http://127.0.0.1:8265"
"""


@pytest.fixture(scope="module")
def config() -> Config:
    return parse_config(TEXT.encode(), Path("/etc/clusters.toml"), {})


def words(config: Config, names: list[str], reverse: list[str] | None = None) -> list[str]:
    (plan,) = tunnel_plans(config, names, reverse or [])
    return forwarding_command(plan, plan.forwards)


def test_without_a_name_all_clusters_that_are_reached_through_forwards(config: Config) -> None:
    assert [plan.key for plan in tunnel_plans(config, [])] == ["local-1", "moved"]


def test_local_forwards_lead_from_this_machine_to_the_private_address(config: Config) -> None:
    command = words(config, ["local-1"])
    ports = (8100, 8151, 8201, 8202, 8301)
    assert [word for word in command if "192.168.1.19" in word] == [
        f"127.0.0.1:{port}:192.168.1.19:{port}" for port in ports
    ]
    assert command.count("-L") == 5
    assert command[-2:] == ["--", "GPU-cpouta"]


def test_a_dashboard_of_its_own_port_is_listened_for_there(config: Config) -> None:
    assert "127.0.0.1:9100:192.168.1.19:8101" in words(config, ["moved"])


def test_reverse_forwards_lead_from_the_private_address_to_the_clusters_ports(config: Config) -> None:
    command = words(config, [], ["hpc-1"])
    assert "192.168.1.19:8125:127.0.0.1:8265" in command
    assert "192.168.1.19:8251:127.0.0.1:8500" in command
    assert command.count("-R") == 5


def test_the_options_that_a_supervised_tunnel_needs(config: Config) -> None:
    command = words(config, ["local-1"])
    text = " ".join(command)
    assert command[:3] == ["ssh", "-S", "none"]
    for option in ("BatchMode=yes", "ExitOnForwardFailure=yes", "ServerAliveInterval=2", "ServerAliveCountMax=2",
                   "ConnectTimeout=5", "LogLevel=INFO", "IdentitiesOnly=yes"):  # fmt: skip
        assert option in command
    assert "-N" in command
    assert "StrictHostKeyChecking" not in text
    assert "/keys/my key" in command


@pytest.mark.parametrize(
    ("names", "reverse", "error", "words_"),
    [
        (["nobody"], [], NotFoundError, "no such cluster"),
        (["hpc-1"], [], UsageError, "is reached through the gateway and needs no forward"),
        (["plain"], [], UsageError, "has no tunnel"),
        ([], ["plain"], UsageError, "has no tunnel"),
        ([], ["homeless"], UsageError, "private address"),
    ],
)
def test_what_has_no_forward_is_refused_with_the_way_out(
    config: Config, names: list[str], reverse: list[str], error: type[Exception], words_: str
) -> None:
    with pytest.raises(error, match=words_) as raised:
        tunnel_plans(config, names, reverse)
    assert raised.value.hint  # type: ignore[attr-defined]


def test_plans_survive_being_written_down(config: Config) -> None:
    plans = (*tunnel_plans(config, []), *tunnel_plans(config, [], ["hpc-1"]))
    assert decode_plans(encode_plans(plans)) == plans
    assert isinstance(plans[0].gate, SshGate)


@settings(deadline=None)
@given(st.integers(1, 25), st.sampled_from(["local", "hpc"]))
def test_every_slot_has_five_ports_of_its_own(slot: int, kind: str) -> None:
    text = TEXT + f'\n[[clusters]]\nname = "x"\nkind = "{kind}"\ntunnel = {{ via = "vm", slot = {slot} }}\n'
    text = text[: text.index("[[clusters]]")] + text[text.rindex("[[clusters]]") :]
    (plan,) = tunnel_plans(parse_config(text.encode(), Path("/c.toml"), {}), [], ["x"])
    ports = [forward.listen_port for forward in plan.forwards]
    assert len(set(ports)) == 5
    assert all(8100 <= port <= 8400 for port in ports)


def test_an_ipv6_address_is_bracketed() -> None:
    assert with_port("fd00::1", 22) == "[fd00::1]:22"
