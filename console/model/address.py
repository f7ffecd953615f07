"""The order of addresses: by number, so that 10.0.0.9 stands before 10.0.0.10."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import ip_address


@lru_cache(4096)  # asked for each row of each table, at each showing
def address_order(address: str) -> str:
    """Return what sorts an address: IPv4, then IPv6, both by number; what is neither follows by its text."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return f"9{address.casefold()}"
    return f"{parsed.version}{int(parsed):032x}"
