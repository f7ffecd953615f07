"""Name resolution with a deadline, as the system does it: /etc/hosts, then DNS.

The system's call blocks and cannot be ended, so each host has a thread of its own, and a hung name server holds up
nothing but the names that it is asked for.
"""

from __future__ import annotations

import ipaddress
import socket
import time
from collections.abc import Callable

from console.clients.one_thread import OneThread
from console.clients.wire import failure_of
from console.errors import SlowError
from console.model.failure import Failure

KEPT_S = 2.0  # a name that changes is seen within the time that a break has
Resolved = tuple[str, ...] | Failure
Ask = Callable[[str], tuple[str, ...]]


def system_addresses(host: str) -> tuple[str, ...]:
    """Return the addresses of a host in the system's order (it blocks); raise OSError."""
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))


def is_address(host: str) -> bool:
    """Return whether a host is an address, so that nothing has to be resolved."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


class Names:
    """All names that are asked for; an answer is kept for 2 s."""

    def __init__(self, ask: Ask = system_addresses, clock: Callable[[], float] = time.monotonic) -> None:
        self._ask, self._clock = ask, clock
        self._threads: dict[str, OneThread] = {}
        self._known: dict[str, tuple[float, Resolved]] = {}

    async def addresses(self, host: str, timeout_s: float) -> Resolved:
        """Return a host's addresses, or UNRESOLVED, or TIMED_OUT."""
        at, known = self._known.get(host, (float("-inf"), Failure.UNRESOLVED))
        if self._clock() - at < KEPT_S:
            return known
        thread = self._threads.setdefault(host, OneThread(f"name {host}"))
        found: Resolved
        try:
            found = await thread.call(lambda: self._ask(host), timeout_s)
        except SlowError:
            return Failure.TIMED_OUT
        except (OSError, UnicodeError) as error:
            found = failure_of(error) if isinstance(error, OSError) else Failure.UNRESOLVED
        self._known[host] = (self._clock(), found)
        return found

    def forget(self) -> None:
        """Ask anew for every name."""
        self._known.clear()

    def close(self) -> None:
        """Give the threads up."""
        for thread in self._threads.values():
            thread.close()
        self._threads.clear()
