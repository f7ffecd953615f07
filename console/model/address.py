"""Addresses: how they are written with a port, which lead to this machine itself, and their order, by number."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import ip_address


def with_port(host: str, port: int) -> str:
    """Return ``host:port``, an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine's loopback, by its name or its address."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


@lru_cache(4096)  # asked for each row of each table, at each showing
def address_order(address: str) -> str:
    """Return what sorts an address: IPv4, then IPv6, both by number; what is neither follows by its text."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return f"9{address.casefold()}"
    return f"{parsed.version}{int(parsed):032x}"
