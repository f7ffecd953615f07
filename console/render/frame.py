"""What frames every screen: the head with states, modes and a rule, the footer with the keys that work here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, tzinfo

from rich.cells import cell_len

from console.model.cluster import ClusterSnapshot, State
from console.model.event import Event
from console.model.metrics import ServerState
from console.render.cells import Pieces, fit
from console.render.figures import age
from console.render.glyphs import LEVEL_STATES, Glyphs, state_tone
from console.render.staleness import is_stale

MODES = (("1", "clusters"), ("2", "jobs"), ("3", "tunnels"), ("4", "metrics"), ("5", "serve"), ("6", "results"))


def state_line(snapshots: Iterable[ClusterSnapshot], glyphs: Glyphs, *, read_only: bool) -> Pieces:
    """Return `` raydeck   ● 2 up   ○ 1 down``: how many clusters are in which state."""
    counts: dict[State, int] = {}
    for snapshot in snapshots:
        counts[snapshot.state] = counts.get(snapshot.state, 0) + 1
    pieces: list[tuple[str, str]] = [(" raydeck", "accent")]
    for state in State:
        if state in counts:
            pieces += [("   " + glyphs.state(state), state_tone(state)), (f" {counts[state]} {state}", "")]
    if read_only:
        pieces.append(("   read-only", "warn"))
    return tuple(pieces)


def clock_line(now: float, zone: tzinfo | None, refresh_s: float) -> Pieces:
    """Return ``every 2 s   14:03:27 EET``: the one place where the time zone is named."""
    local = datetime.fromtimestamp(now, zone).astimezone(zone)
    return ((f"every {refresh_s:g} s   ", "dim"), (local.strftime("%H:%M:%S %Z "), ""))


def head_right(states: Pieces, server: Pieces, clock: Pieces, width: int) -> Pieces:
    """Return what stands right of the states: the server, the refresh and the time, or what of it has room.

    The time stays, then the server; how often is asked goes first.
    """
    every, *time = clock
    room = width - _cells(states) - 2
    choices = ((*server, every, *time), (*server, *time), (every, *time))
    return next((choice for choice in choices if _cells(choice) <= room), tuple(time))


def _cells(pieces: Pieces) -> int:
    return sum(cell_len(text) for text, _ in pieces)


def server_line(servers: Sequence[ServerState], now: float, stale_after_s: float, glyphs: Glyphs) -> Pieces:
    """Return ``prometheus oss 1 s   ``: how long ago it answered, of several the one that is worst off; yellow if old.

    Nothing without any. A server that has never answered has the dash.
    """
    if not servers:
        return ()
    worst = max(servers, key=lambda server: (server.fault is not None, now - (server.answered_at or 0.0)))
    age_s = None if worst.answered_at is None else max(0.0, now - worst.answered_at)
    troubled = worst.fault is not None or is_stale(age_s, stale_after_s)
    named = f"prometheus {glyphs.safe(worst.name)}"
    more = f" +{len(servers) - 1}" if len(servers) > 1 else ""
    return (
        (f"{named}{more} ", "warn" if troubled else "dim"),
        (f"{age(age_s, glyphs):<4}  ", "warn" if troubled else ""),
    )


def event_line(
    event: Event, zone: tzinfo | None, width: int, glyphs: Glyphs, told: ClusterSnapshot | None = None
) -> Pieces:
    """Return `` 14:02:11 ◐ local-1 172.29.0.2 memory used above 80 %``, and behind it the key of the whole list.

    ``told`` is the cluster whose faults are told on the same screen: a cause that stands there is not repeated.
    """
    message, _, cause = event.message.partition(": ")
    faults = told.faults if told is not None and told.spec.name == event.cluster else ()
    if not any(cause and (cause in fault.message or fault.message in cause) for fault in faults):
        message = event.message
    at = datetime.fromtimestamp(event.at, zone).strftime("%H:%M:%S")
    sign = glyphs.state(LEVEL_STATES[event.level])
    where = " ".join(part for part in (event.cluster, event.node) if part)
    key: Pieces = (("  E ", "accent"), ("events ", "dim"))
    words: Pieces = ((f" {at} ", "dim"), (f"{sign} ", event.level), (f"{where} ", "text"), (message, ""))
    return (*fit(words, max(0, width - 11), glyphs), *key)


def mode_line(current: str) -> Pieces:
    """Return `` 1 clusters   2 jobs   3 tunnels …``, the present mode in the accent."""
    pieces: list[tuple[str, str]] = []
    for key, name in MODES:
        tone = "accent" if name == current else "dim"
        pieces += [(f" {key} ", "dim"), (f"{name}  ", tone)]
    return tuple(pieces)


def rule(width: int, glyphs: Glyphs, title: str = "") -> Pieces:
    """Return a rule over ``width`` cells, a title near its right end."""
    if not title or len(title) + 6 > width:
        return ((glyphs.rule * width, "track"),)
    return (
        (glyphs.rule * (width - len(title) - 4) + " ", "track"),
        (title, "text"),
        (" " + glyphs.rule * 2, "track"),
    )


def key_line(keys: Sequence[tuple[str, str]], width: int) -> Pieces:
    """Return `` s submit   l logs …``: as many keys, the most useful first, as fit whole into ``width``."""
    pieces: list[tuple[str, str]] = []
    used = 0
    for shown, label in keys:
        needed = len(shown) + len(label) + 4
        if used + needed > width:
            break
        used += needed
        pieces += [(f" {shown} ", "accent"), (f"{label}  ", "dim")]
    return tuple(pieces)
