"""The tunnels table: clusters x services, each cell what came of the last walk; and what is wrong with one cluster."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, tzinfo
from textwrap import wrap

from console.model.check import CHECKED_SERVICES, CheckedService, ClusterChecks, Ladder, Outcome
from console.model.forward import KeptTunnel
from console.render.cells import BLANK, Cell, Column, Pieces, Row, cell, unknown
from console.render.figures import age
from console.render.glyphs import Glyphs
from console.render.ladder_lines import latency, outcome_sign, outcome_tone
from console.render.staleness import age_cell, is_stale
from console.render.tunnel_texts import tunnel_sign

_TITLES: dict[CheckedService, str] = {
    "dashboard": "DASHBOARD",
    "client": "CLIENT",
    "metrics-head": "METR HEAD",
    "metrics-worker": "METR WORK",
    "serve": "SERVE",
}
TUNNELS_COLUMNS = (
    Column("state", "", 1, right=False),
    Column("cluster", "CLUSTER", 9, right=False, flex=True, width_most=24),
    Column("reach", "REACH", 7, right=False, drop=3),
    *(Column(service, title, 10, right=False) for service, title in _TITLES.items()),
    Column("forward", "KEPT OPEN", 12, right=False, drop=2),
    Column("flaps", "FLAPS", 5, drop=4),
    Column("checked", "AGE", 5, drop=1),
)
_MOST_LINES = 3


def inapplicable_tunnel_columns(clusters: Iterable[ClusterChecks]) -> frozenset[str]:
    """Return the keys of the columns that apply to no cluster: services that no path has, forwards nobody needs."""
    clusters = tuple(clusters)
    services = {ladder.service for checks in clusters for ladder in checks.ladders}
    hidden = set(CHECKED_SERVICES) - services if clusters else set()
    if all(checks.reach != "forward" for checks in clusters):
        return frozenset({*hidden, "forward"})
    return frozenset(hidden)


def tunnel_row(
    checks: ClusterChecks,
    kept: KeptTunnel | None,
    now: float,
    stale_after_s: float,
    zone: tzinfo | None,
    glyphs: Glyphs,
) -> Row:
    """Return the row of one cluster; ``kept`` is its forwards where this console keeps them.

    A walk that is older than ``stale_after_s`` verifies nothing any more: the row is dim.
    """
    state = cluster_outcome(checks)
    flaps = max((ladder.standing.flaps for ladder in checks.ladders), default=0)  # one cut is a flap of each service
    age_s = None if checks.checked_at is None else max(0.0, now - checks.checked_at)
    cells = (
        Cell(((outcome_sign(state, glyphs), outcome_tone(state)),), str(state)),
        cell(checks.cluster),
        cell(checks.reach or "direct", "dim"),
        *(_service(checks.ladder(service), zone, glyphs) for service in CHECKED_SERVICES),
        _kept(checks, kept, glyphs),
        cell(str(flaps), "" if flaps else "dim", flaps) if checks.checked_at is not None else unknown(glyphs),
        age_cell(age_s, stale_after_s, glyphs),
    )
    return Row(cells, stale=is_stale(age_s, stale_after_s))


def cluster_outcome(checks: ClusterChecks) -> Outcome:
    """Return OK only where every service that has to answer was seen to, BROKEN where any hop is broken."""
    if checks.broken is not None:
        return Outcome.BROKEN
    return Outcome.OK if 0 < checks.ok == checks.total else Outcome.UNVERIFIED


def _service(ladder: Ladder | None, zone: tzinfo | None, glyphs: Glyphs) -> Cell:
    """Return ``✓ 38 ms``; where it does not answer, when it did last: ``✗ 13:59:12``, ``✗ never``."""
    if ladder is None:
        return BLANK
    outcome, standing = ladder.outcome, ladder.standing
    sign = (outcome_sign(outcome, glyphs), outcome_tone(outcome))
    if outcome is Outcome.OK:
        return Cell((sign, (f" {latency(ladder.latency_ms)}", "")), ladder.latency_ms)
    if outcome is Outcome.SKIPPED:
        return Cell((sign,))
    if standing.last_ok_at is not None:
        return Cell((sign, (f" {datetime.fromtimestamp(standing.last_ok_at, zone):%H:%M:%S}", "dim")))
    return Cell((sign, (" never", "dim"))) if outcome is Outcome.BROKEN else Cell((sign,))


def _kept(checks: ClusterChecks, kept: KeptTunnel | None, glyphs: Glyphs) -> Cell:
    """Return how this console's own forwards stand; blank where the cluster needs none."""
    if kept is None:
        return cell("no", "dim") if checks.reach == "forward" else BLANK
    sign, tone = tunnel_sign(kept.state, glyphs)
    return Cell(((f"{sign} ", tone), (kept.state, "")), kept.state)


