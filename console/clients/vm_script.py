"""What is asked on the VM in one round trip, and how it is read: listeners, who holds them, sshd's settings, bytes.

The script is fixed; addresses and ports are its arguments, which come from the checked configuration. It needs nothing
but a shell, iproute2's ``ss`` and, for bytes, ``bash``; what is not there is left out of the answer. SIGPIPE is
ignored: a port that was closed before the request is written would end its shell without a word.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal, cast, get_args

from msgspec import Struct

Through = Literal["open", "closed", "refused", "silent"]
Question = Literal["bytes", "http", "version"]
"""What a port is asked: whether it stays open, ``/favicon.ico``, or Ray's ``/api/version``."""
Asked = tuple[int, Question]
TIMEOUT_S = 6.0
_MOST_PORTS, _PORT_DIGITS = 200, 5
_SIGNS: Mapping[Question, str] = {"bytes": ".", "http": "h", "version": "v"}
_SETTINGS = ("gatewayports", "allowtcpforwarding", "permitlisten", "clientaliveinterval", "clientalivecountmax")
_SHOWN = "|".join(_SETTINGS)
_SCRIPT = f"""LC_ALL=C; export LC_ALL; PATH=$PATH:/usr/sbin:/sbin
ssh_port=${{SSH_CONNECTION##* }}
echo '== listeners'; ss -Htlnp
echo '== sessions'; ss -Htnop state established "( sport = :${{ssh_port:-22}} )"
echo '== sshd'; {{ sshd -T -C "user=$(id -un),host=localhost,addr=127.0.0.1" || cat /etc/ssh/sshd_config \
/etc/ssh/sshd_config.d/*.conf; }} 2>/dev/null | grep -iE '^ *({_SHOWN})'
echo '== bytes'; address=$1; shift
for port; do bash -c '
trap "" PIPE; port=${{1%[.hv]}} most=100 path=/favicon.ico wait=2 quiet=silent
exec 3<>"/dev/tcp/$0/$port" || {{ echo "$port refused"; exit; }}
case $1 in *v) most=1500 path=/api/version;; *.) path= most=1 wait=0.5 quiet=open;; esac
[ -z "$path" ] || printf "GET %s HTTP/1.0\\r\\n\\r\\n" "$path" >&3
IFS= read -r -t $wait -d "" -n $most -u 3 said; code=$?
if [ -n "$said" ] || [ $code = 0 ]; then echo "$port open ${{said//[[:cntrl:]]/ }}"
elif [ $code -gt 128 ]; then echo "$port $quiet"; else echo "$port closed"; fi' "$address" "$port" 2>/dev/null & done
wait; echo '== end'"""
_ADDRESS = re.compile(r"\[?(?P<host>[^\]%]*)(?:%\w+)?\]?:(?P<port>\d{1,5})$")
_HOLDER = re.compile(r'"(?P<program>[^"]+)",pid=(?P<pid>\d{1,10})')
_RETRANSMITS = re.compile(r"timer:\(on,[^,]+,(?P<count>\d{1,9})\)")
_STATUS = re.compile(r"HTTP/1\.[01] (?P<status>\d{3}) ")
_SESSION = re.compile(r'"session_name": ?"(?P<session>[^"]{1,200})"')
_LOOPBACK = ("127.", "::1")
_WILDCARDS = frozenset({"*", "0.0.0.0", "::"})  # noqa: S104 -- looked for, not bound


class Listener(Struct, frozen=True):
    """One listening socket; program and pid only where ssh's user may see them."""

    host: str
    port: int
    program: str = ""
    pid: int | None = None

    @property
    def is_loopback(self) -> bool:
        """Return whether nobody but the VM itself reaches it."""
        return self.host.startswith(_LOOPBACK)

    @property
    def is_exposed(self) -> bool:
        """Return whether it listens on every address of the VM."""
        return self.host in _WILDCARDS


class Told(Struct, frozen=True):
    """What the VM told; ``listeners`` is None without ``ss``.

    ``stalled``: pids of sessions whose line is dead, 0 for one whose pid is not shown. ``settings``: sshd's, in lower
    case. ``through``: port -> what a connection gave, ``said``: the beginning of what came.
    """

    listeners: tuple[Listener, ...] | None = None
    stalled: frozenset[int] = frozenset()
    settings: Mapping[str, str] = {}
    through: Mapping[int, Through] = {}
    said: Mapping[int, str] = {}

    def http_status(self, port: int) -> int | None:
        """Return the status that a port's answer has, None where it is no HTTP."""
        found = _STATUS.match(self.said.get(port, ""))
        return int(found["status"]) if found else None

    def session(self, port: int) -> str:
        """Return the session of the Ray that answers on a port, empty where none said so."""
        found = _SESSION.search(self.said.get(port, ""))
        return found["session"] if found else ""

    def at(self, port: int) -> tuple[Listener, ...]:
        """Return what listens on a port."""
        return tuple(listener for listener in self.listeners or () if listener.port == port)


def script(address: str, asked: Iterable[Asked]) -> tuple[str, ...]:
    """Return the words of the remote command. ``asked``: ports whose bytes are wanted, and what each is asked."""
    ports = [f"{port}{_SIGNS[question]}" for port, question in list(asked)[:_MOST_PORTS]]
    return ("sh", "-c", _SCRIPT, "raydeck", address, *ports)


def read(text: str) -> Told:
    """Read what the script printed; lines that are not understood are left out."""
    parts = _parts(text)
    if "end" not in parts and "bytes" not in parts:
        return Told()
    listening = parts.get("listeners", [])
    found = tuple(_through(parts.get("bytes", [])))
    return Told(
        tuple(_listeners(listening)) if listening else None,
        frozenset(_stalled(parts.get("sessions", []))),
        dict(_settings(parts.get("sshd", []))),
        {port: through for port, through, _ in found},
        {port: said for port, _, said in found if said},
    )


def _parts(text: str) -> dict[str, list[str]]:
    parts: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in text.splitlines():
        if line.startswith("== "):
            lines = parts.setdefault(line[3:].strip(), [])
        else:
            lines.append(line)
    return parts


def _listeners(lines: Sequence[str]) -> Iterator[Listener]:
    for line in lines:
        fields = line.split(None, 5)
        found = _ADDRESS.match(fields[3]) if len(fields) > 4 else None
        if found is None:
            continue
        holder = _HOLDER.search(fields[5]) if len(fields) > 5 else None
        program, pid = (holder["program"], int(holder["pid"])) if holder else ("", None)
        yield Listener(found["host"], int(found["port"]), program, pid)


def _stalled(lines: Sequence[str]) -> Iterator[int]:
    """Yield sessions with bytes under way that are sent again and again: nobody takes them any more."""
    for line in lines:
        found = _RETRANSMITS.search(line)
        fields = line.split()
        if found and int(found["count"]) >= 1 and len(fields) > 1 and fields[1] != "0":
            holders = [int(each["pid"]) for each in _HOLDER.finditer(line)]
            yield from holders or [0]


def _settings(lines: Sequence[str]) -> Iterator[tuple[str, str]]:
    for line in lines:
        name, _, value = line.strip().partition(" ")
        if name.lower() in _SETTINGS:
            yield name.lower(), value.strip().lower()


def _through(lines: Sequence[str]) -> Iterator[tuple[int, Through, str]]:
    for line in lines:
        port, _, rest = line.partition(" ")
        through, _, said = rest.partition(" ")
        if port.isascii() and port.isdigit() and len(port) <= _PORT_DIGITS and through in get_args(Through):
            yield int(port), cast("Through", through), said
