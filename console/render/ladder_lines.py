"""One ladder as lines: hop by hop from the operator to the Ray head, the break with its evidence, and what mends it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, tzinfo
from textwrap import wrap

from rich.cells import cell_len

from console.model.check import Check, ClusterChecks, Ladder, Outcome
from console.render.cells import Pieces
from console.render.figures import age
from console.render.glyphs import Glyphs

_NAME_WIDTH = 15
_INDENT = 5 + _NAME_WIDTH
_LATENCY_WIDTH = 8
_LEAST_WIDTH = 60
_TONES = {Outcome.OK: "ok", Outcome.BROKEN: "bad", Outcome.UNVERIFIED: "dim", Outcome.SKIPPED: "dim"}
_SPEAKERS = {"ssh": "ssh says", "prometheus": "prometheus"}


def outcome_sign(outcome: Outcome, glyphs: Glyphs) -> str:
    """Return the sign of an outcome."""
    signs = {Outcome.OK: glyphs.ok, Outcome.BROKEN: glyphs.failed, Outcome.SKIPPED: glyphs.dash}
    return signs.get(outcome, glyphs.unreached)


def outcome_tone(outcome: Outcome) -> str:
    """Return the tone of an outcome."""
    return _TONES[outcome]


def latency(ms: float | None) -> str:
    """Return ``38 ms``, ``1.2 s``, or nothing where nothing was measured."""
    if ms is None:
        return ""
    return f"{ms / 1000:.1f} s" if ms >= 1000 else f"{max(ms, 1.0):.0f} ms"


def ladder_title(checks: ClusterChecks, ladder: Ladder, now: float, glyphs: Glyphs) -> Pieces:
    """Return whose ladder it is, and how the service has fared since the console began to look."""
    title = [(f"{checks.cluster} {glyphs.arrow} {ladder.service}", "head")]
    standing = ladder.standing
    if standing.up_since is not None and now - standing.up_since >= 1:
        title.append((f"   up {age(now - standing.up_since, glyphs)}", "dim"))
    if standing.flaps:
        title.append((f", {standing.flaps} {'flap' if standing.flaps == 1 else 'flaps'}", "dim"))
    return tuple(title)


def ladder_lines(
    checks: ClusterChecks, ladder: Ladder, width: int, glyphs: Glyphs, *, now: float, zone: tzinfo | None = None
) -> tuple[Pieces, ...]:
    """Return the hops of a ladder in lines of at most ``width`` cells."""
    width = max(_LEAST_WIDTH, width)
    walked = [check for check in ladder.checks if check.by == "walk"]
    told = [check for check in ladder.checks if check.by != "walk"]
    broken = ladder.first_broken
    lines: list[Pieces] = [((f"  you {glyphs.rule} ", ""), (f"reach: {checks.reach or 'direct'}", "dim"))]
    for check in walked:
        lines += _hop(check, width, glyphs, now, zone)
        if check is broken:
            lines += [*_told(told, width, glyphs, check), *_hint(check, width, glyphs)]
    if broken is None or broken.by != "walk":
        lines += _told(told, width, glyphs, None)
        lines += _hint(broken, width, glyphs) if broken is not None else ()
    return tuple(lines)


def _hop(check: Check, width: int, glyphs: Glyphs, now: float, zone: tzinfo | None) -> Iterator[Pieces]:
    sign = (f"  {outcome_sign(check.outcome, glyphs)} ", outcome_tone(check.outcome))
    is_broken = check.outcome is Outcome.BROKEN
    right = latency(check.latency_ms)
    if is_broken and check.since is not None and now - check.since >= 1:
        right = f"since {datetime.fromtimestamp(check.since, zone):%H:%M:%S}"
    detail = check.detail or ("well" if check.outcome is Outcome.OK else "")
    room = width - _INDENT - max(len(right), _LATENCY_WIDTH) - 1
    first, *rest = _wrapped(detail, room, glyphs) or [""]
    tone = "" if check.outcome in {Outcome.OK, Outcome.BROKEN} else "dim"
    space = " " * max(1, width - _INDENT - cell_len(first) - len(right))
    yield (
        sign,
        (f"{check.probe:<{_NAME_WIDTH}} ", "bad" if is_broken else tone),
        (first + space, tone),
        (right, "dim"),
    )
    yield from (_indented(text, tone) for text in rest)
    if is_broken:
        yield from (_indented(text, "") for text in _wrapped(check.cause, width - _INDENT, glyphs))
        if check.sent:
            asked = f"{check.sent}: {check.received or 'nothing came back'}"
            yield from (_indented(text, "dim") for text in _wrapped(asked, width - _INDENT, glyphs))


def _told(told: Iterable[Check], width: int, glyphs: Glyphs, broken: Check | None) -> Iterator[Pieces]:
    """Yield what ssh and Prometheus say: what is broken, else what is well, else why they cannot be asked."""
    for speaker, title in _SPEAKERS.items():
        ours = [check for check in told if check.by == speaker and check.detail]
        said = [check for check in ours if check.outcome is Outcome.BROKEN]
        said = said or [check for check in ours if check.outcome is Outcome.OK] or ours[:1]
        text = "; ".join(_statement(check, broken) for check in said)
        tone = "" if any(check.outcome is Outcome.BROKEN for check in said) else "dim"
        for at, line in enumerate(_wrapped(text, width - _INDENT, glyphs)):
            yield ((f"    {title if at == 0 else '':<{_NAME_WIDTH}} ", "accent"), (line, tone))


def _statement(check: Check, broken: Check | None) -> str:
    is_new = check.outcome is Outcome.BROKEN and check.cause and (broken is None or check.cause != broken.cause)
    return check.detail + (f": {check.cause}" if is_new else "")


def _hint(check: Check, width: int, glyphs: Glyphs) -> Iterator[Pieces]:
    yield from (_indented(text, "accent") for text in _wrapped(check.hint, width - _INDENT, glyphs))


def _indented(text: str, tone: str) -> Pieces:
    return ((" " * _INDENT, ""), (text, tone))


def _wrapped(text: str, room: int, glyphs: Glyphs) -> list[str]:
    return wrap(
        glyphs.safe(text), max(20, room), break_on_hyphens=False, max_lines=4, placeholder=f" {glyphs.ellipsis}"
    )


def summary_line(ladder: Ladder, glyphs: Glyphs) -> Pieces:
    """Return one service in one line: its sign, its latency, or the hop at which it is broken."""
    outcome, broken = ladder.outcome, ladder.first_broken
    sign = (f"  {outcome_sign(outcome, glyphs)} ", outcome_tone(outcome))
    name = (f"{ladder.service:<{_NAME_WIDTH}} ", "")
    if broken is not None:
        return (sign, name, (f"broken at {broken.probe}: ", "bad"), (glyphs.safe(broken.detail), ""))
    if outcome is Outcome.OK:
        return (sign, name, (latency(ladder.latency_ms) or "answers", "dim"))
    why = next((check.detail for check in reversed(ladder.checks) if check.outcome is outcome and check.detail), "")
    return (sign, name, (glyphs.safe(why) or "not asked", "dim"))


def cluster_lines(
    checks: ClusterChecks, width: int, glyphs: Glyphs, *, now: float, full: bool, zone: tzinfo | None = None
) -> tuple[Pieces, ...]:
    """Return one cluster's report: its services in a line each, and the ladder of every different break.

    ``full``: the dashboard's ladder, too, when nothing is broken.
    """
    state = Outcome.BROKEN if checks.broken is not None else Outcome.OK if checks.ok else Outcome.UNVERIFIED
    head = ((f"{outcome_sign(state, glyphs)} ", outcome_tone(state)), (checks.cluster, "head"),
            (f"   {checks.ok} of {checks.total} services answer", "dim"))  # fmt: skip
    lines: list[Pieces] = [head, *(summary_line(ladder, glyphs) for ladder in checks.ladders)]
    for ladder in _worth_showing(checks.ladders, full=full):
        lines += [(), ((" ", ""), *ladder_title(checks, ladder, now, glyphs))]
        lines += ladder_lines(checks, ladder, width, glyphs, now=now, zone=zone)
    return tuple(lines)


def _worth_showing(ladders: Sequence[Ladder], *, full: bool) -> Iterator[Ladder]:
    shown: set[tuple[str, str]] = set()
    for ladder in ladders:
        broken = ladder.first_broken
        if broken is None:
            if full and ladder.service == "dashboard":
                yield ladder
            continue
        key = (broken.probe, broken.cause)
        if key not in shown:
            shown.add(key)
            yield ladder
