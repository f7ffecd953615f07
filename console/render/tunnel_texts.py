"""Kept forwards as text: the table of ``raydeck tunnel status``, and what ``tunnel up`` prints as they change.

Whatever ssh said passes ``Glyphs.safe``, here or in the table.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from console.model.forward import KeptForward, KeptTunnel
from console.render.cells import Cell, Column, cell, unknown
from console.render.figures import age, duration
from console.render.glyphs import Glyphs

TUNNEL_COLUMNS = (
    Column("state", "", 1, right=False),
    Column("cluster", "CLUSTER", 11, right=False),
    Column("words", "STATE", 10, right=False),
    Column("direction", "WAY", 7, right=False),
    Column("forwards", "OPEN", 5),
    Column("since", "SINCE", 8),
    Column("kept", "KEPT BY", 22, right=False),
    Column("reason", "WHY", 40, right=False, flex=True, width_most=200),
)
_SIGNS = {"up": ("up", "ok"), "waiting": ("down", "bad"), "given-up": ("failed", "bad"), "held": ("failed", "bad"),
          "connecting": ("pending", "warn"), "closed": ("unreached", "dim")}  # fmt: skip
_WAYS = {"local": "to VM", "reverse": "from VM"}


def tunnel_sign(state: str, glyphs: Glyphs) -> tuple[str, str]:
    """Return sign and tone of a tunnel's state."""
    name, tone = _SIGNS.get(state, ("unknown", "dim"))
    return str(getattr(glyphs, name)), tone


def tunnel_cells(tunnel: KeptTunnel, kept_by: str, now: float, glyphs: Glyphs) -> tuple[Cell, ...]:
    """Return the cells of one tunnel; ``kept_by`` is in words, empty where no raydeck keeps it."""
    sign, tone = tunnel_sign(tunnel.state, glyphs)
    standing = sum(each.state in {"open", "used"} for each in tunnel.forwards)
    since = unknown(glyphs) if tunnel.since is None else cell(duration(now - tunnel.since, glyphs), "", tunnel.since)
    return (
        Cell(((sign, tone),), tunnel.state),
        cell(tunnel.cluster),
        cell(tunnel.state, tone),
        cell(_WAYS[tunnel.direction], "dim"),
        cell(f"{standing}/{len(tunnel.forwards)}"),
        since,
        cell(kept_by or _used_holder(tunnel.forwards) or "nobody", "dim"),
        cell(tunnel.reason),
    )


def _used_holder(forwards: Sequence[KeptForward]) -> str:
    return next((each.holder for each in forwards if each.state == "used"), "")


def report_lines(tunnel: KeptTunnel, now: float, glyphs: Glyphs) -> list[str]:
    """Return what a change of a tunnel is worth saying: what listens where, or why it does not and what to do."""
    name = f"{tunnel.cluster}: {_WAYS[tunnel.direction]}"
    if tunnel.state == "up":
        after = f" again, restart {tunnel.restarts}" if tunnel.restarts else ""
        return [f"{name}: up{after}", *_forward_lines(tunnel.forwards, glyphs)]
    if tunnel.state in {"connecting", "closed"}:
        return [f"{name}: {tunnel.state}"]
    again = "" if tunnel.retry_at is None else f"; again in {age(tunnel.retry_at - now + 0.5, glyphs)}"
    lines = [f"{name}: {tunnel.state}: {tunnel.reason}{again}"]
    return [glyphs.safe(line) for line in [*lines, *([f"  {tunnel.hint}"] if tunnel.hint else [])]]


def opened_words(tunnel: KeptTunnel) -> str:
    """Return for how long what is open stays so: what another ssh forwards is not ours, and may end at any time."""
    used = sum(each.state == "used" for each in tunnel.forwards)
    if not used:
        return f"{tunnel.cluster}: its forwards are open, for as long as this console"
    which = "all of its ports" if used == len(tunnel.forwards) else f"{used} of its {len(tunnel.forwards)} ports"
    return f"{tunnel.cluster}: {which} were open already, by {_used_holder(tunnel.forwards)}; taken over when that ends"


def _forward_lines(forwards: Iterable[KeptForward], glyphs: Glyphs) -> list[str]:
    lines = []
    for each in forwards:
        forward = each.forward
        used = f"   used as it is: {each.holder}" if each.state == "used" else ""
        lines.append(f"  {forward.service:<15} {forward.listen} {glyphs.arrow} {forward.target}{used}")
    return [glyphs.safe(line) for line in lines]