def path_lines(
    checks: ClusterChecks | None, kept: KeptTunnel | None, width: int, now: float, zone: tzinfo | None, glyphs: Glyphs
) -> tuple[Pieces, ...]:
    """Return what the row under the cursor has to say: the first broken hop as a sentence, then what to type."""
    if checks is None:
        return ()
    name, broken = checks.cluster, checks.broken
    lines: list[Pieces] = []
    if broken is not None:
        since = "" if broken.since is None else f" since {datetime.fromtimestamp(broken.since, zone):%H:%M:%S}"
        service = f" ({broken.service})" if broken.service else ""
        told = "".join(f": {text}" for text in (broken.detail, broken.cause) if text)
        says = f"is broken at {broken.probe}{service}{since}{told}" + _last_answer(checks, broken.service, zone)
        lines += _sentence(name, "bad", says, broken.hint, width, glyphs)
    elif checks.checked_at is None:
        lines.append(((f" {name}", ""), (" is being walked for the first time", "dim")))
    else:
        lines.append(((f" {name}", "ok"), (f" {checks.ok} of {checks.total} services answer", "")))
    if kept is not None and kept.state != "up":
        again = "" if kept.retry_at is None else f", again in {age(max(0.0, kept.retry_at - now), glyphs)}"
        says = f"forwards {kept.state}{again}" + (f": {kept.reason}" if kept.reason else "")
        lines += _sentence(name, "warn", says, kept.hint, width, glyphs)
    return tuple(lines)


def _last_answer(checks: ClusterChecks, service: CheckedService | None, zone: tzinfo | None) -> str:
    """Return when a service answered last, the dashboard where the break is of all; it is what the cells say, too."""
    ladder = checks.ladder(service or "dashboard")
    at = None if ladder is None else ladder.standing.last_ok_at
    return "; no answer seen yet" if at is None else f"; last answer {datetime.fromtimestamp(at, zone):%H:%M:%S}"


def _sentence(name: str, tone: str, says: str, hint: str, width: int, glyphs: Glyphs) -> list[Pieces]:
    room = max(20, width - len(name) - 4)
    first, *rest = _wrapped(says, room, glyphs) or [""]
    indent = (" " * (len(name) + 2), "")
    return [
        ((f" {name} ", tone), (first, "")),
        *((indent, (text, "")) for text in rest),
        *((indent, (text, "accent")) for text in _wrapped(hint, room, glyphs)),
    ]


def _wrapped(text: str, room: int, glyphs: Glyphs) -> Sequence[str]:
    return wrap(glyphs.safe(text), room, max_lines=_MOST_LINES, placeholder=f" {glyphs.ellipsis}")


def no_tunnels_lines() -> tuple[Pieces, ...]:
    """Return what teaches a newcomer who has no cluster: what a tunnel is, and how one is described."""
    return (
        (("no clusters, so no tunnels yet", ""),),
        (),
        (("describe a cluster behind a tunnel in clusters.toml:", "dim"),),
        (("   [ssh.vm]", ""), ("                          the VM that its reverse tunnel ends on", "dim")),
        (('   host = "GPU-cpouta"', ""), ("               a Host of ~/.ssh/config", "dim")),
        (("   [[clusters]]", ""),),
        (('   tunnel = { via = "vm", slot = 1 }', ""), ("  ports and names follow from the slot", "dim")),
        (("an example to begin with:  ", "dim"), ("raydeck config example", "accent")),
    )
